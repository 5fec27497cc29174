import math

import pytest
from scipy import stats

from justright.errors import RecipeError
from justright.evaluate.quantile import normal_quantile, student_quantile


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_normal_equals_scipy(level):
    assert normal_quantile(level) == pytest.approx(stats.norm.ppf(0.5 + level / 2), rel=1e-12)


@pytest.mark.parametrize(
    ("freedom", "tolerance"), [(2, 0.012), (3, 0.004), (5, 1e-3), (10, 1e-4), (50, 1e-6)]
)
def test_student_equals_scipy(freedom, tolerance):
    expected = stats.t.ppf(0.975, freedom)
    assert student_quantile(0.95, freedom) == pytest.approx(expected, rel=tolerance)


def test_endless_freedom_is_normal():
    assert student_quantile(0.9, math.inf) == normal_quantile(0.9)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_refuses_a_level_outside(level):
    with pytest.raises(RecipeError, match="between 0 and 1"):
        normal_quantile(level)
