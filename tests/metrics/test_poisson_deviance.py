import numpy as np
import pytest
from sklearn.metrics import mean_poisson_deviance

from justright.errors import TableError
from justright.metrics.poisson_deviance import poisson_deviance, poisson_deviance_rows


def test_equals_scikit_learn(number_rows):
    target, prediction, weight = number_rows
    counts = np.floor(target)  # zeros are among them
    assert (counts == 0).any()
    assert poisson_deviance(counts, prediction, weight) == pytest.approx(
        mean_poisson_deviance(counts, prediction, sample_weight=weight), rel=1e-12
    )


@pytest.mark.parametrize(("target", "prediction"), [([-1.0], [1.0]), ([1.0], [0.0])])
def test_refuses_what_is_no_count(target, prediction):
    with pytest.raises(TableError, match=r"counts >= 0 .*Next: --set metric=rmse"):
        poisson_deviance(target, prediction)


def test_rows():
    np.testing.assert_allclose(poisson_deviance_rows(np.array([0.0, 2.0]), np.array([1.5, 2.0])), [3.0, 0.0])
