import numpy as np
import pytest
from sklearn.metrics import log_loss as rival

from justright.errors import TableError
from justright.metrics.log_loss import log_loss, log_loss_rows
from justright.metrics.rows import class_rows as check


def test_equals_scikit_learn(binary_rows, class_rows):
    for target, prediction, weight in (binary_rows, class_rows):
        assert log_loss(target, prediction, weight) == pytest.approx(
            rival(target, prediction, sample_weight=weight), rel=1e-12
        )


def test_sure_and_wrong_is_finite():
    assert log_loss([1], [0.0]) == pytest.approx(-np.log(np.finfo(float).eps))


def test_one_column_equals_two_columns(binary_rows):
    target, prediction, _ = binary_rows
    both = log_loss_rows(check(target, np.stack([1 - prediction, prediction], axis=1), None))
    np.testing.assert_allclose(log_loss_rows(check(target, prediction, None)), both, rtol=1e-12)


def test_refuses_what_is_no_probability():
    with pytest.raises(TableError, match=r"prediction=1\.5; allowed: probabilities"):
        log_loss([0, 1], [0.5, 1.5])
