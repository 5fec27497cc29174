"""Parts by time: order kept, ties whole, shares as near as the ties allow."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.split import parse_shares, part_by_time, time_cutoffs

MOMENTS = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=60)
SHARES = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def test_known_cutoffs():
    moments = np.arange(100.0)
    cutoffs = time_cutoffs(moments, "80/10/10")
    assert cutoffs.tolist() == [80.0, 90.0]
    assert np.bincount(part_by_time(moments, cutoffs)).tolist() == [80, 10, 10]


@given(MOMENTS, SHARES)
def test_order_ties_and_no_empty_part(moments, shares):
    values = np.array(moments)
    assume(len(set(moments)) >= len(shares))
    part = part_by_time(values, time_cutoffs(values, shares))
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(part[order]) >= 0)
    assert all(len(set(part[values == v])) == 1 for v in set(moments))
    assert set(part) == set(range(len(shares)))


@given(MOMENTS, st.integers(1, 9), st.integers(1, 9))
def test_two_parts_are_as_near_to_the_share_as_ties_allow(moments, a, b):
    values = np.array(moments)
    assume(len(set(moments)) >= 2)
    target = parse_shares([a, b])[0] * len(values)
    real = (part_by_time(values, time_cutoffs(values, [a, b])) == 0).sum()
    possible = [(values < v).sum() for v in sorted(set(moments))[1:]]
    assert abs(real - target) == min(abs(p - target) for p in possible)


def test_ties_that_hold_most_rows():
    values = np.array([0.0] + [5.0] * 98 + [9.0])
    assert np.bincount(part_by_time(values, time_cutoffs(values, "80/10/10"))).tolist() == [1, 98, 1]


def test_unknown_moments_are_left_out():
    values = np.array([np.nan, 1.0, 2.0, np.nan])
    assert part_by_time(values, time_cutoffs(values, "1/1")).tolist() == [-1, 0, 1, -1]


def test_kept_cutoffs_leave_old_rows_when_rows_come():
    old = np.arange(10.0)
    cutoffs = time_cutoffs(old, "70/30")
    grown = np.concatenate([old, np.arange(10.0, 20.0)])
    assert np.array_equal(part_by_time(grown, cutoffs)[:10], part_by_time(old, cutoffs))


@pytest.mark.parametrize("moments", [[], [1.0, 1.0], [np.nan, 2.0]])
def test_too_few_distinct_moments(moments):
    with pytest.raises(RecipeError, match="distinct moments"):
        time_cutoffs(np.array(moments), "80/20")


def test_one_part_has_no_cutoff():
    assert time_cutoffs(np.array([1.0]), [1]).shape == (0,)
