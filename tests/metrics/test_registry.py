"""What every metric keeps, found by the registry, so that a new metric is tested by its line there."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.metrics import METRICS, default_metric, metric, metrics_for

CASES = [(name, task) for name, each in METRICS.items() for task in each.tasks]


def rows_for(task, seed, n=40):
    rng = np.random.default_rng(seed)
    if task == "regression":
        return rng.gamma(2.0, 1.0, n) + 0.1, rng.gamma(2.0, 1.0, n) + 0.1
    k = 2 if task == "binary" else 4
    target = rng.integers(0, k, n)
    share = np.round(rng.dirichlet(np.ones(k), n), 1) + 0.05
    share /= share.sum(axis=1, keepdims=True)
    return target, share[:, 1] if k == 2 else share


def test_all_metrics_are_checked():
    assert len(METRICS) == 17
    assert len(CASES) == 6 + 2 * 11


@pytest.mark.parametrize(("name", "task"), CASES)
@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_does_not_matter(name, task, seed):
    target, prediction = rows_for(task, seed)
    weight = np.random.default_rng(seed + 1).integers(1, 4, len(target)).astype(float)
    order = np.random.default_rng(seed).permutation(len(target))
    function = METRICS[name].function
    expected = function(target, prediction, weight)
    assert function(target[order], prediction[order], weight[order]) == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize(("name", "task"), CASES)
@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_weight_is_repetition(name, task, seed):
    target, prediction = rows_for(task, seed)
    weight = np.random.default_rng(seed + 1).integers(0, 4, len(target))
    assume(weight.sum() > 0)
    function = METRICS[name].function
    expected = function(np.repeat(target, weight), np.repeat(prediction, weight, axis=0))
    assert function(target, prediction, weight) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_range_and_direction(name, task):
    each = METRICS[name]
    target, prediction = rows_for(task, 7)
    perfect = target if task == "regression" else np.eye(4)[target] if task == "multiclass" else target * 1.0
    best, other = each.function(target, perfect), each.function(target, prediction)
    assert each.low <= other <= each.high
    assert best > other if each.greater_is_better else best < other
    assert best == pytest.approx(each.high if each.greater_is_better else each.low, abs=1e-12)


def test_the_headline_is_first_and_for_its_task():
    for task in ("regression", "binary", "multiclass"):
        assert metrics_for(task)[0].name == default_metric(task)
        assert all(task in each.tasks for each in metrics_for(task))


def test_an_unknown_metric_names_the_closest():
    with pytest.raises(RecipeError, match=r"metric='acuracy'; allowed: one of: accuracy"):
        metric("acuracy")


def test_a_metric_of_another_task_is_refused_with_the_right_one():
    with pytest.raises(RecipeError, match=r"rmse is for regression.*Next: --set metric=roc_auc"):
        metric("rmse", "binary")
