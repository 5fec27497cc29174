"""WideDeepRegressor: a wide part that is named, a deep part that learns what it leaves."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from justright.errors import ColumnError, RecipeError
from justright.estimators import CrossedRegressor, WideDeepRegressor

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 1.0, (1000, 3))
TINY: dict[str, Any] = {
    "hidden_layer_sizes": (16,),
    "ensemble": 1,
    "learning_rate_init": 0.05,
    "batch_size": 32,
    "max_iter": 12,
}

pytestmark = pytest.mark.usefixtures("compiled_once")


def test_the_deep_part_learns_what_the_wide_part_leaves() -> None:
    y = np.sin(3 * X[:, 0]) + np.sign(X[:, 1]) + 0.8 * np.sin(2 * X.sum(axis=1))
    wide = CrossedRegressor(crosses=None).fit(X, y)
    model = WideDeepRegressor(crosses=None, dropout=0.0, **TINY | {"max_iter": 40}).fit(X, y)
    new = RNG.uniform(-1.0, 1.0, (1000, 3))
    truth = np.sin(3 * new[:, 0]) + np.sign(new[:, 1]) + 0.8 * np.sin(2 * new.sum(axis=1))
    assert 1 - model.score(new, truth) < 0.7 * (1 - wide.score(new, truth))
    assert model.crosses_ == []
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(new), model.predict(new))  # noqa: S301


def test_crosses_are_found_and_named() -> None:
    y = X[:, 0] + np.sign(X[:, 1] * X[:, 2])
    found = WideDeepRegressor(**TINY | {"max_iter": 2}).fit(X, y)
    assert found.crosses_ == [(1, 2)] and found.score(X, y) > 0.8
    frame = pd.DataFrame(X, columns=["z", "y", "x"]).assign(kind=RNG.choice(["a", "b"], 1000))
    asked = WideDeepRegressor(crosses=[("kind", "y")], **TINY | {"max_iter": 2}).fit(frame, y)
    assert asked.crosses_ == [("y", "kind")]


def test_the_order_of_rows_means_nothing() -> None:
    y = X[:, 0] * X[:, 1]
    one, other = (
        WideDeepRegressor(crosses=None, **TINY | {"max_iter": 3}).fit(X[rows], y[rows])
        for rows in (np.arange(1000), RNG.permutation(1000))
    )
    np.testing.assert_allclose(one.predict(X), other.predict(X), atol=1e-4)


def test_what_is_refused() -> None:
    with pytest.raises(RecipeError, match="crosses='some'"):
        WideDeepRegressor(crosses="some").fit(X, X[:, 0])
    with pytest.raises(ColumnError, match="crosses of column 7"):
        WideDeepRegressor(crosses=[(0, 7)]).fit(X, X[:, 0])
