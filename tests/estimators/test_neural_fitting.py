"""From an estimator to a training: settings, seeds, who trains."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from justright.errors import JustrightWarning
from justright.estimators import NeuralClassifier, NeuralRegressor
from justright.estimators.neural_fitting import network_of, seed_of
from justright.recipe import Network, Recipe, from_data

pytestmark = pytest.mark.usefixtures("compiled_once")

TINY = {
    "hidden_layer_sizes": (4,),
    "ensemble": 1,
    "numbers": "plain",
    "learning_rate_init": 0.05,
    "max_iter": 2,
}


def test_the_defaults_are_those_of_a_recipe() -> None:
    wanted = Network(smoothing=0.0)  # an estimator has no metric by which to choose it
    assert network_of(NeuralRegressor()) == wanted and network_of(NeuralClassifier()) == wanted


def test_every_setting_arrives() -> None:
    model = NeuralClassifier(
        hidden_layer_sizes=np.array([3, 2]),
        activation="logistic",
        numbers="plain",
        dropout=0.5,
        ensemble=2,
        solver="lion",
        alpha=0.3,
        learning_rate_init=0.01,
        schedule="cosine",
        batch_size=8,
        max_iter=9,
        clip=1,
        average=0.9,
        label_smoothing=0.1,
    )
    made = network_of(model, 0.5)
    assert made == Network(
        hidden=(3, 2),
        activation="sigmoid",
        numbers="plain",
        dropout=0.5,
        ensemble=2,
        optimizer="lion",
        rate=0.01,
        schedule="cosine",
        batch=8,
        epochs=9,
        decay=0.3,
        clip=1.0,
        average=0.9,
        smoothing=0.1,
    )
    assert from_data(msgspec.to_builtins(Recipe(network=made))).network == made


def test_a_rate_that_is_left_open() -> None:
    assert network_of(NeuralRegressor(), 0.25).rate == 0.25
    assert network_of(NeuralRegressor(hidden_layer_sizes=7)).hidden == (7,)
    assert network_of(NeuralRegressor(hidden_layer_sizes=())).hidden == ()


def test_seeds() -> None:
    assert seed_of(None) == -1 and seed_of(np.int64(3)) == 3
    assert seed_of(np.random.RandomState(0)) == seed_of(np.random.RandomState(0))


def test_with_folds_the_model_trains_on_all_rows() -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = NeuralRegressor(cv=3, **TINY).fit(X, X.sum(axis=1))
    folds = [row.fold for row in model.history_.rows if row.number == 1]
    assert folds == [-1, 0, 1, 2]
    judged = [row.validation for row in model.history_.rows if row.number == 1][1:]
    assert model.validation_curve_[0] == pytest.approx(np.mean([each for each in judged if each is not None]))
    assert model.loss_curve_[0] == model.history_.rows[0].train


def test_rows_that_are_all_alike() -> None:
    with pytest.warns(JustrightWarning, match="Too few different rows to hold some out"):
        model = NeuralRegressor(**TINY).fit(np.ones((20, 2)), np.arange(20.0))
    assert np.isnan(model.validation_curve_).all()
    assert np.isfinite(model.predict(np.ones((3, 2)))).all()


def test_an_optimizer_of_ones_own_is_taken_as_it_is():
    optax = pytest.importorskip("optax")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = X[:, 0] - X[:, 1] + 0.1 * rng.normal(size=300)
    model = NeuralRegressor(
        hidden_layer_sizes=(8,),
        ensemble=1,
        numbers="plain",
        solver=optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.02)),
        max_iter=80,
        batch_size=64,
        random_state=0,
    ).fit(X, y)
    assert model.score(X, y) > 0.95
    assert len(model.race_) == 0
