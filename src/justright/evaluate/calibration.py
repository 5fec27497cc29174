"""The reliability table: of the rows given 70 %, how many come true?

The bins are those of the metric `calibration_error`: equally wide on 0..1. Several classes: the
probability of the likeliest class, and whether it is right.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from justright.evaluate.intervals import wilson
from justright.metrics.calibration_error import bin_rows, stated_and_observed
from justright.metrics.rows import class_rows, sum_by
from justright.schema import Value

__all__ = ["ReliabilityBin", "reliability"]


class ReliabilityBin(msgspec.Struct, frozen=True):
    """Rows whose stated probability lies in one bin.

    Parameters
    ----------
    low, high : float
        Edges of the bin; `high` belongs to the next bin, but 1 to the last.
    stated : float
        Mean stated probability.
    observed : Value
        Share that came true, with Wilson's interval.
    rows : int
        Number of rows with weight.
    """

    low: float
    high: float
    stated: float
    observed: Value
    rows: int


def reliability(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    bins: int = 10,
    level: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """Compare stated with observed probabilities, bin by bin; empty bins are left out.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row; the interval then counts the rows that say as much.
    bins : int, default 10
        Number of equally wide bins.
    level : float, default 0.95
        Of the interval of each bin.

    Returns
    -------
    tuple of ReliabilityBin
        Rising.

    Examples
    --------
    >>> [(b.rows, b.stated, b.observed.value) for b in reliability([0, 1, 1, 1], [0.75] * 4)]
    [(4, 0.75, 0.75)]
    """
    rows = class_rows(target, prediction, weight, probability=True)
    stated, observed = stated_and_observed(rows)
    found = bin_rows(stated, observed, rows.weight, bins)
    squares = sum_by(found.place, np.square(rows.weight), bins)
    sizes = np.bincount(found.place, minlength=bins)
    table = []
    for i in np.flatnonzero(sizes).tolist():
        total = float(found.weight[i])
        share = min(max(float(found.observed[i]) / total, 0.0), 1.0)
        count = total * total / float(squares[i])
        table.append(
            ReliabilityBin(
                i / bins,
                (i + 1) / bins,
                float(found.stated[i]) / total,
                wilson(share, count, level),
                int(sizes[i]),
            )
        )
    return tuple(table)
