"""What a fitted network shows, and its margins for new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from justright.estimators.crossed_fitting import columns_of
from justright.estimators.crossed_reading import read_new
from justright.estimators.neural_fitting import Fitted, Model
from justright.models.crossed.forward import Layout as CrossedLayout
from justright.models.crossed.forward import layout_of as crossed_layout
from justright.models.neural import forward
from justright.schema import BLOCK_ROWS, FloatArray

__all__ = ["describe", "former_of", "margins"]


def describe(estimator: Any, fitted: Fitted) -> None:
    """Set what a fitted estimator shows: curves, passes, the rate and its race."""
    model = len([member for member in fitted.members if member.fold < 0])
    rows = fitted.history.rows
    passes = fitted.history.passes
    judged = np.full((passes, len(fitted.members)), np.nan)
    for row in rows:
        judged[row.number - 1, row.member] = np.nan if row.validation is None else row.validation
    estimator._model = fitted.model
    estimator.loss_curve_ = [np.nan if row.train is None else row.train for row in rows if row.member == 0]
    own = judged[:, model:] if judged.shape[1] > model else judged
    estimator.validation_curve_ = own.mean(axis=1).tolist()
    estimator.n_iter_, estimator.best_iter_ = passes, fitted.best
    estimator.learning_rate_, estimator.race_ = fitted.model.rate, fitted.race
    estimator.history_ = fitted.history
    if wide := fitted.model.front["layout"].get("wide"):
        estimator.crosses_ = _crosses(
            crossed_layout(wide), fitted.model, columns_of(estimator, fitted.model.names)
        )


def former_of(estimator: Any) -> Model | None:
    """Return the network to go on from; None where the next fit begins anew."""
    return getattr(estimator, "_model", None) if getattr(estimator, "warm_start", False) else None


def _crosses(layout: CrossedLayout, model: Model, columns: list[str]) -> list[tuple[Any, Any]]:
    """Return the crosses of a wide part, columns in the order of X and parts of dates by their own names."""
    place = {name: number for number, name in enumerate(columns)}
    numeric = [place[feature.column.name] for feature in model.plan.data.numeric]
    codes = [place[feature.column.name] for feature in model.plan.data.categorical]
    owner = [
        (codes if kind == "category" else numeric)[source[0]]
        for kind, source in zip(layout.kinds, layout.sources, strict=True)
    ]
    named = {term[0]: name for term, name in zip(layout.terms, layout.names, strict=True) if len(term) == 1}

    def label(field: int) -> Any:
        own = owner[field]
        plain = named.get(field, columns[own]) == columns[own]
        return own if plain and model.names is None else columns[own] if plain else named[field]

    pairs = [sorted(term, key=lambda field: (owner[field], field)) for term in layout.terms if len(term) == 2]
    return [(label(first), label(second)) for first, second in pairs]


def margins(estimator: Any, X: Any) -> FloatArray:
    """Return the margins of new rows, float64 (rows, outputs); of a regression in the target's unit."""
    check_is_fitted(estimator)
    model: Model = estimator._model
    table = read_new(estimator, model.plan, model.names, X)
    parts = []
    for begin in range(0, max(table.rows, 1), BLOCK_ROWS):
        some = table.take(np.arange(begin, min(begin + BLOCK_ROWS, table.rows)))
        block, _ = model.plan.encode(some.values, some.rows)
        parts.append(forward.margins(model.front, model.arrays, block))
    return np.concatenate(parts)
