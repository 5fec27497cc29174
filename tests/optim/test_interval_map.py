"""Intervals in service: between the bins, beyond them, and at the end of a target."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from justright.errors import RecipeError
from justright.optim.interval_map import Intervals, apply_intervals

TWO = Intervals((0.8, 0.9), (0.0, 10.0), ((-1.0, -2.0), (-2.0, -4.0)), ((1.0, 3.0), (2.0, 6.0)), floor=0.0)


def test_between_beyond_and_at_the_floor() -> None:
    found = apply_intervals(TWO, [-5.0, 0.0, 5.0, 10.0, 100.0], 0.8)
    np.testing.assert_allclose(found, [[0.0, 0.0], [0.0, 1.0], [3.5, 7.0], [8.0, 13.0], [98.0, 103.0]])


def test_a_higher_level_holds_a_lower_one() -> None:
    guess = np.linspace(-3.0, 20.0, 50)
    low, high = apply_intervals(TWO, guess, 0.8), apply_intervals(TWO, guess, 0.9)
    assert (high[:, 0] <= low[:, 0]).all() and (low[:, 1] <= high[:, 1]).all()


def test_one_bin_is_one_width() -> None:
    one = Intervals((0.9,), (5.0,), ((-1.0,),), ((2.0,),))
    assert apply_intervals(one, [0.0, 50.0]).tolist() == [[-1.0, 2.0], [49.0, 52.0]]


def test_a_level_that_was_not_made_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"level=0\.5; allowed: one of: 0\.8, 0\.9"):
        apply_intervals(TWO, [1.0], 0.5)


def test_it_is_plain_data() -> None:
    assert msgspec.json.decode(msgspec.json.encode(TWO), type=Intervals) == TWO
