"""Numeric columns: centred and scaled by exact, mergeable moments of the training rows.

    z = (x - centre) / scale        in float64, then cast to float32; NaN stays NaN = missing

The moments merge by the pairwise formulas of Chan, Golub and LeVeque (1979), so one pass in any order
of batches gives the same plan up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.schema import Column, FloatArray

_LARGEST: Final = 1e150

__all__ = ["Moments", "NumericFeature", "fit_numeric", "scaled"]


class NumericFeature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of `Block.numeric`.

    Parameters
    ----------
    column : Column
        Where its values come from.
    centre, scale : float
        Mean and standard deviation of the training rows; scale is 1 for a column without spread.
    low, high : float
        Smallest and largest training value, in the column's own unit.
    missing : bool
        Whether a training row had no value: only then can a family learn what missing means.
    part : str
        Part of a date that it holds (see `features.time`); empty for plain numbers.
    """

    column: Column
    centre: float
    scale: float
    low: float
    high: float
    missing: bool = False
    part: str = ""

    @property
    def name(self) -> str:
        """Name for people: the column, with its part in brackets for dates."""
        return f"{self.column.name}[{self.part}]" if self.part else self.column.name


@dataclass
class Moments:
    """Weighted count, mean, sum of squared deviations, range and missing weight; mergeable.

    In mean and deviations a value beyond 1e150 counts as 1e150: its square would not be a number.
    """

    weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    low: float = np.inf
    high: float = -np.inf
    missing: float = 0.0
    infinite: int = 0

    def add(self, values: FloatArray, weight: FloatArray) -> None:
        """Take in `values (rows,)` with their weights; NaN counts as missing, infinities are set aside."""
        finite = np.isfinite(values)
        if not finite.all():
            gone = np.isnan(values)
            self.missing += float(weight[~finite].sum())
            self.infinite += int((~finite & ~gone).sum())
            values, weight = values[finite], weight[finite]
        seen = weight > 0
        values, weight = (values[seen], weight[seen]) if not seen.all() else (values, weight)
        total = float(weight.sum())
        if total <= 0:
            return
        low, high = float(values.min()), float(values.max())
        values = np.clip(values, -_LARGEST, _LARGEST)
        mean = float(weight @ values / total)
        squares = float(weight @ np.square(values - mean))
        self.merge(Moments(total, mean, squares, low, high))

    def merge(self, other: Moments) -> None:
        """Add what another part of the rows has seen."""
        self.missing += other.missing
        self.infinite += other.infinite
        if other.weight <= 0:
            return
        total = self.weight + other.weight
        gap = other.mean - self.mean
        self.squares += other.squares + gap * gap * self.weight * other.weight / total
        self.mean += gap * other.weight / total
        self.weight = total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)


def fit_numeric(column: Column, moments: Moments, part: str = "") -> NumericFeature | None:
    """Turn moments into a feature; None where the training rows say nothing: one value, none missing.

    Notes
    -----
    A spread below 1e-10 of the size of the values is rounding, not information: it counts as none.
    """
    spread = np.sqrt(moments.squares / moments.weight) if moments.weight > 0 else 0.0
    size = min(max(abs(moments.low), abs(moments.high)), _LARGEST)
    flat = moments.weight <= 0 or not spread > 1e-10 * size
    if flat and not (moments.missing > 0 and moments.weight > 0):
        return None
    return NumericFeature(
        column,
        float(moments.mean),
        1.0 if flat else float(spread),
        float(moments.low),
        float(moments.high),
        moments.missing > 0,
        part,
    )


def scaled(values: FloatArray, feature: NumericFeature) -> npt.NDArray[np.float32]:
    """Return the values as they stand in a Block: float32 (rows,), infinities as missing.

    Values so large that float32 cannot hold them are cut at its largest number.
    """
    limit = float(np.finfo(np.float32).max)
    with np.errstate(over="ignore"):  # what overflows is cut right after
        z = np.clip((values - feature.centre) / feature.scale, -limit, limit)
    z[np.isinf(values)] = np.nan
    return z.astype(np.float32)
