"""Intervals hold what they state, follow the spread where there is one, and are plain quantiles otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import RecipeError, TableError
from justright.evaluate.conformal import apply_intervals, fit_intervals


def drawn(seed: int, rows: int = 2000, bend: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    guess = rng.uniform(-5.0, 5.0, rows)
    return guess, guess + rng.standard_t(4, rows) * np.exp(bend * guess)


@pytest.mark.parametrize("bend", [0.0, 0.4])
@pytest.mark.parametrize("rows", [60, 400, 3000])
def test_new_rows_lie_inside_as_often_as_stated(rows: int, bend: float) -> None:
    inside = {0.8: [], 0.9: [], 0.95: []}
    for seed in range(60):
        found = fit_intervals(*drawn(seed, rows, bend))
        guess, truth = drawn(1000 + seed, 500, bend)
        for level in found.levels:
            low, high = apply_intervals(found, guess, level).T
            inside[level].append(np.mean((low <= truth) & (truth <= high)))
    for level, shares in inside.items():
        assert level - 0.015 <= np.mean(shares) <= level + (0.05 if rows == 60 else 0.02)


def test_the_shown_coverage_is_that_of_new_rows() -> None:
    found = fit_intervals(*drawn(1, 5000, 0.4))
    for level, shown in zip(found.levels, found.coverage, strict=True):
        assert shown.low <= level + 0.005 and level - 0.005 <= shown.high
        assert shown.high - shown.low < 0.03


def test_one_width_where_errors_are_alike_and_several_where_they_grow() -> None:
    alike, grown = fit_intervals(*drawn(2, 4000)), fit_intervals(*drawn(2, 4000, 0.4))
    assert len(alike.middles) == 1 and "one width" in alike.note
    assert len(grown.middles) >= 4 and "lower than with one width" in grown.note
    low, high = apply_intervals(grown, [-4.0, 4.0], 0.9).T
    assert (high - low)[1] > 8.0 * (high - low)[0]


def test_within_each_part_of_the_predictions_the_coverage_holds() -> None:
    found = fit_intervals(*drawn(3, 20_000, 0.4))
    guess, truth = drawn(4, 20_000, 0.4)
    low, high = apply_intervals(found, guess, 0.9).T
    inside = (low <= truth) & (truth <= high)
    for part in np.array_split(np.argsort(guess), 5):
        assert inside[part].mean() == pytest.approx(0.9, abs=0.025)


def test_the_ranks_are_those_of_the_formula() -> None:
    guess, error = np.zeros(79), np.random.default_rng(5).permutation(79) + 1.0
    found = fit_intervals(guess, error - 40.0, levels=(0.8, 0.9))
    # rank (79 + 1) * 0.1 = 8 from both ends for 80 %, 4 for 90 %
    assert (found.lower, found.upper) == (((8 - 40.0,), (4 - 40.0,)), ((72 - 40.0,), (76 - 40.0,)))


def test_a_target_that_is_never_negative_has_no_negative_interval() -> None:
    rng = np.random.default_rng(6)
    guess = rng.uniform(0.1, 3.0, 1000)
    found = fit_intervals(guess, guess * rng.exponential(size=1000))
    assert found.floor == 0.0 and apply_intervals(found, guess, 0.95)[:, 0].min() == 0.0
    assert fit_intervals(*drawn(7)).floor is None
    assert fit_intervals(-guess, -guess * rng.exponential(size=1000)).ceiling == 0.0


def test_levels_that_few_rows_cannot_give_are_left_out() -> None:
    assert fit_intervals(*drawn(8, 30)).levels == (0.8, 0.9)
    assert fit_intervals(*drawn(8, 8)) is None


def test_rows_without_weight_do_not_enter_and_equal_weights_change_nothing() -> None:
    guess, truth = drawn(9, 600)
    fold, weight = np.arange(600) % 3, np.full(600, 2.0)
    plain = fit_intervals(guess[:500], truth[:500], None, fold[:500])
    weight[500:] = 0.0
    assert fit_intervals(guess, truth, weight, fold) == plain


def test_rows_that_weigh_more_move_the_ends() -> None:
    guess = np.zeros(1000)
    truth = np.tile([-1.0, 1.0], 500) * np.random.default_rng(10).uniform(size=1000)
    heavy = fit_intervals(guess, truth, np.where(truth > 0.0, 50.0, 1.0), levels=(0.8,))
    assert heavy.lower[0][0] > -0.2 and heavy.upper[0][0] > 0.8


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"level=1\.0"):
        fit_intervals(*drawn(11), levels=(1.0,))
    with pytest.raises(TableError, match="fold of shape"):
        fit_intervals([1.0, 2.0], [1.0, 2.0], None, [1])
    with pytest.raises(TableError):
        fit_intervals([1.0, np.nan], [1.0, 2.0])


def test_a_prediction_that_never_differs() -> None:
    found = fit_intervals(np.full(5000, 3.0), np.random.default_rng(12).normal(3.0, 1.0, 5000))
    assert len(found.middles) == 1
