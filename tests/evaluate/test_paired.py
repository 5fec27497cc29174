"""Differences on the same rows: plain arithmetic, and intervals that hold the difference of new models."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import RecipeError, TableError
from justright.evaluate.paired import paired_differences
from justright.metrics import METRICS
from justright.metrics.registry import metrics_for


def numbers(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.normal(10.0, 3.0, rows)
    return target, target + rng.normal(0.0, 1.5, rows), target + rng.normal(0.0, 1.0, rows)


def shares(seed: int, k: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(0.0, 2.0, (rows, k))
    target = (z + rng.gumbel(size=z.shape)).argmax(axis=1)

    def stated(noise: float) -> np.ndarray:
        raw = np.exp(z + rng.normal(0.0, noise, z.shape))
        raw /= raw.sum(axis=1, keepdims=True)
        return raw[:, 1] if k == 2 else raw

    return target, stated(2.0), stated(0.3)


@pytest.mark.parametrize(
    ("task", "rows"),
    [("regression", numbers(1)), ("binary", shares(2, 2)), ("multiclass", shares(3, 4))],
    ids=["regression", "binary", "multiclass"],
)
def test_values_are_those_of_the_metrics_and_the_better_model_wins(task, rows) -> None:
    target, first, second = rows
    names = [each.name for each in metrics_for(task)]
    found = {d.metric: d for d in paired_differences(names, target, first, second)}
    assert set(found) == set(names) - {"calibration_error"}
    for name, each in found.items():
        assert each.first == pytest.approx(METRICS[name].function(target, first))
        assert each.second == pytest.approx(METRICS[name].function(target, second))
        assert each.difference.value == pytest.approx(each.second - each.first)
        assert each.difference.low < each.difference.value < each.difference.high
        assert each.better in ("second", "neither")
    assert found[names[0]].better == "second"


def test_turned_round_the_sign_turns() -> None:
    target, first, second = numbers(4)
    (one,) = paired_differences(["rmse"], target, first, second)
    (other,) = paired_differences(["rmse"], target, second, first)
    assert (one.better, other.better) == ("second", "first")
    assert other.difference.low == pytest.approx(-one.difference.high)


def test_a_model_is_not_better_than_itself() -> None:
    target, first, _ = numbers(5)
    (same,) = paired_differences(["mae"], target, first, first, None, np.arange(300) % 5)
    assert same.difference.value == same.difference.low == same.difference.high == 0.0
    assert same.better == "neither"


def test_without_folds_it_is_the_paired_test() -> None:
    target, first, second = numbers(6)
    (found,) = paired_differences(["mae"], target, first, second)
    loss = np.abs(second - target) - np.abs(first - target)
    half = 1.959964 * loss.std(ddof=1) / np.sqrt(len(loss))
    assert found.difference.high - found.difference.value == pytest.approx(half, rel=1e-6)


def test_folds_widen_by_the_factor_of_nadeau_and_bengio() -> None:
    target, first, second = numbers(7)
    fold = np.random.default_rng(8).permutation(300) % 5
    (plain,) = paired_differences(["mae"], target, first, second)
    (folded,) = paired_differences(["mae"], target, first, second, None, fold)
    (one_part,) = paired_differences(["mae"], target, first, second, None, np.zeros(300, int))

    def width(d) -> float:
        return d.difference.high - d.difference.low

    assert width(folded) >= width(plain) * np.sqrt(1.0 + 5.0 / 4.0) * 0.999
    assert width(one_part) == pytest.approx(width(plain) * np.sqrt(1.0 + 1.0 / 4.0))


def test_each_area_is_that_within_the_folds_of_its_own_model() -> None:
    target, first, second = shares(11, 2)
    cuts = np.random.default_rng(12).integers(0, 4, (2, 300))
    level = 0.3 * cuts  # models of different folds differ in their level
    (found,) = paired_differences(["roc_auc"], target, first + level[0], second + level[1], None, *cuts)
    (plain,) = paired_differences(["roc_auc"], target, first, second, None, *cuts)
    assert (found.first, found.second) == pytest.approx((plain.first, plain.second))
    (turned,) = paired_differences(["roc_auc"], target, second, first, None, cuts[1], cuts[0])
    assert turned.difference.high == pytest.approx(-plain.difference.low)


def test_rows_of_a_fold_that_depend_on_each_other_are_no_more_than_the_fold() -> None:
    rng = np.random.default_rng(9)
    fold = np.arange(1000) % 10
    target = np.zeros(1000)
    first = np.ones(1000)
    second = 1.0 + rng.normal(0.0, 0.3, 10)[fold]
    (found,) = paired_differences(["mae"], target, first, second, None, fold, folds=10)
    by_fold = [np.mean(second[fold == f]) - 1.0 for f in range(10)]
    half = 2.262 * np.std(by_fold, ddof=1) / np.sqrt(10)
    assert found.difference.high - found.difference.value == pytest.approx(half, rel=1e-2)


def test_the_interval_holds_the_difference_of_the_models_of_all_rows() -> None:
    held, rows = [], 150
    for seed in range(250):
        rng = np.random.default_rng(seed)
        x, truth = rng.normal(size=(rows, 12)), np.r_[np.full(6, 0.3), np.full(6, 0.08)]
        target, fold = x @ truth + rng.normal(size=rows), np.arange(rows) % 5
        guess = np.zeros((2, rows))
        for f in range(5):
            own = fold == f
            for side, width in enumerate((6, 12)):
                fit = np.linalg.lstsq(x[~own, :width], target[~own], rcond=None)[0]
                guess[side, own] = x[own, :width] @ fit
        (found,) = paired_differences(["rmse"], target, *guess, None, fold)
        risk = []
        for width in (6, 12):
            fit = np.zeros(12)
            fit[:width] = np.linalg.lstsq(x[:, :width], target, rcond=None)[0]
            risk.append(np.sqrt(1.0 + ((fit - truth) ** 2).sum()))
        held.append(found.difference.low <= risk[1] - risk[0] <= found.difference.high)
    assert np.mean(held) >= 0.93


def test_a_weight_of_zero_is_no_row() -> None:
    target, first, second = numbers(10)
    weight, fold = np.ones(300), np.arange(300) % 4
    weight[250:] = 0.0
    one = paired_differences(["rmse", "r2"], target, first, second, weight, fold)
    other = paired_differences(["rmse", "r2"], target[:250], first[:250], second[:250], None, fold[:250])
    for a, b in zip(one, other, strict=True):
        assert a.difference.low == pytest.approx(b.difference.low)


def test_what_is_not_defined_is_left_out() -> None:
    found = paired_differences(["roc_auc", "accuracy"], np.ones(20, int), np.full(20, 0.6), np.full(20, 0.7))
    assert [each.metric for each in found] == ["accuracy"]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecipeError, match="metric='speed'"):
        paired_differences(["speed"], [1.0], [1.0], [1.0])
    with pytest.raises(TableError, match="fold of shape"):
        paired_differences(["mae"], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0], None, [1])


def test_rows_of_a_group_count_as_one_observation():
    dice = np.random.default_rng(5)
    shift = np.repeat(dice.normal(0.0, 1.0, 25), 40)
    target = dice.normal(size=1000)
    first, second = target + 1.0, target + 1.0 + 0.1 * shift
    (alone,) = paired_differences(["mae"], target, first, second)
    (together,) = paired_differences(["mae"], target, first, second, groups=np.repeat(np.arange(25), 40))
    width = [(found.difference.high - found.difference.low) / 2 for found in (alone, together)]
    # By hand: 25 means of 40 rows, whose spread over the root of 25, times Student's quantile for 24.
    means = (np.abs(second - target) - np.abs(first - target)).reshape(25, 40).mean(axis=1)
    assert width[1] == pytest.approx(2.0638986 * means.std(ddof=1) / 5.0, rel=1e-3)
    assert 5.0 < width[1] / width[0] < 8.0
    (own,) = paired_differences(["mae"], target, first, second, groups=np.arange(1000))
    assert (own.difference.high - own.difference.low) / 2 == pytest.approx(width[0], rel=0.01)
