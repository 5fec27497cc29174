"""The numpy forward against the dense matrix, and fronts that lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.errors import BundleError
from justright.models.linear.design import layout_for
from justright.models.linear.forward import Layout, check, layout_of, margins


def model(spec, outputs, seed=0):
    rng = np.random.default_rng(seed)
    layout = layout_for(spec.plan)
    arrays = {"weights": rng.normal(size=(layout.width, outputs)), "bias": rng.normal(size=outputs)}
    return layout.to_front() | {"scale": 3.0, "centre": -7.0}, arrays


@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize(
    "shape",
    [
        {"p": 3, "fields": (4, 5), "slots": 8, "missing": True},
        {"p": 2, "fields": ()},
        {"p": 0, "fields": (3,)},
        {"p": 0, "fields": (), "slots": 5},
    ],
)
def test_margins_are_those_of_the_dense_matrix(problem, table_of, shape, outputs):
    spec, blocks = problem(n=60, n_blocks=1, **shape)
    front, arrays = model(spec, outputs)
    wanted = (table_of(spec, blocks).X @ arrays["weights"] + arrays["bias"]) * 3.0 - 7.0
    np.testing.assert_allclose(margins(front, arrays, blocks[0]), wanted, rtol=1e-12, atol=1e-12)


def test_one_row_is_that_row_of_many(problem):
    spec, blocks = problem(n=20, n_blocks=1, slots=8, missing=True)
    front, arrays = model(spec, 2)
    many = margins(front, arrays, blocks[0])
    for i in range(20):
        np.testing.assert_allclose(margins(front, arrays, blocks[0].slice(i, i + 1))[0], many[i], rtol=1e-13)
    assert margins(front, arrays, blocks[0].slice(0, 0)).shape == (0, 2)


def test_missing_without_an_indicator_is_the_mean(problem):
    spec, blocks = problem(n=3, p=2, fields=(), n_blocks=1)
    front, arrays = model(spec, 1)
    blocks[0].numeric[0] = np.nan
    assert margins(front, arrays, blocks[0])[0, 0] == pytest.approx(arrays["bias"][0] * 3.0 - 7.0)


def test_numbers_are_held_to_the_range_of_the_front(problem):
    spec, blocks = problem(n=40, p=2, fields=(), n_blocks=1, missing=True)
    front, arrays = model(spec, 1)
    low, high = [-0.5, -0.25], [0.5, 0.0]
    block = blocks[0]
    inside = np.clip(block.numeric, np.float32(low), np.float32(high))
    assert (inside != block.numeric)[~np.isnan(block.numeric)].any()
    wanted = margins(front, arrays, replace(block, numeric=inside))
    held = front | {"low": low, "high": high}
    np.testing.assert_array_equal(margins(held, arrays, block), wanted)
    for lie in ({"low": [0.0]}, {"low": [1.0, 1.0]}, {"low": "x"}, {"low": [float("nan"), 0.0]}):
        with pytest.raises(BundleError, match="train the model again"):
            layout_of(held | lie)


def test_layout_there_and_back():
    layout = Layout(3, [0, 2], [4, 7], 16)
    again = layout_of(layout.to_front())
    assert (again.dense, again.offsets, again.token_offset, again.width) == (5, [5, 9], 16, 32)


@pytest.mark.parametrize(
    "front",
    [
        {},
        {"numeric": 1, "indicators": [], "sizes": [], "tokens": "many"},
        {"numeric": -1, "indicators": [], "sizes": [], "tokens": 0},
        {"numeric": 1, "indicators": [1], "sizes": [], "tokens": 0},
        {"numeric": 1, "indicators": [-1], "sizes": [], "tokens": 0},
        {"numeric": 1, "indicators": [], "sizes": [0], "tokens": 0},
        {"numeric": 1, "indicators": [], "sizes": [2**31], "tokens": 0},
        {"numeric": 1, "indicators": 3, "sizes": [], "tokens": 0},
        {"numeric": 1, "indicators": [], "sizes": [], "tokens": -1},
    ],
)
def test_a_front_that_is_none_is_refused(front):
    with pytest.raises(BundleError, match="linear front"):
        layout_of(front)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"weights": np.zeros((3, 1))},
        {"weights": np.zeros((4, 1)), "bias": np.zeros(1)},
        {"weights": np.zeros((3, 1)), "bias": np.zeros(2)},
        {"weights": np.zeros(3), "bias": np.zeros(1)},
    ],
)
def test_arrays_of_other_shapes_are_refused(arrays):
    front = Layout(3, [], [], 0).to_front()
    with pytest.raises(BundleError, match="shape"):
        check(front, arrays, 1)
    check(front, {"weights": np.zeros((3, 1)), "bias": np.zeros(1)}, 1)
