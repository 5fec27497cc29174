"""The table of what a parameter may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold

from justright.errors import RecipeError
from justright.estimators import LinearClassifier, LinearRegressor
from justright.estimators.constraints import CLASSIFIER, REGRESSOR, check


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


def test_every_parameter_has_its_line() -> None:
    assert set(REGRESSOR) == set(LinearRegressor().get_params())
    assert set(CLASSIFIER) == set(LinearClassifier().get_params())


def test_the_constructor_only_stores_and_fit_refuses() -> None:
    model = LinearRegressor(loss="nothing")
    assert model.loss == "nothing"
    with pytest.raises(ValueError, match="received loss='nothing'"):
        model.fit([[0.0], [1.0]], [0.0, 1.0])
