import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error

from justright.metrics.mape import mape, relative_error


@pytest.mark.parametrize("with_zero", [False, True])
def test_equals_scikit_learn(number_rows, with_zero):
    target, prediction, weight = number_rows
    target = target.copy()
    if with_zero:
        target[5] = 0.0
    assert mape(target, prediction, weight) == pytest.approx(
        mean_absolute_percentage_error(target, prediction, sample_weight=weight), rel=1e-12
    )


def test_rows_of_negative_targets():
    np.testing.assert_allclose(relative_error(np.array([-4.0]), np.array([-3.0])), [0.25])
