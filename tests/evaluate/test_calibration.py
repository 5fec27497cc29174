import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from justright.evaluate.calibration import reliability
from justright.evaluate.intervals import wilson
from justright.metrics import calibration_error


def rows(n=800, seed=1):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, n)
    return (rng.uniform(size=n) < p**2).astype(int), p


def test_equals_the_curve_of_scikit_learn():
    target, p = rows()
    found = reliability(target, p)
    observed, stated = calibration_curve(target, p, n_bins=10)
    np.testing.assert_allclose([b.observed.value for b in found], observed)
    np.testing.assert_allclose([b.stated for b in found], stated)
    assert sum(b.rows for b in found) == 800


def test_adds_up_to_the_calibration_error():
    target, p = rows()
    found = reliability(target, p, bins=7)
    error = sum(abs(b.stated - b.observed.value) * b.rows for b in found) / 800
    assert error == pytest.approx(calibration_error(target, p, bins=7))


def test_intervals_are_wilsons_and_empty_bins_are_left_out():
    (found,) = reliability([0, 1, 1, 1], [0.95, 0.95, 1.0, 1.0])
    assert (found.low, found.high, found.rows) == (0.9, 1.0, 4)
    assert found.observed == wilson(0.75, 4)


def test_uneven_weights_say_less():
    target, p = [0, 1, 1, 1] * 10, [0.55] * 40
    even = reliability(target, p, [2.0] * 40)[0]
    uneven = reliability(target, p, [1.0, 1.0, 1.0, 9.0] * 10)[0]
    assert even.observed == reliability(target, p)[0].observed
    assert uneven.observed.high - uneven.observed.low > 0
    assert uneven.observed.value == pytest.approx(11 / 12)


def test_several_classes_judge_the_likeliest():
    found = reliability([0, 1], [[0.62, 0.2, 0.18], [0.68, 0.22, 0.1]])
    assert [(b.rows, b.observed.value) for b in found] == [(2, 0.5)]
