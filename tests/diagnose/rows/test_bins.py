"""Bins keep ties together, missing apart and numbers in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from justright.diagnose.rows.bins import bins_of, numbered
from justright.diagnose.rows.sample import Feature


def number(values):
    return Feature("x", "x", "", np.asarray(values, float), None, 0, 1.0, False)


@given(
    st.lists(st.one_of(st.integers(-5, 5), st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1),
    st.integers(2, 9),
)
def test_bins_rise_with_the_numbers(values, most):
    bins = bins_of(number(values), most)
    pairs = sorted((v, int(b)) for v, b in zip(values, bins, strict=True) if v == v)
    assert all(b <= d for (_, b), (_, d) in zip(pairs, pairs[1:], strict=False))
    assert all(b == d for (a, b), (c, d) in zip(pairs, pairs[1:], strict=False) if a == c)
    gone = {int(b) for v, b in zip(values, bins, strict=True) if v != v}
    assert len(gone) <= 1
    assert gone.isdisjoint(b for _, b in pairs)
    assert set(bins.tolist()) == set(range(int(bins.max()) + 1))
    assert int(bins.max()) <= most


def test_commonest_categories_keep_a_bin():
    codes = np.array([4, 4, 4, 2, 2, 0, 1, 3], np.int32)
    bins = bins_of(Feature("c", "c", "", None, codes, 5, 1.0, False), 2)
    assert len(set(bins[:3])) == len(set(bins[3:5])) == len(set(bins[5:])) == 1
    assert len(set(bins.tolist())) == 3


def test_gaps_are_closed():
    assert numbered(np.array([7, 3, 7, 9])).tolist() == [1, 0, 1, 2]
