import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from justright.metrics.average_precision import average_precision, binary_average_precision
from justright.metrics.rows import class_rows as check


def test_equals_scikit_learn(binary_rows, class_rows):
    target, prediction, weight = binary_rows
    expected = average_precision_score(target, prediction, sample_weight=weight)
    assert average_precision(target, prediction, weight) == pytest.approx(expected, rel=1e-12)
    target, prediction, weight = class_rows
    expected = average_precision_score(target, prediction, sample_weight=weight)
    assert average_precision(target, prediction, weight) == pytest.approx(expected, rel=1e-12)


def test_no_information_gives_the_share_of_class_one():
    assert average_precision([0, 0, 0, 1], np.full(4, 0.3)) == 0.25


def test_no_positive_row_is_not_defined():
    assert math.isnan(binary_average_precision(check([0, 0], [0.1, 0.2], None)))
