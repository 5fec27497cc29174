import numpy as np
import pytest
from sklearn.metrics import root_mean_squared_error

from justright.metrics.rmse import rmse, squared_error


def test_known_answer():
    assert rmse([0.0, 0.0], [3.0, 4.0]) == pytest.approx(np.sqrt(12.5))


def test_equals_scikit_learn(number_rows):
    target, prediction, weight = number_rows
    assert rmse(target, prediction, weight) == pytest.approx(
        root_mean_squared_error(target, prediction, sample_weight=weight), rel=1e-12
    )


def test_rows():
    np.testing.assert_array_equal(squared_error(np.array([1.0, 2.0]), np.array([3.0, 2.0])), [4.0, 0.0])
