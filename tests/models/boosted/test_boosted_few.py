"""All nodes at once say what walks say, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.models.boosted import few
from justright.models.boosted.few import few_rows
from justright.models.boosted.walk import leaves_by_walk


def raw(seed, n=250):
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.normal(size=(n, 3)), rng.integers(0, 70, n)]).astype(np.float32)
    rows[:, 1] = np.round(rows[:, 1])
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, 3] = np.nan_to_num(rows[:, 3])
    target = np.nan_to_num(rows[:, 0] * rows[:, 1]) + rows[:, 3] % 4 + rng.normal(size=n) / 5
    return rows, target


@pytest.mark.parametrize("leaves", [2, 32, 33, 64])
def test_equal_to_walks(grown, leaves):
    rows, target = raw(3, 3000)
    _, trees = grown(rows, target, categories=[3], num_leaves=leaves, min_data_in_leaf=1)
    found = few_rows(trees)
    assert found is not None
    other, _ = raw(4)
    other[:7] = [[np.inf] * 4, [-np.inf] * 4, [np.nan] * 4, [0.0] * 4, [1e30] * 4, [-0.5] * 4, [-1.0] * 4]
    np.testing.assert_array_equal(found.leaves_of(other), leaves_by_walk(trees, other))
    for row in other[:20]:
        np.testing.assert_array_equal(found.leaves_of(row[None]), leaves_by_walk(trees, row[None]))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), leaves=st.integers(2, 40), missing=st.booleans())
def test_equal_to_walks_whatever_is_missing(grown, seed, leaves, missing):
    rows, target = raw(seed)
    _, trees = grown(rows, target, categories=[3], rounds=5, use_missing=missing, num_leaves=leaves)
    found = few_rows(trees)
    assert found is not None
    other, _ = raw(seed + 1)
    np.testing.assert_array_equal(found.leaves_of(other), leaves_by_walk(trees, other))


def test_none_for_trees_that_are_too_large_or_odd(grown, monkeypatch):
    rows, target = raw(5, 3000)
    _, trees = grown(rows, target, num_leaves=70, min_data_in_leaf=1)
    assert few_rows(trees) is None
    _, trees = grown(rows, target, zero_as_missing=True)
    assert few_rows(trees) is None
    _, trees = grown(np.zeros((10, 1)), np.full(10, 2.5), rounds=1)
    assert few_rows(trees) is None
    _, trees = grown(rows, target, categories=[3])
    monkeypatch.setattr(few, "_MOST_BYTES", 10)
    assert few_rows(trees) is None
