"""Drawings made by hand: the right number of squares, lines in the right places."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.report.marks import range_strip, thousand_squares


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_thousand_squares_that_do_not_overlap(a: int, b: int) -> None:
    first, second = min(a, b), max(a, b) - min(a, b)
    drawing = thousand_squares([("bad", first), ("warm", second), ("rest", 1000 - first - second)], "told")
    corners = re.findall(r"M(\d+) (\d+)h", drawing)
    assert len(corners) == len(set(corners)) == 1000
    for tone, size in (("bad", first), ("warm", second)):
        path = re.search(rf'class="sq-{tone}" d="([^"]*)"', drawing)
        assert (path[1].count("M") if path else 0) == size


def test_the_strip_puts_quantiles_to_scale() -> None:
    drawing = range_strip(0.0, 100.0, [10.0, 25.0, 50.0, 75.0, 90.0])
    assert re.findall(r"M([\d.]+) 1v12", drawing) == ["120.0"]
    assert "M60.5 7H179.5" in drawing


@pytest.mark.parametrize(
    ("low", "high", "quantiles"), [(1.0, 1.0, [1.0] * 5), (0.0, 1.0, []), (float("nan"), 1.0, [0.5] * 5)]
)
def test_nothing_is_drawn_of_a_constant(low: float, high: float, quantiles: list[float]) -> None:
    assert range_strip(low, high, quantiles) == ""
