"""A training that goes on: from the very weights, by the scales of the first fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from justright.errors import ColumnError, RecipeError
from justright.estimators import NeuralClassifier, NeuralRegressor

pytestmark = pytest.mark.usefixtures("compiled_once")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2))
Y = X[:, 0] * X[:, 1]
TINY: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "ensemble": 1,
    "learning_rate_init": 0.003,
    "schedule": "constant",
    "batch_size": 32,
    "max_iter": 4,
    "warm_start": True,
}


@pytest.fixture
def model() -> NeuralRegressor:
    return NeuralRegressor(**TINY, average=0.5).fit(X, Y)


def test_a_rate_of_nothing_leaves_the_model_where_it_is(model: NeuralRegressor) -> None:
    before = model.predict(X)
    model.set_params(learning_rate_init=1e-30, max_iter=1).fit(X + 0.3, Y)
    np.testing.assert_allclose(model.predict(X), before, atol=1e-6)


def test_it_goes_on_from_where_it_was() -> None:
    model = NeuralRegressor(**TINY).fit(X, X[:, 0])
    first = model.validation_curve_
    again = model.fit(X, X[:, 0]).validation_curve_
    assert again[0] < first[0] and min(again) < min(first)
    assert model.learning_rate_ == pytest.approx(0.003)


def test_the_rate_of_the_race_is_kept() -> None:
    model = NeuralRegressor(**TINY | {"learning_rate_init": "auto", "batch_size": 4, "max_iter": 40}).fit(
        X, Y
    )
    rate = model.learning_rate_
    assert model.race_.shape == (7, 3) and rate in model.race_[:, 0].astype(np.float32)
    model.fit(X, Y)
    assert model.learning_rate_ == rate and model.race_.shape == (0, 3)


def test_categories_keep_their_codes() -> None:
    frame = pd.DataFrame({"x": X[:, 0], "kind": np.where(X[:, 1] > 0, "up", "down")})
    y = np.where(frame.kind == "up", 1.0, -1.0)
    model = NeuralRegressor(**TINY | {"max_iter": 20, "learning_rate_init": 0.03}).fit(frame, y)
    upper = frame.assign(kind="up")
    model.set_params(max_iter=1, learning_rate_init=1e-30).fit(upper, np.ones(200))
    assert model.predict(upper).mean() > 0.7 and model.predict(frame.assign(kind="down")).mean() < -0.7


@pytest.mark.parametrize(
    "change", [{"hidden_layer_sizes": (9,)}, {"numbers": "plain"}, {"hidden_layer_sizes": ()}]
)
def test_another_network_is_refused(model: NeuralRegressor, change: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="warm_start of another network"):
        model.set_params(**change).fit(X, Y)


def test_other_columns_and_classes_are_refused(model: NeuralRegressor) -> None:
    with pytest.raises(ColumnError, match="other columns than in the fit before"):
        model.fit(X[:, :1], Y)
    classifier = NeuralClassifier(**TINY).fit(X, Y > 0)
    with pytest.raises(ColumnError, match="y with 2"):
        classifier.fit(X, np.digitize(Y, [-1, 1]))


def test_without_it_a_fit_begins_anew(model: NeuralRegressor) -> None:
    model.set_params(warm_start=False)
    first = model.fit(X, Y).predict(X)
    np.testing.assert_array_equal(model.fit(X, Y).predict(X), first)
