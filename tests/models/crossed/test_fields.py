"""Bins between quantiles, bins of their own for spikes and missing values, and their way to the state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")

from justright.kernels.additive import bin_codes
from justright.models.crossed.fields import BINS, Field, fields_of, fit_fields, saved


def number(tools, values, weight=None):
    """Return the field of one column of numbers."""
    blocks = tools["blocks_of"](np.asarray(values, np.float32), np.zeros((len(values), 0)), values, weight)
    return fit_fields(tools["spec_of"](blocks).plan, blocks, ())[0]


def test_few_values_have_a_bin_each(tools):
    field = number(tools, [3.0, 1.0, 2.0, 2.0, np.nan])
    assert field.size == 4
    assert bin_codes(np.array([1, 2, 3, np.nan], np.float32), field.edges).tolist() == [0, 1, 2, 3]
    assert bin_codes(np.array([-9, 1.4, 2.6, 99], np.float32), field.edges).tolist() == [0, 0, 2, 2]


def test_many_values_have_bins_of_about_equal_weight(tools):
    values = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    field = number(tools, values)
    assert BINS * 0.9 <= field.size - 1 <= BINS
    counts = np.bincount(bin_codes(values, field.edges), minlength=field.size)
    assert counts[-1] == 0 and counts[:-1].min() > 50 and counts[:-1].max() < 120
    assert np.flatnonzero(field.spikes).tolist() == [field.size - 1]


def test_a_spike_has_a_bin_of_its_own_and_the_rest_keeps_its_quantiles(tools):
    rng = np.random.default_rng(1)
    values = np.where(rng.random(20_000) < 0.9, 0.0, rng.lognormal(size=20_000)).astype(np.float32)
    field = number(tools, values)
    code = int(bin_codes(np.zeros(1, np.float32), field.edges)[0])
    assert field.spikes[code] and field.spikes.sum() == 2
    assert set(values[bin_codes(values, field.edges) == code].tolist()) == {0.0}
    assert field.size > 200


def test_rows_without_weight_place_no_edge(tools):
    field = number(tools, [1.0, 2.0, 1e9], weight=[1.0, 1.0, 0.0])
    assert field.size == 3 and field.edges.max() <= 2.0


@pytest.mark.parametrize(
    "values",
    [
        [np.nan] * 4,
        [5.0] * 4,
        [np.inf, -np.inf, 0.0, 1.0],
        [1e30, 1e-30, -1e30, -1e-30],
        [3.4e38, -3.4e38, 3.3e38, 0.0],
    ],
)
def test_odd_columns_have_sound_bins(tools, values):
    field = number(tools, values)
    assert np.isfinite(field.edges).all() or np.isinf(values).any()
    assert (np.diff(field.edges) > 0).all()
    codes = bin_codes(np.asarray(values, np.float32), field.edges)
    assert codes.max() < field.size == len(field.edges) + 2 == len(field.spikes)
    distinct = {v for v in values if v == v}
    assert len(set(codes[~np.isnan(values)].tolist())) == len(distinct)


@given(
    st.lists(st.floats(width=32, allow_nan=True, allow_infinity=False), min_size=1, max_size=400),
    st.integers(0, 3),
)
def test_neighbours_stay_in_order(tools, values, copies):
    values = values + values[:1] * copies * 50
    field = number(tools, values)
    known = np.sort(np.asarray([v for v in values if v == v], np.float32))
    codes = bin_codes(known, field.edges)
    assert (np.diff(codes.astype(int)) >= 0).all()
    assert codes.max(initial=0) < field.size - 1


def test_products_and_categories_follow_numbers_and_all_survive_the_state(tools):
    rng = np.random.default_rng(2)
    blocks = tools["blocks_of"](rng.normal(size=(500, 2)), rng.integers(0, 4, (500, 1)), rng.normal(size=500))
    plan = tools["spec_of"](blocks, sizes=(4,)).plan
    fields = fit_fields(plan, blocks, (("x1", "x0"),))
    assert [field.kind for field in fields] == ["number", "number", "category", "product"]
    assert fields[3].source == (1, 0) and fields[3].name == "x1 * x0"
    assert [field.ordered for field in fields] == [True, True, False, True]
    again = fields_of(plan, saved(fields), (("x1", "x0"),))
    for one, two in zip(fields, again, strict=True):
        for name in Field.__dataclass_fields__:
            assert np.array_equal(getattr(one, name), getattr(two, name)), name
