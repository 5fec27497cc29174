"""Numbers and classes, before a network sees them: what is refused says so before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from justright.errors import ColumnError, JustrightError, RecipeError
from justright.estimators import NeuralClassifier, NeuralRegressor, WideDeepClassifier, WideDeepRegressor

X = np.arange(40.0)[:, None]
Y = np.arange(40) % 2


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*told: Any, **more: Any) -> None:
        raise AssertionError("a training began")

    monkeypatch.setattr("justright.training.loop.Trainer.fit", never)


@pytest.mark.parametrize(
    ("model", "X", "y", "told", "error", "says"),
    [
        (NeuralRegressor(loss="poisson"), X, Y - 1.0, {}, ColumnError, "y with -1.*counts >= 0"),
        (WideDeepRegressor(loss="poisson"), X, Y - 1.0, {}, ColumnError, "y with -1.*counts >= 0"),
        (NeuralRegressor(), X[:1], Y[:1], {}, ValueError, "1 sample"),
        (NeuralRegressor(), X, Y[:5], {}, ValueError, "inconsistent numbers of samples"),
        (NeuralRegressor(), X + np.inf, Y, {}, ValueError, "infinity|NaN"),
        (NeuralRegressor(), X * 1e150, Y, {}, ColumnError, "1e\\+140|e\\+151"),
        (NeuralRegressor(), X, Y, {"sample_weight": -np.ones(40)}, ColumnError, "weights >= 0"),
        (NeuralRegressor(), X, Y, {"sample_weight": np.zeros(40)}, ColumnError, "nothing but zero"),
        (NeuralRegressor(), X, Y, {"eval_rows": range(40)}, RecipeError, "40 of 40 rows"),
        (NeuralRegressor(cv=3), X, Y, {"eval_rows": [1]}, RecipeError, "cv and eval_rows"),
        (NeuralClassifier(), X, np.ones(40), {}, ColumnError, "one class, 1.0.*at least two"),
        (NeuralClassifier(), X, Y, {"sample_weight": Y.astype(float)}, ColumnError, "one class, 1"),
        (WideDeepClassifier(), X, ["a"] * 40, {}, ColumnError, "one class, 'a'"),
        (NeuralClassifier(), X, X[:, 0] + 0.5, {}, ValueError, "Unknown label type"),
        (NeuralClassifier(class_weight={2: 1.0}), X, Y, {}, RecipeError, "class_weight of 2"),
        (WideDeepClassifier(crosses=[(0, 0)]), X, Y, {}, ColumnError, "with itself"),
    ],
)
def test_what_is_refused(model: Any, X: Any, y: Any, told: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        model.fit(X, y, **told)


def test_every_refusal_of_ours_says_what_is_allowed() -> None:
    with pytest.raises(JustrightError) as caught:
        NeuralClassifier(dropout=2.0).fit(X, Y)
    assert caught.value.allowed and "dropout=2.0" in str(caught.value)
