"""One training for all penalties and folds: the path, the choice, the units."""

from __future__ import annotations

import numpy as np
import pytest

from justright.estimators import LinearRegressor
from justright.estimators.training import path_of
from justright.training.loop import Trained, Trainer
from justright.workflow.population import penalty_path


def test_the_path_is_that_of_the_workflow() -> None:
    assert path_of(None, 0.0, 1000, exact_sums=True) == penalty_path(1000, "l2", 2)
    assert path_of(None, 0.3, 1000, exact_sums=False) == penalty_path(1000, "l1", 1)


def test_a_given_path_runs_from_strong_to_weak() -> None:
    assert path_of([0.1, 1, 0.1, 0], 0.0, 1000, exact_sums=True) == (1.0, 0.1, 0.0)
    assert path_of(np.float32(0.5), 0.0, 1000, exact_sums=True) == (0.5,)


def test_of_equal_losses_the_strongest_penalty_is_chosen() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = LinearRegressor(alphas=[0.1, 1e-3, 10.0]).fit(X, np.full(40, 3.0))
    assert model.alpha_ == 10.0


def test_an_interruption_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = Trainer.fit

    def interrupted(*args: object, **settings: object) -> Trained:
        made = fit(*args, **settings)  # type: ignore[arg-type] # the call is passed through
        return Trained(made.state, made.history, made.failed, interrupted=True)

    monkeypatch.setattr(Trainer, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LinearRegressor().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])


def test_units() -> None:
    X = np.random.default_rng(0).normal(size=(200, 2)) * [1e-3, 1e4] + [7.0, -3e4]
    y = 1e6 + X @ [2e8, -30.0]
    model = LinearRegressor(alphas=0.0).fit(X, y)
    assert model.coef_ == pytest.approx([2e8, -30.0], rel=1e-5)
    assert model.intercept_ == pytest.approx(1e6 + 0.0, rel=2e-2)
    assert model.predict(X) == pytest.approx(X @ model.coef_ + model.intercept_)
