"""A calibration map is found where there is something to mend, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import TableError
from justright.evaluate.calibrated import calibrate, fit_calibration
from justright.metrics import METRICS

ROWS = 4000


def logistic(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


def drawn(truth: np.ndarray, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).uniform(size=truth.shape) < truth).astype(int)


def margins(seed: int, rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 2.0, rows)


def loss(target: np.ndarray, p: np.ndarray) -> float:
    return METRICS["log_loss"].function(target, p)


def test_true_probabilities_are_left_alone() -> None:
    kept = 0
    for seed in range(40):
        z = margins(seed, 1000)
        kept += fit_calibration(logistic(z), drawn(logistic(z), 100 + seed)) is not None
    assert kept <= 4  # 2.5 % of 40 in the mean


def test_what_is_twice_too_sure_is_halved_by_a_temperature() -> None:
    z = margins(1)
    target = drawn(logistic(z), 2)
    found = fit_calibration(logistic(2.0 * z), target)
    assert found is not None and found.kind == "temperature"
    assert found.slope[0] == pytest.approx(0.5, abs=0.04)
    np.testing.assert_allclose(calibrate(found, logistic(2.0 * z)), logistic(z), atol=0.03)
    assert found.gain.low > 0.0 and found.after < found.before
    assert found.after == pytest.approx(loss(target, logistic(z)), abs=0.005)


def test_a_shift_is_a_line_and_a_bend_is_a_curve() -> None:
    z = margins(3)
    shifted = fit_calibration(logistic(1.5 * z + 1.0), drawn(logistic(z), 4))
    assert shifted is not None and shifted.kind == "platt"
    assert shifted.slope[0] == pytest.approx(1.0 / 1.5, abs=0.06)
    assert shifted.offset[0] == pytest.approx(-1.0 / 1.5, abs=0.12)
    wavy = logistic(z**3 / 4.0)
    bent = fit_calibration(logistic(z), drawn(wavy, 5))
    assert bent is not None and bent.kind == "isotonic"
    assert np.mean(np.abs(calibrate(bent, logistic(z)) - wavy)) < 0.06


def test_the_order_of_the_rows_stays() -> None:
    z = margins(6)
    found = fit_calibration(logistic(z), drawn(np.where(np.abs(z) < 1.0, 0.5, logistic(3.0 * z)), 7))
    assert found is not None
    mapped = calibrate(found, np.sort(logistic(z)))
    assert (np.diff(mapped) >= 0.0).all() and mapped[0] > 0.0 and mapped[-1] < 1.0


def test_a_score_turned_round_is_never_kept() -> None:
    z = margins(8)
    found = fit_calibration(logistic(-z), drawn(logistic(z), 9))
    assert found is None or (np.diff(calibrate(found, np.linspace(0.01, 0.99, 50))) >= 0.0).all()


def test_too_few_rows_or_one_class_say_nothing() -> None:
    z = margins(10, 90)
    assert fit_calibration(logistic(5.0 * z), drawn(logistic(z), 11)) is None
    rare = np.zeros(1000, int)
    rare[:19] = 1
    assert fit_calibration(np.full(1000, 0.5), rare) is None
    assert fit_calibration(np.full(1000, 0.5), np.zeros(1000, int)) is None


def test_a_weight_is_as_many_copies() -> None:
    z = margins(12, 1500)
    target, times = drawn(logistic(z), 13), np.random.default_rng(14).integers(1, 4, 1500)
    fold = np.arange(1500) % 4
    one = fit_calibration(logistic(3.0 * z), target, times.astype(float), fold)
    other = fit_calibration(
        np.repeat(logistic(3.0 * z), times), np.repeat(target, times), None, np.repeat(fold, times)
    )
    assert one is not None and other is not None
    assert one.slope == pytest.approx(other.slope, rel=5e-3)
    assert one.after == pytest.approx(other.after, rel=1e-3)


def test_rows_without_weight_do_not_enter() -> None:
    z = margins(15, 1200)
    p, target, weight = logistic(2.0 * z), drawn(logistic(z), 16), np.ones(1200)
    weight[1000:] = 0.0
    fold = np.arange(1200) % 5
    one, other = (
        fit_calibration(p, target, weight, fold),
        fit_calibration(p[:1000], target[:1000], None, fold[:1000]),
    )
    assert one == other


def test_one_fold_is_as_none() -> None:
    z = margins(17, 1000)
    p, target = logistic(2.0 * z), drawn(logistic(z), 18)
    assert fit_calibration(p, target, None, np.full(1000, 3)) == fit_calibration(p, target)


def test_several_classes() -> None:
    rng = np.random.default_rng(19)
    z = rng.normal(0.0, 1.5, (ROWS, 4))
    target = (z + rng.gumbel(size=z.shape)).argmax(axis=1)

    def shares(z: np.ndarray) -> np.ndarray:
        raw = np.exp(z)
        return raw / raw.sum(axis=1, keepdims=True)

    assert fit_calibration(shares(z), target) is None
    hot = fit_calibration(shares(2.5 * z), target)
    assert hot is not None and hot.kind == "temperature"
    assert hot.slope == pytest.approx([0.4] * 4, abs=0.03)
    off = fit_calibration(shares(z + np.array([1.0, 0.0, 0.0, -1.0])), target)
    assert off is not None and off.kind == "vector"
    np.testing.assert_allclose(
        calibrate(off, shares(z + np.array([1.0, 0.0, 0.0, -1.0]))), shares(z), atol=0.08
    )


def test_classes_that_lie_apart_give_a_finite_map() -> None:
    target = np.arange(1000) % 2
    found = fit_calibration(np.where(target == 1, 0.7, 0.3), target)
    assert found is not None
    assert np.isfinite(calibrate(found, [0.0, 0.3, 0.7, 1.0])).all()


def test_as_scipy_finds_it() -> None:
    optimize = pytest.importorskip("scipy.optimize", reason="the oracle is scipy's minimiser")
    z = margins(20)
    target = drawn(logistic(0.6 * z - 0.4), 21)
    found = fit_calibration(logistic(z), target)
    assert found is not None and found.kind == "platt"

    def total(at: np.ndarray) -> float:
        held = 0.5 * ((at[0] - 1.0) ** 2 + at[1] ** 2)
        return ROWS * loss(target, logistic(at[0] * z + at[1])) + held

    best = optimize.minimize(total, [1.0, 0.0]).x
    assert (found.slope[0], found.offset[0]) == pytest.approx(tuple(best), abs=1e-3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TableError, match="fold of shape"):
        fit_calibration([0.5] * 200, [0, 1] * 100, None, [0, 1])
    with pytest.raises(TableError):
        fit_calibration([1.5] * 200, [0, 1] * 100)
