"""Where the model is worst: the values of single columns with the highest loss.

Many slices are looked at, so some look bad by chance: intervals are widened for their number
(Bonferroni), slices are ordered by the lower end, and a slice is `clear` only where even that end lies
above the loss of the other rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.evaluate.influence import mean_influence
from justright.evaluate.intervals import interval_of
from justright.evaluate.quantile import normal_quantile
from justright.metrics.rows import sum_by
from justright.schema import FloatArray, IntArray, Value

__all__ = ["Slice", "worst_slices"]

_LEAST_ROWS: Final = 30
_LEAST_SHARE: Final = 0.01


class Slice(msgspec.Struct, frozen=True):
    """Rows with one value of one column.

    Parameters
    ----------
    column, value : str
        Which rows.
    rows : int
        How many.
    loss : Value
        Their mean loss, with an interval widened for the number of slices looked at.
    rest : float
        Mean loss of all other rows.
    looked : int
        Number of slices with enough rows.
    clear : bool
        True where the slice is worse than the rest beyond chance.
    """

    column: str
    value: str
    rows: int
    loss: Value
    rest: float
    looked: int
    clear: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A slice before its interval is made."""

    column: str
    code: int
    mean: float
    error: float


def worst_slices(
    features: Mapping[str, tuple[npt.NDArray[Any], Sequence[str]]],
    loss: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    most: int = 3,
    level: float = 0.95,
) -> tuple[Slice, ...]:
    """Find the values of single columns at which the model is worst.

    Parameters
    ----------
    features : mapping of str to (codes, labels)
        For each column, integer codes (rows,) and the text of each code; numbers come binned (for
        example into quarters). A negative code belongs to no slice.
    loss : float (rows,)
        Loss of each row, >= 0, smaller is better.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    most : int, default 3
        At most so many slices.
    level : float, default 0.95
        Probability that the intervals of all slices looked at hold together.

    Returns
    -------
    tuple of Slice
        The worst first. Slices have at least 30 rows and 1 % of all rows, and a rest to compare with.

    Raises
    ------
    TableError
        Lengths differ, or a code has no label.

    Notes
    -----
    O(rows * columns) time, three sums a code.

    Examples
    --------
    >>> import numpy as np
    >>> city = np.tile([0, 1], 100)
    >>> found = worst_slices({"city": (city, ["Bonn", "Ulm"])}, 1.0 + city + 0.1 * np.arange(200) % 0.7)
    >>> found[0].value, found[0].clear
    ('Ulm', True)
    """
    losses = np.asarray(loss, dtype=np.float64)
    weights = np.ones_like(losses) if weight is None else np.asarray(weight, dtype=np.float64)
    least = max(_LEAST_ROWS, int(np.ceil(_LEAST_SHARE * losses.shape[0])))
    found = [
        candidate
        for column, (codes, labels) in features.items()
        for candidate in _candidates(column, _checked(column, codes, labels, losses), losses, weights, least)
    ]
    corrected = 1.0 - (1.0 - level) / max(len(found), 1)
    z = normal_quantile(corrected)
    found.sort(key=lambda c: (-(c.mean - z * c.error), c.column, c.code))
    total, whole = weights.sum(), float(np.dot(weights, losses))
    slices = []
    for candidate in found[:most]:
        codes, labels = features[candidate.column]
        own = (np.asarray(codes) == candidate.code) & (weights > 0.0)
        value = interval_of("mae", mean_influence(losses[own], weights[own]), corrected, binary=True)
        mine = weights[own].sum()
        rest = float((whole - np.dot(weights[own], losses[own])) / (total - mine))
        slices.append(
            Slice(
                candidate.column,
                str(labels[candidate.code]),
                int(own.sum()),
                value,
                rest,
                len(found),
                value.low > rest,
            )
        )
    return tuple(slices)


def _checked(column: str, codes: npt.NDArray[Any], labels: Sequence[str], losses: FloatArray) -> IntArray:
    """Codes as int64; refuses lengths and labels that do not fit."""
    numbers = np.asarray(codes).astype(np.int64)
    if numbers.shape != losses.shape or (numbers.size and int(numbers.max()) >= len(labels)):
        raise TableError(
            f"{len(labels)} labels, codes of shape {numbers.shape} up to {int(numbers.max(initial=-1))}",
            allowed=f"one code for each of {losses.shape[0]} rows, below the number of labels",
            where=f"column {column!r}",
        )
    return numbers


def _candidates(
    column: str, codes: IntArray, losses: FloatArray, weights: FloatArray, least: int
) -> Iterator[_Candidate]:
    """Slices of one column with enough rows and a rest, with mean loss and standard error."""
    inside = (codes >= 0) & (weights > 0.0)
    own, lost, weight = codes[inside], losses[inside], weights[inside]
    if not own.size:
        return
    sizes = np.bincount(own)
    total = sum_by(own, weight)
    mean = np.divide(sum_by(own, weight * lost), total, out=np.zeros_like(total), where=total > 0.0)
    spread = sum_by(own, np.square(weight * (lost - mean[own])))
    enough = (sizes >= least) & (sizes < (weights > 0.0).sum())
    for code in np.flatnonzero(enough).tolist():
        yield _Candidate(column, code, float(mean[code]), float(np.sqrt(spread[code]) / total[code]))
