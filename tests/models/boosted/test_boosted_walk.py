"""Decisions of single nodes, in the words of LightGBM's source, and walks against plain Python."""

import math

import numpy as np
import pytest

from justright.models.boosted.trees import CATEGORY, DEFAULT_LEFT, NAN_MISSING, ZERO_MISSING, Trees
from justright.models.boosted.walk import ZERO, goes_right, leaves_by_walk


def one(rule, threshold=0.0, bits=()):
    return Trees(
        feature=np.zeros(1, np.int32),
        threshold=np.asarray([threshold]),
        left=np.asarray([-1], np.int32),
        right=np.asarray([-2], np.int32),
        rule=np.asarray([rule], np.uint8),
        bits_at=np.asarray([0, len(bits)]),
        bits=np.asarray(bits, np.uint32),
        value=np.asarray([10.0, 20.0]),
        root=np.zeros(1, np.int32),
        output=np.zeros(1, np.int32),
    )


def decides(trees, x):
    """LightGBM's decision on one value, written out."""
    rule, threshold = int(trees.rule[0]), float(trees.threshold[0])
    if rule & CATEGORY:
        if math.isnan(x) or math.isinf(x) or int(x) < 0:
            return True
        word, bit = divmod(int(x), 32)
        return not (word < len(trees.bits) and int(trees.bits[word]) >> bit & 1)
    if math.isnan(x) and not rule & NAN_MISSING:
        x = 0.0
    if (rule & ZERO_MISSING and abs(x) <= ZERO) or (rule & NAN_MISSING and math.isnan(x)):
        return not rule & DEFAULT_LEFT
    return not x <= threshold


VALUES = [0.0, -0.0, 1e-36, -1e-36, 1e-34, -1e-34, 0.5, -0.5, 1.0, math.inf, -math.inf, math.nan, 1.5]


@pytest.mark.parametrize("threshold", [0.5, -0.5, 0.0, ZERO, -1e300, 1e300])
@pytest.mark.parametrize("missing", [0, ZERO_MISSING, NAN_MISSING])
@pytest.mark.parametrize("default", [0, DEFAULT_LEFT])
def test_numbers(threshold, missing, default):
    trees = one(missing | default, threshold)
    x = np.asarray(VALUES)
    expected = [decides(trees, value) for value in VALUES]
    np.testing.assert_array_equal(goes_right(trees, np.zeros(len(x), np.int64), x), expected)


def test_categories():
    trees = one(CATEGORY, bits=[0b101, 0, 1 << 31])
    values = [0.0, 1.0, 2.0, 31.0, 64.0, 94.0, 95.0, 96.0, 1e9, -1.0, -0.5, 2.7, math.nan, math.inf]
    expected = [decides(trees, value) for value in values]
    assert expected[:4] == [False, True, False, True] and not expected[6]
    found = goes_right(trees, np.zeros(len(values), np.int64), np.asarray(values))
    np.testing.assert_array_equal(found, expected)


def test_a_category_without_a_set_goes_right():
    assert goes_right(one(CATEGORY), np.zeros(2, np.int64), np.asarray([0.0, 3.0])).all()


def test_walks_end_where_plain_python_ends(grown):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 4)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    _, trees = grown(rows, np.nan_to_num(rows[:, 0] * rows[:, 1]), num_leaves=15)

    def walked(row, node):
        while node >= 0:
            x, rule = float(row[trees.feature[node]]), int(trees.rule[node])
            lost = math.isnan(x) and rule & NAN_MISSING
            x = 0.0 if math.isnan(x) else x
            left = bool(rule & DEFAULT_LEFT) if lost else x <= trees.threshold[node]
            node = int(trees.left[node] if left else trees.right[node])
        return ~node

    expected = [[walked(row, int(root)) for root in trees.root] for row in rows]
    np.testing.assert_array_equal(leaves_by_walk(trees, rows), expected)
    assert leaves_by_walk(trees, rows[:0]).shape == (0, 12)
