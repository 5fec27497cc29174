"""A floor that is promised holds for new rows; the threshold is the best that can promise it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from justright.errors import RecipeError, TableError
from justright.evaluate.presets import precision_first, recall_first


def drawn(seed: int, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = 1.0 / (1.0 + np.exp(-rng.normal(-1.0, 2.0, rows)))
    return (rng.uniform(size=rows) < p).astype(int), p


BIG = drawn(999, 400_000)


@pytest.mark.parametrize("floor", [0.8, 0.9, 0.97])
def test_recall_holds_for_new_rows_as_surely_as_stated(floor: float) -> None:
    target, p = BIG
    true = np.sort(p[target == 1])
    kept = []
    for seed in range(300):
        found = recall_first(*drawn(seed), floor=floor)
        assert found.reached
        kept.append(1.0 - np.searchsorted(true, found.threshold) / len(true) >= floor)
    assert 0.925 <= np.mean(kept) < 1.0  # 95 % less what 300 draws leave open


def test_the_threshold_that_keeps_it_at_hand_keeps_it_half_of_the_time_only() -> None:
    target, p = BIG
    true = np.sort(p[target == 1])
    kept = []
    for seed in range(100):
        hand, said = drawn(seed)
        at = np.quantile(said[hand == 1], 0.1, method="lower")
        kept.append(1.0 - np.searchsorted(true, at) / len(true) >= 0.9)
    assert np.mean(kept) < 0.75


def test_precision_holds_for_new_rows() -> None:
    target, p = BIG
    kept, reached = 0, 0
    for seed in range(300):
        found = precision_first(*drawn(seed), floor=0.7)
        if found.reached:
            reached += 1
            kept += target[p >= found.threshold].mean() >= 0.7
    assert reached > 250 and kept / reached >= 0.95


def test_no_higher_threshold_could_promise_the_recall() -> None:
    target, p = drawn(1, 400)
    found = recall_first(target, p, floor=0.9)
    true = np.sort(p[target == 1])
    missed = int((true < found.threshold).sum())

    def tail(k: int) -> float:
        return sum(math.comb(len(true), i) * 0.1**i * 0.9 ** (len(true) - i) for i in range(k + 1))

    assert tail(missed) <= 0.05 < tail(missed + 1)
    assert found.recall.value == pytest.approx(1.0 - missed / len(true))
    assert found.flagged == pytest.approx((p >= found.threshold).mean())


def test_twenty_nine_true_rows_are_the_fewest() -> None:
    p = np.linspace(0.1, 0.9, 100)
    target = np.zeros(100, int)
    target[-28:] = 1
    few = recall_first(target, p, floor=0.9)
    assert not few.reached and few.threshold == 0.0 and few.flagged == 1.0 and "too few rows" in few.note
    target[-29:] = 1
    enough = recall_first(target, p, floor=0.9)
    assert enough.reached and enough.flagged == pytest.approx(0.29) and "90%" in enough.note


def test_equal_probabilities_are_missed_together() -> None:
    target, p = np.ones(200, int), np.where(np.arange(200) < 30, 0.2, 0.8)
    assert recall_first(target, p, floor=0.9).threshold <= 0.2
    assert recall_first(target, p, floor=0.8).threshold == pytest.approx(0.5)


def test_precision_that_no_rows_show() -> None:
    rng = np.random.default_rng(3)
    found = precision_first(rng.integers(0, 2, 500), rng.uniform(size=500), floor=0.9)
    assert not found.reached and "nearest" in found.note
    none = precision_first(np.zeros(50, int), np.linspace(0.1, 0.9, 50), floor=0.5)
    assert not none.reached and none.recall.value == 1.0


def test_no_true_row() -> None:
    found = recall_first([0, 0, 0], [0.1, 0.2, 0.3])
    assert not found.reached and found.threshold == 0.0


def test_equal_weights_change_nothing() -> None:
    target, p = drawn(4)
    for preset in (recall_first, precision_first):
        one, other = preset(target, p, floor=0.7), preset(target, p, np.full(600, 3.0), floor=0.7)
        assert one.threshold == other.threshold and one.reached == other.reached
        assert one.precision.value == pytest.approx(other.precision.value)


@pytest.mark.parametrize("preset", [recall_first, precision_first])
def test_what_does_not_fit_is_refused(preset) -> None:
    with pytest.raises(RecipeError, match="floor=1"):
        preset([0, 1], [0.1, 0.2], floor=1.0)
    with pytest.raises(RecipeError, match="confidence=0"):
        preset([0, 1], [0.1, 0.2], confidence=0.0)
    with pytest.raises(TableError):
        preset([0, 1], [0.1, 2.0])
