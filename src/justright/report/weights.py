"""The weights of a linear model as effects people can compare: per standard deviation, per category.

A number's effect is its weight times one standard deviation of the training rows. A category's effect
is its weight minus the mean weight of its column's rows; the strength of a categorical column is the
standard deviation of these effects over the training rows, so that both kinds stand on one scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from justright.bundle.format import Bundle
from justright.errors import BundleError
from justright.features.categorical import CategoricalFeature
from justright.features.plan import FeaturePlan
from justright.models.linear import LINEAR
from justright.models.linear.forward import check, layout_of
from justright.schema import FloatArray

__all__ = ["Category", "ColumnEffect", "Weights", "read_weights"]


@dataclass(frozen=True, slots=True)
class ColumnEffect:
    """A column (or a part of a date): its strength, and for numbers the signed effect of one deviation.

    `effects` float64 (outputs,), zeros for categorical columns; `deviation` in the column's own unit.
    """

    name: str
    kind: str
    strength: float
    effects: FloatArray
    deviation: float | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """A category, or a missing value: its share of the rows and its effect, float64 (outputs,)."""

    column: str
    value: str
    share: float | None
    effects: FloatArray


@dataclass(frozen=True, slots=True)
class Weights:
    """All effects, the strongest first, on the scale of the margin (the target's unit for numbers)."""

    columns: tuple[ColumnEffect, ...]
    categories: tuple[Category, ...]
    texts: int


def read_weights(bundle: Bundle) -> Weights | None:
    """Return the effects of a linear model; None where the bundle holds no plain linear model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    """
    model = bundle.model
    if model.family != LINEAR:
        return None
    try:
        plan = FeaturePlan.from_data(model.features).data
        check(model.front, bundle.arrays, model.outputs)
        layout = layout_of(model.front)
    except BundleError:
        return None
    if layout.numeric != len(plan.numeric) or layout.sizes != [feature.size for feature in plan.categorical]:
        return None
    scale = float(model.front.get("scale", 1.0))
    weights = np.asarray(bundle.arrays["weights"], np.float64) * scale
    columns, categories = [], []
    for feature, effect in zip(plan.numeric, weights, strict=False):
        strength = float(np.sqrt(np.mean(np.square(effect))))
        columns.append(ColumnEffect(feature.name, "number", strength, effect, _deviation(feature)))
    for place, effect in zip(layout.indicators, weights[layout.numeric :], strict=False):
        categories.append(Category(plan.numeric[place].name, "(missing)", None, effect))
    for category, offset in zip(plan.categorical, layout.offsets, strict=True):
        column, found = _field(category, weights[offset : offset + category.size])
        columns.append(column)
        categories += found
    columns.sort(key=lambda column: (-column.strength, column.name))
    categories.sort(key=lambda one: (-float(np.abs(one.effects).max(initial=0.0)), one.column, one.value))
    return Weights(tuple(columns), tuple(categories), layout.tokens)


def _deviation(feature: Any) -> float | None:
    """One standard deviation in the column's unit; None for the waves of a date."""
    return None if feature.part else float(feature.scale)


def _field(feature: CategoricalFeature, weights: FloatArray) -> tuple[ColumnEffect, list[Category]]:
    """Effects of one categorical column, centred on its training rows."""
    share = feature.shares()
    effects = weights - share @ weights
    strength = float(np.sqrt(np.mean(share @ np.square(effects))))
    seen = np.flatnonzero(share > 0)
    labels = feature.labels()
    found = [
        Category(feature.name, labels[code], float(share[code]), effects[code]) for code in seen.tolist()
    ]
    return ColumnEffect(feature.name, "category", strength, np.zeros(weights.shape[1])), found
