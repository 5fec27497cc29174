"""WideDeepClassifier: two classes and three, missing values, many categories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from justright.errors import ColumnError
from justright.estimators import WideDeepClassifier

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 1.0, (1000, 2))
TINY: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "ensemble": 2,
    "learning_rate_init": 0.03,
    "batch_size": 32,
    "max_iter": 5,
}

pytestmark = pytest.mark.usefixtures("compiled_once")


def test_two_classes_by_a_cross() -> None:
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    model = WideDeepClassifier(**TINY).fit(X, y)
    assert model.classes_.tolist() == ["other", "same"] and model.crosses_ == [(0, 1)]
    assert model.score(X, y) > 0.95
    chance = model.predict_proba(X)
    np.testing.assert_allclose(chance[:, 1], 1 / (1 + np.exp(-model.decision_function(X))), atol=1e-12)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), chance, atol=1e-12)


def test_three_classes_of_many_categories_with_gaps() -> None:
    city = RNG.integers(0, 30, 1000)
    frame = pd.DataFrame({"x": np.where(X[:, 0] > 0.5, np.nan, X[:, 0]), "city": [f"c{k}" for k in city]})
    y = np.where(frame.x.isna(), 2, city % 2)
    model = WideDeepClassifier(crosses=None, **TINY).fit(frame, y)
    assert model.decision_function(frame).shape == (1000, 3) and model.score(frame, y) > 0.95
    assert np.isfinite(model.predict_proba(frame.assign(city="elsewhere"))).all()


def test_what_is_refused() -> None:
    with pytest.raises(ColumnError, match="at least two classes"):
        WideDeepClassifier().fit(X, np.ones(1000))
