import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from justright.evaluate.baselines import base_rate, base_rate_metrics


def test_equals_scikit_learns_dummies():
    rng = np.random.default_rng(1)
    x, weight = np.zeros((50, 1)), rng.uniform(0, 2, 50)
    y = rng.normal(size=50)
    np.testing.assert_allclose(
        base_rate("regression", y, weight), DummyRegressor().fit(x, y, weight).predict(x)
    )
    for k, task in ((2, "binary"), (3, "multiclass")):
        y = np.arange(50) % k
        rival = DummyClassifier(strategy="prior").fit(x, y, weight).predict_proba(x)
        expected = rival[:, 1] if k == 2 else rival
        np.testing.assert_allclose(base_rate(task, y, weight, n_classes=k), expected)


def test_what_nothing_scores():
    found = base_rate_metrics("binary", [0, 0, 0, 1])
    assert found["roc_auc"] == 0.5
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == 0.5
    assert found["brier"] == pytest.approx(0.25 * 0.75)
    assert found["log_loss"] == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert base_rate_metrics("regression", [1.0, 2.0, 3.0])["r2"] == pytest.approx(0.0)


def test_what_is_not_defined_is_left_out():
    assert "roc_auc" not in base_rate_metrics("binary", [1, 1])
    assert "r2" not in base_rate_metrics("regression", [2.0, 2.0])
