import math

import numpy as np
import pytest
from sklearn.metrics import r2_score

from justright.metrics.r2 import r2


def test_equals_scikit_learn(number_rows):
    target, prediction, weight = number_rows
    assert r2(target, prediction, weight) == pytest.approx(
        r2_score(target, prediction, sample_weight=weight), rel=1e-12
    )


def test_predicting_the_mean_is_zero():
    assert r2([1.0, 2.0, 6.0], np.full(3, 3.0)) == pytest.approx(0.0)


def test_constant_target_is_not_defined():
    assert math.isnan(r2([2.0, 2.0], [2.0, 3.0]))
