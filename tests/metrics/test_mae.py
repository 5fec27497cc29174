import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from justright.metrics.mae import absolute_error, mae


def test_equals_scikit_learn(number_rows):
    target, prediction, weight = number_rows
    assert mae(target, prediction, weight) == pytest.approx(
        mean_absolute_error(target, prediction, sample_weight=weight), rel=1e-12
    )


def test_rows():
    np.testing.assert_array_equal(absolute_error(np.array([1.0, 2.0]), np.array([3.0, 2.5])), [2.0, 0.5])
