import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from justright.errors import RecipeError
from justright.metrics.calibration_error import bin_rows, calibration_error, stated_and_observed
from justright.metrics.rows import class_rows as check


@pytest.mark.parametrize("bins", [1, 5, 10])
def test_equals_the_curve_of_scikit_learn(bins):
    rng = np.random.default_rng(5)
    prediction = rng.uniform(0, 1, 500)
    target = (rng.uniform(0, 1, 500) < prediction**2).astype(int)
    observed, stated = calibration_curve(target, prediction, n_bins=bins)
    size = np.bincount((prediction * bins).astype(int), minlength=bins) / 500
    expected = (np.abs(observed - stated) * size).sum()
    assert calibration_error(target, prediction, bins=bins) == pytest.approx(expected, rel=1e-12)


def test_a_constant_stated_right_is_perfect():
    assert calibration_error([0, 1, 1, 1], np.full(4, 0.75)) == 0.0


def test_several_classes_judge_the_likeliest():
    stated, observed = stated_and_observed(check([0, 1], [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]], None))
    np.testing.assert_array_equal(stated, [0.7, 0.6])
    np.testing.assert_array_equal(observed, [1.0, 0.0])
    assert calibration_error([0, 1], [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]) == pytest.approx(0.5 * (0.3 + 0.6))


def test_certainty_is_in_the_last_bin():
    assert bin_rows(np.array([1.0]), np.array([1.0]), np.ones(1), 4).place[0] == 3


def test_refuses_no_bins():
    with pytest.raises(RecipeError, match="bins=0"):
        calibration_error([0, 1], [0.1, 0.9], bins=0)
