"""Coefficient of determination: 1 - sum w (y - p)^2 / sum w (y - mean)^2."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.rmse import squared_error
from justright.metrics.rows import value_rows, weighted_mean

__all__ = ["r2"]


def r2(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the share of the target's variance that the prediction explains.

    Parameters
    ----------
    target, prediction : float (rows,)
        True and expected values.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.

    Returns
    -------
    float
        1 = perfect, 0 = no better than the mean of these rows, below 0 = worse; NaN where the target
        does not vary (a share of nothing is not defined).

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    rows = value_rows(target, prediction, weight)
    mean = weighted_mean(rows.target, rows.weight)
    spread = weighted_mean(np.square(rows.target - mean), rows.weight)
    if spread == 0.0:
        return float("nan")
    return 1.0 - weighted_mean(squared_error(rows.target, rows.prediction), rows.weight) / spread
