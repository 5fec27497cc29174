import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from justright.errors import RecipeError
from justright.metrics.pinball import pinball, pinball_rows


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_equals_scikit_learn(number_rows, quantile):
    target, prediction, weight = number_rows
    assert pinball(target, prediction, weight, quantile=quantile) == pytest.approx(
        mean_pinball_loss(target, prediction, sample_weight=weight, alpha=quantile), rel=1e-12
    )


@pytest.mark.parametrize("quantile", [0.0, 1.0, float("nan")])
def test_refuses_a_quantile_outside(quantile):
    with pytest.raises(RecipeError, match="between 0 and 1"):
        pinball([1.0], [1.0], quantile=quantile)


def test_rows():
    np.testing.assert_allclose(pinball_rows(np.array([3.0, 1.0]), np.array([1.0, 3.0]), 0.25), [0.5, 1.5])
