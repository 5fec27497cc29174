from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.models.neural.front import Layout, fit_scales, inputs_of, layout_of
from justright.schema import Block

PLAIN = Layout(1, (), (), ())


def block_of(numeric: Any, codes: Any = None) -> Block:
    """Return a block of these inputs alone."""
    n = len(numeric)
    numeric = np.asarray(numeric, np.float32).reshape(n, -1) if n else np.zeros((0, 1), np.float32)
    codes = np.zeros((n, 0), np.int32) if codes is None else np.asarray(codes, np.int32)
    return Block(
        numeric,
        codes,
        np.zeros(n, np.float32),
        np.ones(n, np.float32),
        np.full((n, 1), -2, np.int8),
        None,
        np.arange(n, dtype=np.uint64),
    )


def encoded(layout: Layout, numeric: Any, codes: Any = None) -> Any:
    """Return the inputs of rows by their own scales."""
    block = block_of(numeric, codes)
    return inputs_of(layout, fit_scales(layout, [block]), block)


def test_categories_become_columns_up_to_eight_values_and_are_embedded_beyond(problem):
    spec, _ = problem(p=2, fields=(2, 3, 4, 10, 11), missing=True)
    layout = layout_of(spec.plan)
    assert layout.numbers == 2
    assert layout.missing == (0, 1)
    # Two codes stand for rare and missing: a field of two has no category, one of ten has eight.
    assert layout.columns == ((1, 1), (2, 2), (3, 8))
    assert layout.embedded == ((4, 11),)
    assert layout.others == 2 + 1 + 1 + 8


def test_no_indicator_where_no_training_row_missed_a_number(problem):
    assert layout_of(problem(missing=False)[0].plan).missing == ()


def test_scales_are_the_median_and_one_over_the_interquartile_range():
    made = fit_scales(PLAIN, [block_of([1.0, 2.0]), block_of([3.0, 4.0, 9.0])])
    assert made["front.centre"].tolist() == [3.0]
    assert made["front.scale"].tolist() == [0.5]


def test_half_the_range_stands_in_where_the_quartiles_are_one():
    made = fit_scales(PLAIN, [block_of([0.0] * 10 + [8.0])])
    assert made["front.scale"].tolist() == [0.25]


@pytest.mark.parametrize("values", [[7.0], [7.0] * 5, [np.nan, np.nan], [np.nan, 7.0]])
def test_an_input_without_a_spread_is_always_0(values):
    x, _ = encoded(PLAIN, values)
    assert x.tolist() == [[0.0]] * len(values)


def test_a_number_is_scaled_and_gently_cut():
    values = [1.0, 2.0, 3.0, 4.0, 9.0, -1e30, np.inf, -np.inf, np.nan]
    block = block_of(values)
    scales = fit_scales(PLAIN, [block_of(values[:5])])
    x, _ = inputs_of(PLAIN, scales, block)
    wanted = []
    for value in values[:5]:
        z = (value - 3.0) * 0.5
        wanted.append(z / math.sqrt(1.0 + (z / 3.0) ** 2))
    assert x[:, 0].tolist() == pytest.approx([*wanted, -3.0, 3.0, -3.0, 0.0], rel=1e-6)


def test_the_inputs_of_a_block_are_not_changed():
    block = block_of([1.0, np.nan, 3.0])
    before = block.numeric.copy()
    inputs_of(PLAIN, fit_scales(PLAIN, [block]), block)
    np.testing.assert_array_equal(block.numeric, before)


def test_a_missing_number_is_0_and_has_an_indicator():
    layout = Layout(2, (1,), (), ())
    x, _ = encoded(layout, [[1.0, np.nan], [2.0, 5.0], [3.0, 6.0], [4.0, 7.0]])
    assert x[0, 1] == 0.0
    assert len(set(x[:, 2].tolist())) == 2, "the indicator tells the missing from the rest"
    assert x[1:, 2].tolist() == [x[1, 2]] * 3


def test_two_values_become_one_column_and_more_become_one_each():
    layout = Layout(1, (), ((0, 2), (1, 3)), ())
    codes = [[2, 2], [3, 3], [2, 4], [3, 2], [0, 0], [1, 1], [9, 9]]
    block = block_of(np.zeros(len(codes)), codes)
    raw = {"front.centre": np.zeros(5, np.float32), "front.scale": np.ones(5, np.float32)}
    x, _ = inputs_of(layout, raw, block)
    assert np.sign(x[:, 1]).tolist() == [-1, 1, -1, 1, 0, 0, 1]
    ones = (x[:, 2:] > 0.5).astype(int).tolist()
    nothing = [0, 0, 0]
    assert ones == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], nothing, nothing, nothing]


def test_a_category_never_seen_lies_between_the_known_or_where_no_column_is_1():
    layout = Layout(1, (), ((0, 2),), ())
    x, _ = encoded(layout, np.zeros(4), [[2], [3], [0], [1]])
    assert x[0, 1] < x[2, 1] == x[3, 1] < x[1, 1]


def test_codes_of_embedded_categories_are_passed_on_in_their_order():
    layout = Layout(0, (), (), ((2, 20), (0, 30)))
    block = block_of(np.zeros((2, 0)), [[5, 6, 7], [8, 9, 10]])
    x, codes = inputs_of(layout, fit_scales(layout, [block]), block)
    assert x.shape == (2, 0)
    assert codes.tolist() == [[7, 5], [10, 8]]
    assert codes.dtype == np.int32


def test_no_rows_give_no_inputs():
    layout = Layout(1, (), ((0, 3),), ((1, 20),))
    scales = fit_scales(layout, [block_of([1.0, 2.0], [[2, 3], [3, 4]])])
    x, codes = inputs_of(layout, scales, block_of(np.zeros((0, 1)), np.zeros((0, 2))))
    assert x.shape == (0, 4)
    assert codes.shape == (0, 1)


numbers = st.lists(st.floats(-1e3, 1e3, width=32), min_size=5, max_size=40)


@given(numbers, st.sampled_from([1e-3, 0.25, 4.0, 1e3]), st.floats(-100, 100, width=32))
def test_neither_unit_nor_origin_of_a_number_matters(values, factor, shift):
    x = np.asarray(values, np.float64).round(2)
    first, _ = encoded(PLAIN, x)
    second, _ = encoded(PLAIN, (x + round(shift, 2)) * factor)
    spread = max(np.ptp(x), 1e-9)
    # Single precision resolves the shifted number to 1e-7 of its size.
    np.testing.assert_allclose(first, second, atol=1e-3 + 1e-6 * 200 * np.abs(x).max() / spread)


@given(numbers, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_to_the_scales(values, random):
    mixed = list(values)
    random.shuffle(mixed)
    first, second = fit_scales(PLAIN, [block_of(values)]), fit_scales(PLAIN, [block_of(mixed)])
    assert {name: a.tolist() for name, a in first.items()} == {n: a.tolist() for n, a in second.items()}


@given(st.lists(st.floats(width=32), min_size=1, max_size=30))
def test_whatever_the_numbers_inputs_are_finite_and_within_3(values):
    x, _ = encoded(PLAIN, values)
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 3.0 + 1e-6
