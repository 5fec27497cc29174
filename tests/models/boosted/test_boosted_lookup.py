"""Tables of bits say what walks say, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.models.boosted import lookup
from justright.models.boosted.lookup import lookup_of
from justright.models.boosted.walk import leaves_by_walk


def raw(seed, n=250):
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.normal(size=(n, 3)), rng.integers(0, 70, n)]).astype(np.float32)
    rows[:, 1] = np.round(rows[:, 1])
    rows[rng.random(rows.shape) < 0.1] = np.nan
    rows[:, 3] = np.nan_to_num(rows[:, 3])
    target = np.nan_to_num(rows[:, 0] * rows[:, 1]) + rows[:, 3] % 4 + rng.normal(size=n) / 5
    return rows, target


@pytest.mark.parametrize(("leaves", "bits"), [(2, 32), (32, 32), (33, 64), (64, 64)])
def test_equal_to_walks(grown, leaves, bits):
    rows, target = raw(3, 3000)
    _, trees = grown(rows, target, categories=[3], num_leaves=leaves, min_data_in_leaf=1)
    tables = lookup_of(trees)
    assert tables is not None
    assert tables.bits == bits
    other, _ = raw(4)
    other[:5] = [[np.inf] * 4, [-np.inf] * 4, [np.nan] * 4, [0.0] * 4, [1e30] * 4]
    np.testing.assert_array_equal(tables.leaves_of(other), leaves_by_walk(trees, other))


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    leaves=st.integers(2, 40),
    zero=st.booleans(),
    missing=st.booleans(),
)
def test_equal_to_walks_whatever_is_missing(grown, seed, leaves, zero, missing):
    rows, target = raw(seed)
    asked = {"zero_as_missing": zero, "use_missing": missing, "num_leaves": leaves}
    _, trees = grown(rows, target, categories=[3], rounds=5, **asked)
    tables = lookup_of(trees)
    assert tables is not None
    other, _ = raw(seed + 1)
    np.testing.assert_array_equal(tables.leaves_of(other), leaves_by_walk(trees, other))


def test_none_for_trees_that_are_too_large(grown, monkeypatch):
    rows, target = raw(5, 3000)
    _, trees = grown(rows, target, num_leaves=70, min_data_in_leaf=1)
    assert lookup_of(trees) is None
    _, trees = grown(rows, target, num_leaves=31)
    assert lookup_of(trees) is not None
    monkeypatch.setattr(lookup, "_MOST_BYTES", 1000)
    assert lookup_of(trees) is None


def test_trees_of_one_leaf_and_no_trees(grown):
    rows, target = raw(6)
    _, trees = grown(np.zeros((10, 1)), np.full(10, 2.5), rounds=1)
    tables = lookup_of(trees)
    assert tables is not None
    assert tables.leaves_of(rows).tolist() == [[0]] * len(rows)
