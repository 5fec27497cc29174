import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from justright.metrics.matthews import matthews, matthews_of_cells


def test_equals_scikit_learn(binary_rows, class_rows):
    target, prediction, weight = binary_rows
    expected = matthews_corrcoef(target, prediction >= 0.5, sample_weight=weight)
    assert matthews(target, prediction, weight) == pytest.approx(expected, rel=1e-12)
    target, prediction, weight = class_rows
    expected = matthews_corrcoef(target, prediction.argmax(axis=1), sample_weight=weight)
    assert matthews(target, prediction, weight) == pytest.approx(expected, rel=1e-12)


def test_a_constant_label_is_zero():
    assert matthews_of_cells(np.array([[5.0, 0.0], [3.0, 0.0]])) == 0.0


def test_always_wrong_is_minus_one():
    assert matthews_of_cells(np.array([[0.0, 4.0], [4.0, 0.0]])) == pytest.approx(-1.0)
