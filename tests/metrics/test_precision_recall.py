import numpy as np
import pytest
from sklearn.metrics import f1_score, fbeta_score, precision_score, recall_score

from justright.errors import RecipeError
from justright.metrics.precision_recall import f1, f_by_class, fbeta, judged_classes, precision, recall

RIVALS = [(precision, precision_score), (recall, recall_score), (f1, f1_score)]


@pytest.mark.parametrize(("ours", "rival"), RIVALS)
def test_binary_equals_scikit_learn(binary_rows, ours, rival):
    target, prediction, weight = binary_rows
    for threshold in (0.0, 0.4, 0.5, 1.0):
        assert ours(target, prediction, weight, threshold=threshold) == pytest.approx(
            rival(target, prediction >= threshold, sample_weight=weight, zero_division=0.0), rel=1e-12
        )


@pytest.mark.parametrize(("ours", "rival"), RIVALS)
def test_several_classes_equal_the_macro_mean(class_rows, ours, rival):
    target, prediction, weight = class_rows
    label = prediction.argmax(axis=1)
    expected = rival(target, label, sample_weight=weight, average="macro", zero_division=0.0)
    assert ours(target, prediction, weight) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_fbeta_equals_scikit_learn(binary_rows, beta):
    target, prediction, weight = binary_rows
    expected = fbeta_score(target, prediction >= 0.5, beta=beta, sample_weight=weight)
    assert fbeta(target, prediction, weight, beta=beta) == pytest.approx(expected, rel=1e-12)


def test_nothing_flagged_and_nothing_true_are_zero():
    assert precision([0, 1], [0.1, 0.2]) == 0.0
    assert recall([0, 0], [0.9, 0.2]) == 0.0
    assert f1([0, 0], [0.1, 0.2]) == 0.0


def test_classes_that_do_not_occur_are_left_out_of_the_mean():
    cells = np.diag([3.0, 0.0, 2.0])
    np.testing.assert_array_equal(judged_classes(cells), [0, 2])
    np.testing.assert_array_equal(f_by_class(cells, 1.0), [1.0, 0.0, 1.0])
    assert f1([0, 2], np.eye(3)[[0, 2]]) == 1.0


def test_refuses_a_beta_of_zero():
    with pytest.raises(RecipeError, match="beta=0"):
        fbeta([0, 1], [0.1, 0.9], beta=0.0)
