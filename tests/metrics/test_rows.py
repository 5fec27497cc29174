import numpy as np
import pytest

from justright.errors import TableError
from justright.metrics.rows import class_rows, sum_by, value_rows, weighted_mean


def test_rows_of_weight_zero_are_left_out():
    rows = value_rows([1.0, np.nan], [1.0, np.nan], [2.0, 0.0])
    np.testing.assert_array_equal(rows.weight, [2.0])
    assert class_rows([0, 1, 1], np.ones((3, 2)), [1, 0, 1]).prediction.shape == (2, 2)


def test_one_against_rest():
    rows = class_rows([0, 2], [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], None).one_against_rest(2)
    np.testing.assert_array_equal(rows.target, [0, 1])
    np.testing.assert_array_equal(rows.prediction, [0.2, 0.8])


@pytest.mark.parametrize(
    ("target", "prediction", "weight", "message"),
    [
        ([1.0, 2.0], [1.0], None, r"target of shape \(2,\) and prediction of shape \(1,\)"),
        ([], [], None, "no rows"),
        ([1.0], [[1.0]], None, "shape"),
        ([1.0], [1.0], [1.0, 2.0], r"weight of shape \(2,\)"),
        ([1.0], [1.0], [-1.0], "negative"),
        ([1.0], [1.0], [np.nan], "not a number"),
        ([1.0], [1.0], [0.0], "all zero"),
        ([1.0, np.nan], [1.0, 1.0], None, r"a target that is missing or infinite \(in row 1\)"),
        ([1.0], [np.inf], None, r"a prediction that is missing or infinite \(in row 0\)"),
    ],
)
def test_refuses_numbers(target, prediction, weight, message):
    with pytest.raises(TableError, match=message):
        value_rows(target, prediction, weight)


@pytest.mark.parametrize(
    ("target", "prediction", "message"),
    [
        ([0.5], [0.5], "target of type float64"),
        (["a"], [0.5], "target of type"),
        ([-1], [0.5], "class number -1"),
        ([2], [0.5], r"class number 2; allowed: 0\.\.1"),
        ([0, 3], np.ones((2, 3)), r"class number 3; allowed: 0\.\.2"),
        ([0], np.ones((1, 2, 2)), "shape"),
        ([0, 0], [[0.5, 0.5], [np.nan, 0.5]], "row 1"),
    ],
)
def test_refuses_classes(target, prediction, message):
    with pytest.raises(TableError, match=message):
        class_rows(target, prediction, None)


def test_class_numbers_as_whole_floats_and_booleans_are_taken():
    assert class_rows([0.0, 1.0], [0.1, 0.9], None).target.dtype == np.int64
    assert class_rows([False, True], [0.1, 0.9], None).target.sum() == 1


def test_means_and_sums():
    assert weighted_mean(np.array([1.0, 3.0]), np.array([3.0, 1.0])) == 1.5
    np.testing.assert_array_equal(sum_by(np.array([2, 0]), np.array([1.5, 2.0]), 4), [2.0, 0.0, 1.5, 0.0])
