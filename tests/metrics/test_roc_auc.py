import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from justright.metrics.roc_auc import binary_roc_auc, roc_auc
from justright.metrics.rows import class_rows as check


def naive(target, score, weight):
    pairs = won = 0.0
    for y, s, w in zip(target, score, weight, strict=True):
        for other_y, other_s, other_w in zip(target, score, weight, strict=True):
            if y == 1 and other_y == 0:
                pairs += w * other_w
                won += w * other_w * ((s > other_s) + 0.5 * (s == other_s))
    return won / pairs if pairs else math.nan


def test_equals_scikit_learn(binary_rows, class_rows):
    target, prediction, weight = binary_rows
    expected = roc_auc_score(target, prediction, sample_weight=weight)
    assert roc_auc(target, prediction, weight) == pytest.approx(expected, rel=1e-12)
    target, prediction, weight = class_rows
    keep = slice(None) if weight is None else weight > 0
    expected = roc_auc_score(
        target[keep],
        prediction[keep],
        sample_weight=None if weight is None else weight[keep],
        multi_class="ovr",
    )
    assert roc_auc(target, prediction, weight) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_equals_counting_pairs(rows):
    target, score, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if weight.sum() == 0:
        weight += 1.0
    expected = naive(target, score, weight)
    assert roc_auc(target, score, weight) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@given(st.lists(st.integers(-20, 20), min_size=4, max_size=30))
def test_only_the_order_counts(scores):
    target = np.arange(len(scores)) % 2
    score = np.array(scores, dtype=float)
    assert roc_auc(target, score) == roc_auc(target, np.exp(score / 10.0))
    assert roc_auc(target, score) == pytest.approx(1.0 - roc_auc(target, -score))


def test_one_class_is_not_defined():
    assert math.isnan(roc_auc([1, 1], [0.2, 0.3]))
    assert math.isnan(binary_roc_auc(check([0], [0.2], None)))
    assert math.isnan(roc_auc([2, 2], np.full((2, 3), 1 / 3)))


def test_a_class_without_rows_is_left_out_of_the_mean():
    prediction = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    assert roc_auc([0, 1], prediction) == 1.0
