"""NeuralRegressor: known answers, what does not matter, tables as they come."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from justright.errors import ColumnError, RecipeError
from justright.estimators import NeuralRegressor

pytestmark = pytest.mark.usefixtures("compiled_once")

RNG = np.random.default_rng(0)
X = RNG.uniform(-2.0, 2.0, (400, 1))
SINE = np.sin(3 * X[:, 0])
TINY: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "ensemble": 1,
    "learning_rate_init": 0.03,
    "batch_size": 32,
    "max_iter": 5,
}


@pytest.fixture(scope="module")
def sine() -> NeuralRegressor:
    return NeuralRegressor(hidden_layer_sizes=(32,), ensemble=2, batch_size=16, max_iter=80).fit(X, SINE)


@pytest.fixture(scope="module")
def tiny() -> NeuralRegressor:
    return NeuralRegressor(**TINY).fit(X, SINE)


def test_a_sine(sine: NeuralRegressor) -> None:
    new = np.linspace(-1.9, 1.9, 50)[:, None]
    assert sine.score(new, np.sin(3 * new[:, 0])) > 0.98


def test_what_it_shows(sine: NeuralRegressor) -> None:
    assert len(sine.loss_curve_) == len(sine.validation_curve_) == sine.n_iter_ <= 80
    assert sine.best_iter_ == 1 + int(np.argmin(sine.validation_curve_))
    assert sine.race_.shape == (7, 3) and sine.learning_rate_ in sine.race_[:, 0].astype(np.float32)
    assert sine.loss_curve_[-1] < 0.1 * sine.loss_curve_[0]
    assert sine.n_features_in_ == 1 and sine.history_.passes == sine.n_iter_


def test_copies_and_pickles_say_the_same(sine: NeuralRegressor) -> None:
    assert clone(sine).get_params() == sine.get_params()
    loaded = pickle.loads(pickle.dumps(sine))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(loaded.predict(X), sine.predict(X))


def test_the_order_of_rows_means_nothing(tiny: NeuralRegressor) -> None:
    turned = NeuralRegressor(**TINY).fit(X[::-1], SINE[::-1])
    np.testing.assert_allclose(turned.predict(X), tiny.predict(X), atol=1e-5)


def test_a_weight_is_a_repetition() -> None:
    copies = RNG.integers(0, 4, 400)
    weighted = NeuralRegressor(**TINY).fit(X, SINE, copies)
    rows = np.repeat(np.arange(400), copies)
    repeated = NeuralRegressor(**TINY).fit(X[rows], SINE[rows])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-6)


def test_seeds(tiny: NeuralRegressor) -> None:
    other = NeuralRegressor(**TINY, random_state=1).fit(X, SINE).predict(X)
    assert np.abs(other - tiny.predict(X)).max() > 1e-3
    same = NeuralRegressor(**TINY, random_state=1).fit(X, SINE).predict(X)
    np.testing.assert_array_equal(same, other)


def test_a_constant_column_and_one_of_nothing_say_nothing(tiny: NeuralRegressor) -> None:
    wide = np.column_stack([np.ones(400), X, np.full(400, np.nan)])
    model = NeuralRegressor(**TINY).fit(wide, SINE)
    np.testing.assert_allclose(model.predict(wide), tiny.predict(X), atol=1e-6)
    assert model.n_features_in_ == 3


def test_missing_numbers_are_read() -> None:
    gaps = np.where(np.arange(400)[:, None] % 4 == 0, np.nan, X)
    y = np.where(np.isnan(gaps[:, 0]), 5.0, 0.0)
    model = NeuralRegressor(**TINY | {"max_iter": 20}).fit(gaps, y)
    low, high = model.predict([[1.0], [np.nan]])
    assert low < 1.0 and high > 4.0


def test_held_out_rows_do_not_train() -> None:
    held = np.arange(0, 400, 5)
    y = SINE.copy()
    first = NeuralRegressor(**TINY).fit(X, y, eval_rows=held)
    alone = NeuralRegressor(**TINY, cv=[(np.setdiff1d(np.arange(400), held), held)]).fit(X, y)
    np.testing.assert_array_equal(alone.predict(X), first.predict(X))
    y[held] = y[held][::-1]  # the same values, so the same scale, in other rows
    second = NeuralRegressor(**TINY).fit(X, y, eval_rows=held)
    np.testing.assert_allclose(second.loss_curve_, first.loss_curve_, rtol=1e-5)
    assert abs(second.validation_curve_[-1] - first.validation_curve_[-1]) > 0.01


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_a_data_frame_as_it_is(make: Any) -> None:
    colour = np.array(["red", "green", "blue"])[np.arange(400) % 3]
    day = np.datetime64("2024-01-01") + np.arange(400)
    frame = make({"x": X[:, 0], "colour": colour, "day": day})
    y = (colour == "red") * 2.0
    model = NeuralRegressor(**TINY | {"max_iter": 20}).fit(frame, y)
    assert model.score(frame, y) > 0.95
    assert model.feature_names_in_.tolist() == ["x", "colour", "day"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["x", "colour"]])


def test_the_losses() -> None:
    x = RNG.uniform(0.0, 2.0, (600, 1))
    counts = RNG.poisson(np.exp(x[:, 0]))
    rate = NeuralRegressor(**TINY | {"max_iter": 20}, loss="poisson").fit(x, counts)
    assert rate.predict([[1.0]]) == pytest.approx([np.e], rel=0.2)
    skewed = RNG.exponential(size=600) + 10.0
    median = NeuralRegressor(**TINY | {"max_iter": 20}, loss="absolute").fit(x, skewed).predict(x)
    assert np.median(median) == pytest.approx(10.69, abs=0.15)
    mean = NeuralRegressor(**TINY | {"max_iter": 20}).fit(x, skewed).predict(x)
    assert np.mean(mean) == pytest.approx(11.0, abs=0.15)


def test_a_users_own_schedule() -> None:
    still = NeuralRegressor(**TINY | {"schedule": lambda share: 0.0 * share}).fit(X, SINE)
    assert np.ptp(still.validation_curve_) < 1e-7


def test_what_is_refused() -> None:
    with pytest.raises(ColumnError, match="counts >= 0"):
        NeuralRegressor(loss="poisson").fit(X, SINE)
    with pytest.raises(RecipeError, match=r"solver='adams'.*adam"):
        NeuralRegressor(solver="adams").fit(X, SINE)
    with pytest.raises(ValueError, match="an infinity"):
        NeuralRegressor().fit(np.where(X > 1.9, np.inf, X), SINE)
    with pytest.raises(ValueError, match="NaN"):
        NeuralRegressor().fit(X, np.where(SINE > 0.9, np.nan, SINE))
