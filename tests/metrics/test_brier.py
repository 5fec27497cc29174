import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from justright.metrics.brier import brier, brier_rows
from justright.metrics.rows import class_rows as check


def test_equals_scikit_learn(binary_rows, class_rows):
    for target, prediction, weight in (binary_rows, class_rows):
        assert brier(target, prediction, weight) == pytest.approx(
            brier_score_loss(target, prediction, sample_weight=weight), rel=1e-12
        )


def test_rows_of_several_classes():
    np.testing.assert_allclose(brier_rows(check([2], [[0.2, 0.3, 0.5]], None)), [0.04 + 0.09 + 0.25])
