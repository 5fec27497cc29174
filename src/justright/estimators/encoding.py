"""A table becomes Blocks: the FeaturePlan of the estimators, in which no column of numbers is dropped.

A column of numbers without spread has an infinite scale, so that it is 0 in every Block and its
coefficient is 0 in X's own units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError
from justright.estimators.columns import Table
from justright.features.fit import PlanFit
from justright.features.numeric import Moments, NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.features.target import TargetFeature
from justright.kernels.hashing import mix64
from justright.models.linear.design import layout_for
from justright.recipe import Features
from justright.schema import BLOCK_ROWS, Block, Column, FloatArray, Target
from justright.split import content_key

__all__ = [
    "LARGEST",
    "blocks_of",
    "coefficient_names",
    "is_flat",
    "keys_of",
    "plan_of",
    "scale_target",
    "unit_of",
]

_FLAT: Final = 1e-10  # a spread below this share of the values' size is rounding, as in features.numeric
LARGEST: Final = 1e140
"""Above, squares leave the range of float64."""


def plan_of(table: Table, weight: FloatArray, target: TargetFeature) -> FeaturePlan:
    """Fit the features on rows with weights float64 (rows,).

    Raises
    ------
    ColumnError
        A number beyond 1e140.
    """
    numbers = [column for column in table.columns if column.kind == "numeric"]
    fit = PlanFit([column for column in table.columns if column.kind != "numeric"], Features())
    fit.add(table.values, weight)
    others = fit.plan(target).data
    numeric = tuple(_number(column, table, weight) for column in numbers)
    return FeaturePlan(PlanData(numeric + others.numeric, others.categorical, others.text, target))


def _number(column: Column, table: Table, weight: FloatArray) -> NumericFeature:
    """Return one column of numbers as a feature."""
    values = table.values[column.name].numbers
    assert values is not None
    moments = _moments(values, weight, column.name)
    spread = np.sqrt(moments.squares / moments.weight) if moments.weight > 0 else 0.0
    return NumericFeature(
        column,
        moments.mean,
        np.inf if is_flat(spread, moments.low, moments.high) else float(spread),
        moments.low,
        moments.high,
        moments.missing > 0 and moments.weight > 0,
    )


def is_flat(spread: float, low: float, high: float) -> bool:
    """Say whether a column's spread is rounding.

    Examples
    --------
    >>> is_flat(1e-9, 0.0, 1.0), is_flat(1e-9, 100.0, 101.0)
    (False, True)
    """
    return not spread > _FLAT * max(abs(low), abs(high))


def _moments(values: FloatArray, weight: FloatArray, name: str) -> Moments:
    """Return the moments of numbers; NaN is missing."""
    if values.size and np.nanmax(np.abs(values), initial=0.0) > LARGEST:
        raise ColumnError(
            f"{name} with {values[np.nanargmax(np.abs(values))]:g}",
            allowed=f"numbers up to {LARGEST:g}, whose squares can be summed",
            next_step="divide the column by a constant",
        )
    moments = Moments()
    moments.add(values, weight)
    return moments


def scale_target(values: FloatArray, weight: FloatArray, *, own_unit: bool) -> TargetFeature:
    """Return the target of a regression with its scale; `own_unit` (counts) leaves it as it is."""
    target = Target(Column("y", "numeric", "number"), "regression")
    moments = _moments(values, weight, "y")
    if own_unit:
        return TargetFeature(target)
    spread = float(np.sqrt(moments.squares / moments.weight))
    # A constant target is learned too: all coefficients are 0 and the intercept is the constant.
    flat = not spread > 1e-12 * max(abs(moments.low), abs(moments.high))
    return TargetFeature(target, moments.mean, 1.0 if flat else spread)


def keys_of(table: Table) -> npt.NDArray[np.uint64]:
    """Return the fingerprint of each row's content, uint64 (rows,)."""
    plain: dict[str, Any] = {
        name: (value.codes, value.texts) if value.numbers is None else value.numbers
        for name, value in table.values.items()
    }
    return content_key(plain)


def blocks_of(
    table: Table,
    plan: FeaturePlan,
    target: npt.NDArray[Any],
    weight: FloatArray,
    fold: npt.NDArray[np.int8],
    key: npt.NDArray[np.uint64],
    unit: float | None = None,
) -> list[Block]:
    """Encode all rows.

    Parameters
    ----------
    table : Table
        The rows.
    plan : FeaturePlan
        How they are encoded.
    target : int32 or float32 (rows,)
        Class numbers, or values on the scale of training.
    weight : float64 (rows,)
        Above 0.
    fold : int8 (rows,)
        Validation fold of each row.
    key : uint64 (rows,)
        Fingerprints.
    unit : float, optional
        Factor of the weights; None = `unit_of(weight)`, which pieces of one table must share.
    """
    encoded, _ = plan.encode(table.values, table.rows)
    unit = unit_of(weight) if unit is None else unit
    whole = Block(
        encoded.numeric,
        encoded.codes,
        target,
        (weight * unit).astype(np.float32),
        np.ascontiguousarray(fold[:, None]),
        encoded.tokens,
        # As in the workflow: samples of the rows must not follow the folds.
        mix64(key ^ np.uint64(0x6F72646572)),
    )
    return [whole.slice(begin, begin + BLOCK_ROWS) for begin in range(0, whole.rows, BLOCK_ROWS)]


def unit_of(weight: FloatArray) -> float:
    """Return the factor that brings the mean weight near 1.

    Multiplied by a power of two no weight changes its digits, and none leaves the range of float32.

    Examples
    --------
    >>> unit_of(np.array([3.0, 5.0]))
    0.25
    """
    return float(2.0 ** -np.round(np.log2(weight.mean())))


def coefficient_names(plan: FeaturePlan) -> list[str]:
    """Name every encoded column in the order of the weights."""
    data, layout = plan.data, layout_for(plan)
    names = [feature.name for feature in data.numeric]
    names += [f"{names[place]} is missing" for place in layout.indicators]
    for category in data.categorical:
        names += [f"{category.name}={label}" for label in category.labels()]
    for text in data.text:
        names += _slots(text.column.name, text.slots)
    return names


def _slots(name: str, slots: int) -> Sequence[str]:
    """Name the hashed slots of a text column."""
    return [f"{name} slot {slot}" for slot in range(slots)]
