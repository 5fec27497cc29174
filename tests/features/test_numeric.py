"""Moments against plain formulas, at every size of number, in any split and order."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.features.numeric import Moments, NumericFeature, fit_numeric, scaled
from justright.schema import Column

X = Column("x", "numeric", "number")
NUMBERS = st.floats(-1e6, 1e6).map(lambda v: round(v, 3))


def moments_of(values, weight=None):
    moments = Moments()
    moments.add(np.asarray(values, float), np.ones(len(values)) if weight is None else np.asarray(weight))
    return moments


def exact(values, weight):
    """Mean and sum of squared deviations in exact arithmetic."""
    pairs = [(Fraction(v), Fraction(w)) for v, w in zip(values, weight, strict=True)]
    total = sum(w for _, w in pairs)
    mean = sum(v * w for v, w in pairs) / total
    return float(mean), float(sum(w * (v - mean) ** 2 for v, w in pairs))


@given(st.lists(st.tuples(NUMBERS, st.integers(1, 9)), min_size=1, max_size=30), st.integers(1, 7))
def test_moments_are_the_exact_ones_in_any_batches(pairs, size):
    values, weight = (list(column) for column in zip(*pairs, strict=True))
    whole = Moments()
    for begin in range(0, len(values), size):
        whole.merge(moments_of(values[begin : begin + size], weight[begin : begin + size]))
    mean, squares = exact(values, weight)
    size = max(abs(v) for v in values) + 1e-300
    assert whole.mean == pytest.approx(mean, rel=1e-12, abs=1e-14 * size)
    assert whole.squares == pytest.approx(squares, rel=1e-9, abs=1e-13 * size * size * len(values))
    assert (whole.low, whole.high, whole.weight) == (min(values), max(values), sum(weight))


def test_a_weight_is_a_repetition():
    values, weight = np.array([1.0, 2.5, -4.0, np.nan]), np.array([3, 1, 2, 2])
    one, other = moments_of(values, weight), moments_of(np.repeat(values, weight))
    assert one.mean == pytest.approx(other.mean, rel=1e-15)
    assert one.squares == pytest.approx(other.squares, rel=1e-14)
    assert (one.weight, one.missing, one.low, one.high) == (other.weight, other.missing, -4.0, 2.5)


def test_rows_of_weight_zero_say_nothing():
    moments = moments_of([1.0, 1e9, 3.0, np.nan], [1, 0, 1, 0])
    assert (moments.mean, moments.high, moments.missing) == (2.0, 3.0, 0.0)


def test_missing_and_infinite_are_counted_and_kept_out():
    moments = moments_of([1.0, np.nan, np.inf, -np.inf, 3.0])
    assert (moments.weight, moments.missing, moments.infinite, moments.mean) == (2.0, 3.0, 2, 2.0)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1.0, 1e30, 1e149])
def test_every_size_of_number_ends_with_unit_variance(size):
    values = np.array([1.0, 2.0, 4.0, 9.0]) * size
    feature = fit_numeric(X, moments_of(values))
    if size < 1e-160:  # their squares underflow: no spread that float64 can hold
        assert feature is None
        return
    z = scaled(values, feature)
    assert z.mean() == pytest.approx(0, abs=1e-6)
    assert z.std() == pytest.approx(1, rel=1e-6)


def test_the_largest_numbers_end_in_finite_features():
    values = np.array([-1.7e308, 1.0, 1.7e308, 5.0])
    feature = fit_numeric(X, moments_of(values))
    assert np.isfinite(scaled(values, feature)).all()
    assert (feature.low, feature.high) == (-1.7e308, 1.7e308)


def test_a_value_far_outside_the_training_rows_is_cut_not_infinite():
    feature = fit_numeric(X, moments_of([0.0, 1e-30]))
    z = scaled(np.array([1e300, -1e300, np.inf, np.nan]), feature)
    limit = np.finfo(np.float32).max
    assert z[:2].tolist() == [limit, -limit]
    assert np.isnan(z[2:]).all()


def test_a_small_spread_around_a_large_value_survives():
    values = 1e9 + np.array([0.0, 1.0, 2.0, 3.0])
    z = scaled(values, fit_numeric(X, moments_of(values)))
    np.testing.assert_allclose(z, (np.arange(4) - 1.5) / np.arange(4).std(), rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([5.0, 5.0], False),
        ([np.nan, np.nan], False),
        ([5.0], False),
        ([5.0, np.nan], True),
        ([1.0, 2.0], True),
        ([1e16, 1e16 + 2], False),
    ],
)
def test_a_column_without_information_is_left_out(values, kept):
    feature = fit_numeric(X, moments_of(values))
    assert (feature is not None) == kept
    if kept:
        assert feature.missing == bool(np.isnan(values).any())
        assert feature.scale > 0


def test_a_constant_with_gaps_keeps_its_unit_scale():
    feature = fit_numeric(X, moments_of([5.0, np.nan, 5.0]))
    assert (feature.centre, feature.scale, feature.missing) == (5.0, 1.0, True)
    assert scaled(np.array([5.0, 6.0]), feature).tolist() == [0.0, 1.0]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_any_numbers_give_a_feature_without_infinities(values):
    feature = fit_numeric(X, moments_of(values))
    if feature is None:
        return
    assert math.isfinite(feature.centre) and feature.scale > 0
    assert not np.isinf(scaled(np.asarray(values), feature)).any()


def test_name_shows_the_part():
    assert NumericFeature(X, 0.0, 1.0, 0.0, 1.0, part="trend").name == "x[trend]"
    assert NumericFeature(X, 0.0, 1.0, 0.0, 1.0).name == "x"
