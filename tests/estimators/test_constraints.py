"""The table of what a parameter may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold

from justright.errors import RecipeError
from justright.estimators import (
    LinearClassifier,
    LinearRegressor,
    NeuralClassifier,
    NeuralRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)
from justright.estimators.constraints import (
    CLASSIFIER,
    NEURAL_CLASSIFIER,
    NEURAL_REGRESSOR,
    REGRESSOR,
    WIDE_DEEP_CLASSIFIER,
    WIDE_DEEP_REGRESSOR,
    check,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss", "squared_error"),
        ("loss", None),
        ("penalty", "elastic"),
        ("l1_ratio", 1.5),
        ("l1_ratio", True),
        ("alphas", []),
        ("alphas", -1.0),
        ("alphas", [0.1, float("nan")]),
        ("alphas", [float("inf")]),
        ("alphas", "0.1"),
        ("alphas", {0.1: 1}),
        ("cv", 1),
        ("cv", 101),
        ("cv", 3.0),
        ("cv", True),
        ("cv", None),
        ("cv", "five"),
        ("quantile", 0.0),
        ("quantile", 1),
        ("max_iter", 0),
        ("max_iter", 10.0),
        ("tol", 0.0),
        ("tol", "small"),
        ("random_state", -1),
        ("random_state", 0.5),
        ("random_state", "seed"),
    ],
)
def test_what_is_not_allowed_is_named(name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=f"received {name}=.*allowed: "):
        check(LinearRegressor(**{name: value}).get_params(deep=False), REGRESSOR)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alphas", 0),
        ("alphas", np.float32(0.5)),
        ("alphas", np.array([0.1, 1.0])),
        ("alphas", (1, 0)),
        ("cv", KFold(3)),
        ("cv", [([0], [1])]),
        ("cv", np.int64(5)),
        ("max_iter", np.int32(3)),
        ("random_state", np.random.RandomState(0)),
        ("random_state", np.int64(0)),
    ],
)
def test_what_is_allowed_passes(name: str, value: Any) -> None:
    check(LinearRegressor(**{name: value}).get_params(deep=False), REGRESSOR)


@pytest.mark.parametrize("value", ["even", [1, 2], 2.0])
def test_class_weights(value: Any) -> None:
    with pytest.raises(RecipeError, match="class_weight"):
        check(LinearClassifier(class_weight=value).get_params(), CLASSIFIER)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_layer_sizes", (8, 0)),
        ("hidden_layer_sizes", (8,) * 201),
        ("hidden_layer_sizes", "8"),
        ("hidden_layer_sizes", 2.0),
        ("activation", "swish"),
        ("numbers", "waves"),
        ("loss", "logistic"),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("ensemble", 0),
        ("ensemble", 65),
        ("solver", "adams"),
        ("solver", None),
        ("alpha", -1e-9),
        ("alpha", float("nan")),
        ("learning_rate_init", 0.0),
        ("learning_rate_init", 1e9),
        ("learning_rate_init", "fast"),
        ("learning_rate_init", None),
        ("schedule", "slow"),
        ("schedule", 1),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("max_iter", "all"),
        ("clip", -1),
        ("average", 1),
        ("validation_fraction", 0.0),
        ("validation_fraction", 0.6),
        ("cv", 1),
        ("warm_start", 1),
        ("random_state", 0.5),
    ],
)
def test_what_a_network_does_not_take(name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=f"received {name}=.*allowed: "):
        check(NeuralRegressor(**{name: value}).get_params(deep=False), NEURAL_REGRESSOR)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_layer_sizes", 8),
        ("hidden_layer_sizes", ()),
        ("hidden_layer_sizes", np.array([8, 4])),
        ("activation", "logistic"),
        ("solver", "schedule_free_adamw"),
        ("learning_rate_init", 1),
        ("schedule", "cosine_decay_schedule"),
        ("schedule", np.cos),
        ("batch_size", np.int64(3)),
        ("max_iter", 1),
        ("cv", None),
        ("cv", [([0], [1])]),
        ("warm_start", np.True_),
    ],
)
def test_what_a_network_takes(name: str, value: Any) -> None:
    check(NeuralRegressor(**{name: value}).get_params(deep=False), NEURAL_REGRESSOR)


def test_every_parameter_has_its_line() -> None:
    assert set(NEURAL_REGRESSOR) == set(NeuralRegressor().get_params())
    assert set(NEURAL_CLASSIFIER) == set(NeuralClassifier().get_params())
    assert set(WIDE_DEEP_REGRESSOR) == set(WideDeepRegressor().get_params())
    assert set(WIDE_DEEP_CLASSIFIER) == set(WideDeepClassifier().get_params())
    assert set(REGRESSOR) == set(LinearRegressor().get_params())
    assert set(CLASSIFIER) == set(LinearClassifier().get_params())


def test_the_constructor_only_stores_and_fit_refuses() -> None:
    model = LinearRegressor(loss="nothing")
    assert model.loss == "nothing"
    with pytest.raises(ValueError, match="received loss='nothing'"):
        model.fit([[0.0], [1.0]], [0.0, 1.0])
