import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from justright.metrics.accuracy import accuracy, balanced_accuracy


@pytest.mark.parametrize(
    ("ours", "rival"), [(accuracy, accuracy_score), (balanced_accuracy, balanced_accuracy_score)]
)
def test_equal_scikit_learn(binary_rows, class_rows, ours, rival):
    target, prediction, weight = binary_rows
    assert ours(target, prediction, weight, threshold=0.4) == pytest.approx(
        rival(target, prediction >= 0.4, sample_weight=weight), rel=1e-12
    )
    target, prediction, weight = class_rows
    assert ours(target, prediction, weight) == pytest.approx(
        rival(target, prediction.argmax(axis=1), sample_weight=weight), rel=1e-12
    )


def test_a_constant_label_is_no_better_than_chance():
    assert balanced_accuracy([0] * 99 + [1], [0.0] * 100) == 0.5
    assert accuracy([0] * 99 + [1], [0.0] * 100) == 0.99
