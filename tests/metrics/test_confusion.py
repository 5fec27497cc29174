import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as rival

from justright.metrics.confusion import confusion_matrix, count_cells
from justright.metrics.rows import class_rows as check


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.75])
def test_binary_equals_scikit_learn(binary_rows, threshold):
    target, prediction, weight = binary_rows
    np.testing.assert_array_equal(
        confusion_matrix(target, prediction, weight, threshold=threshold),
        rival(target, prediction >= threshold, sample_weight=weight),
    )


def test_several_classes_equal_scikit_learn(class_rows):
    target, prediction, weight = class_rows
    np.testing.assert_array_equal(
        confusion_matrix(target, prediction, weight),
        rival(target, prediction.argmax(axis=1), sample_weight=weight),
    )


def test_the_threshold_itself_is_flagged():
    assert count_cells(check([0], [0.5], None), 0.5)[0, 1] == 1.0
