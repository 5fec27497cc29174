"""Expected calibration error: how far stated probabilities are from what happens.

    ECE = sum over bins of (share of rows in the bin) * |observed rate - mean probability|

The bins are equally wide on 0..1 (default 10); a probability of exactly 1 is in the last one. Binary:
the probability of class 1. Several classes: the probability of the likeliest class, and whether it is
right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.metrics.rows import ClassRows, class_rows, sum_by
from justright.schema import FloatArray, IntArray

__all__ = ["Bins", "bin_rows", "calibration_error", "stated_and_observed"]


@dataclass(frozen=True, slots=True)
class Bins:
    """Rows gathered by their stated probability.

    Parameters
    ----------
    weight : float64 (bins,)
        Weight of the rows of each bin.
    stated : float64 (bins,)
        Sum of weight times stated probability.
    observed : float64 (bins,)
        Sum of weight times what happened (0 or 1).
    place : int64 (rows,)
        Bin of each row.
    """

    weight: FloatArray
    stated: FloatArray
    observed: FloatArray
    place: IntArray


def calibration_error(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    bins: int = 10,
) -> float:
    """Return the mean distance between stated and observed probability.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.
    bins : int, default 10
        Number of equally wide bins, >= 1.

    Returns
    -------
    float
        0..1; 0 = perfect. Noise alone makes it positive: about sqrt(bins / rows) / 3 for a
        perfectly calibrated model.

    Raises
    ------
    RecipeError
        `bins` is not positive.
    TableError
        Shapes differ, a number is missing, or a probability is not in 0..1.

    Examples
    --------
    >>> calibration_error([0, 1, 1, 1], [0.7, 0.7, 0.7, 0.7])
    0.05...
    """
    rows = class_rows(target, prediction, weight, probability=True)
    found = bin_rows(*stated_and_observed(rows), rows.weight, bins)
    return float(np.abs(found.observed - found.stated).sum() / found.weight.sum())


def stated_and_observed(rows: ClassRows) -> tuple[FloatArray, FloatArray]:
    """Return the probability that is judged and whether it came true (0 or 1), both (rows,).

    Examples
    --------
    >>> stated_and_observed(class_rows([1], [[0.2, 0.8]], None))
    (array([0.8]), array([1.]))
    """
    if rows.prediction.ndim == 1:
        return rows.prediction, rows.target.astype(np.float64)
    return rows.prediction.max(axis=1), (rows.labels() == rows.target).astype(np.float64)


def bin_rows(stated: FloatArray, observed: FloatArray, weight: FloatArray, bins: int) -> Bins:
    """Gather rows into equally wide bins of their stated probability.

    Examples
    --------
    >>> import numpy as np
    >>> bin_rows(np.array([0.1, 1.0]), np.array([0.0, 1.0]), np.ones(2), 2).weight
    array([1., 1.])
    """
    if bins < 1:
        raise RecipeError(f"bins={bins!r}", allowed=">= 1")
    place = np.minimum((stated * bins).astype(np.int64), bins - 1)
    return Bins(
        sum_by(place, weight, bins),
        sum_by(place, weight * stated, bins),
        sum_by(place, weight * observed, bins),
        place,
    )
