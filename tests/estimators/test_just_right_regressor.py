"""Regression by the ladder: which rung, what is told of it, and intervals that hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from justright.errors import RecipeError
from justright.estimators import CrossedRegressor, JustRightRegressor


def rows(kind: str, n: int = 300, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    truth = {"line": 2.0 * X[:, 0] - X[:, 1], "wave": 3.0 * np.sin(2.0 * X[:, 0])}
    return X, 1000.0 * (truth[kind] + 0.5 * rng.normal(size=n))


@pytest.mark.parametrize(("kind", "rung"), [("line", "linear"), ("wave", "crossed")])
def test_the_rung_is_the_simplest_that_holds_the_truth(kind: str, rung: str) -> None:
    pytest.importorskip("lightgbm", reason="trees are a rung")
    X, y = rows(kind)
    model = JustRightRegressor(rungs=("linear", "crossed", "boosted")).fit(X, y)
    assert model.rung_ == rung == model.summary_.family
    assert [one["family"] for one in model.ladder_ if one["chosen"]] == [rung]
    for one in model.ladder_:
        assert one["train"] <= one["loss"] * 1.05 and one["seconds"] > 0 and one["judged"] == 300
        assert one["gap"] <= one["error"] or one["family"] != rung
    fresh, truth = rows(kind, 2000, seed=1)
    error = np.sqrt(np.mean((model.predict(fresh) - truth) ** 2))
    assert 480.0 < error < 620.0
    validation = model.summary_.validation
    assert validation.low < error < validation.high


def test_the_best_may_be_asked_for() -> None:
    pytest.importorskip("lightgbm", reason="trees are a rung")
    X, y = rows("wave")
    model = JustRightRegressor(rungs=("linear", "boosted"), choose="best", folds=3, metric="mae").fit(X, y)
    assert model.rung_ == "boosted" and model.summary_.metric == "mae" and model.summary_.folds == 3


def test_another_random_state_gives_other_folds() -> None:
    X, y = rows("wave", 150)
    losses = [
        JustRightRegressor(rungs=("linear",), random_state=state).fit(X, y).ladder_[0]["value"]
        for state in (None, 0, 1, np.random.RandomState(1))
    ]
    assert len(set(losses)) == 4
    assert losses[2] == JustRightRegressor(rungs=("linear",), random_state=1).fit(X, y).ladder_[0]["value"]


def test_intervals_hold_what_they_state() -> None:
    X, y = rows("line", 600)
    model = JustRightRegressor(rungs=("linear",)).fit(X, y)
    fresh, truth = rows("line", 4000, seed=1)
    for level in (0.8, 0.9, 0.95):
        ends = model.predict_interval(fresh, level)
        assert ends.shape == (4000, 2) and (ends[:, 0] < ends[:, 1]).all()
        assert np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])) == pytest.approx(level, abs=0.035)
    with pytest.raises(RecipeError, match=r"level=0\.5"):
        model.predict_interval(fresh, 0.5)
    few = JustRightRegressor(rungs=("linear",)).fit(*rows("line", 40))
    assert few.predict_interval(fresh).shape == (4000, 2)
    with pytest.raises(RecipeError, match=r"level=0\.95"):
        few.predict_interval(fresh, 0.95)


def test_it_is_as_good_as_the_rung_that_it_takes() -> None:
    X, y = rows("wave")
    ours = cross_val_score(JustRightRegressor(rungs=("linear", "crossed")), X, y, cv=3).mean()
    theirs = cross_val_score(CrossedRegressor(), X, y, cv=3).mean()
    assert ours > theirs - 0.02


def test_a_target_that_never_changes_is_refused() -> None:
    with pytest.raises(ValueError, match="one value"):
        JustRightRegressor().fit(np.arange(20.0)[:, None], np.ones(20))


def test_a_budget_of_next_to_nothing_leaves_the_first_rung() -> None:
    model = JustRightRegressor(budget=1e-3).fit(*rows("wave", 100))
    assert model.rung_ == "linear" and len(model.ladder_) == 1
