"""NeuralClassifier: two classes and more, weights of classes, labels that give something away."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from justright.errors import ColumnError, RecipeError
from justright.estimators import NeuralClassifier

pytestmark = pytest.mark.usefixtures("compiled_once")

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 1.0, (600, 2))
WORD = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
TINY: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "ensemble": 2,
    "learning_rate_init": 0.02,
    "batch_size": 32,
    "max_iter": 5,
}


def log_loss(model: NeuralClassifier, y: npt.NDArray[Any]) -> float:
    place = np.searchsorted(model.classes_, y)
    return float(-model.predict_log_proba(X)[np.arange(len(y)), place].mean())


@pytest.fixture(scope="module")
def two() -> NeuralClassifier:
    return NeuralClassifier(hidden_layer_sizes=(16,), batch_size=32, max_iter=30).fit(X, WORD)


def test_two_classes(two: NeuralClassifier) -> None:
    assert two.classes_.tolist() == ["other", "same"] and two.score(X, WORD) > 0.95
    margin, chance = two.decision_function(X), two.predict_proba(X)
    assert margin.shape == (600,) and chance.shape == (600, 2)
    np.testing.assert_allclose(chance[:, 1], 1 / (1 + np.exp(-margin)), atol=1e-12)
    np.testing.assert_allclose(np.exp(two.predict_log_proba(X)), chance, atol=1e-12)
    assert two.predict([[0.5, 0.5], [0.5, -0.5]]).tolist() == ["same", "other"]
    loaded = pickle.loads(pickle.dumps(two))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(loaded.decision_function(X), margin)


def test_three_classes() -> None:
    y = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])
    model = NeuralClassifier(**TINY | {"max_iter": 20}).fit(X, y)
    assert model.decision_function(X).shape == (600, 3) and model.score(X, y) > 0.9
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_weights_are_repetitions() -> None:
    copies = RNG.integers(0, 4, 600)
    weighted = NeuralClassifier(**TINY).fit(X, WORD, copies)
    rows = np.repeat(np.arange(600), copies)
    repeated = NeuralClassifier(**TINY).fit(X[rows], WORD[rows])
    assert log_loss(weighted, WORD) == pytest.approx(log_loss(repeated, WORD), abs=1e-6)
    np.testing.assert_allclose(weighted.decision_function(X), repeated.decision_function(X), atol=1e-4)


def test_the_order_of_rows_means_nothing() -> None:
    order = RNG.permutation(600)
    one, other = NeuralClassifier(**TINY).fit(X, WORD), NeuralClassifier(**TINY).fit(X[order], WORD[order])
    np.testing.assert_allclose(one.decision_function(X), other.decision_function(X), atol=1e-5)


def test_class_weights_are_row_weights() -> None:
    y = (RNG.random(600) < 0.1 + 0.1 * (X[:, 0] > 0)).astype(int)
    weighted = NeuralClassifier(**TINY, class_weight={0: 1.0, 1: 4.0}).fit(X, y)
    rows = NeuralClassifier(**TINY).fit(X, y, np.where(y == 1, 4.0, 1.0))
    np.testing.assert_array_equal(weighted.decision_function(X), rows.decision_function(X))
    balanced = NeuralClassifier(**TINY, class_weight="balanced").fit(X, y)
    assert balanced.predict_proba(X)[:, 1].mean() == pytest.approx(0.5, abs=0.1)
    plain = NeuralClassifier(**TINY).fit(X, y)
    assert plain.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=0.05)


def test_smooth_labels_keep_margins_small() -> None:
    y = X[:, 0] > 0
    sharp = NeuralClassifier(**TINY | {"max_iter": 20}).fit(X, y).decision_function(X)
    soft = NeuralClassifier(**TINY | {"max_iter": 20}, label_smoothing=0.4).fit(X, y).decision_function(X)
    # A label that gives 0.2 to the other class is met by log(0.8 / 0.2) = 1.4.
    assert np.quantile(np.abs(soft), 0.9) < 2.0 < np.quantile(np.abs(sharp), 0.9)


def test_a_data_frame_with_many_categories_and_true_and_false() -> None:
    city, flag = RNG.integers(0, 20, 600), RNG.random(600) < 0.5
    frame = pd.DataFrame({"x": X[:, 0], "city": [f"city {each}" for each in city], "flag": flag})
    y = (city < 10) ^ flag
    model = NeuralClassifier(**TINY | {"max_iter": 40}).fit(frame, y)
    assert model.score(frame, y) > 0.98
    assert np.isfinite(model.predict_proba(frame.assign(city="elsewhere"))).all()


def test_a_class_of_weight_zero_is_none() -> None:
    y = np.digitize(X[:, 0], [-0.3, 0.3])
    model = NeuralClassifier(**TINY).fit(X, y, (y < 2).astype(float))
    assert model.classes_.tolist() == [0, 1] and model.predict_proba(X).shape == (600, 2)


def test_what_is_refused() -> None:
    with pytest.raises(ColumnError, match="at least two classes"):
        NeuralClassifier().fit(X, np.ones(600))
    with pytest.raises(RecipeError, match="class_weight of 'maybe'"):
        NeuralClassifier(class_weight={"maybe": 1.0}).fit(X, WORD)
    with pytest.raises(RecipeError, match="label_smoothing=1"):
        NeuralClassifier(label_smoothing=1).fit(X, WORD)
    with pytest.raises(ValueError, match="Unknown label type"):
        NeuralClassifier().fit(X, X[:, 0])
