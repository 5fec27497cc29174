"""Mean absolute error: sum w |y - p| / sum w."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.rows import value_rows, weighted_mean
from justright.schema import FloatArray

__all__ = ["absolute_error", "mae"]


def mae(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean size of an error, in the target's unit; each unit of error counts the same.

    Parameters
    ----------
    target, prediction : float (rows,)
        True and expected values.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.

    Returns
    -------
    float
        >= 0; 0 = perfect.

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    Examples
    --------
    >>> mae([3.0, 5.0], [0.0, 9.0])
    3.5
    """
    rows = value_rows(target, prediction, weight)
    return weighted_mean(absolute_error(rows.target, rows.prediction), rows.weight)


def absolute_error(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return `|target - prediction|` of each row.

    Examples
    --------
    >>> import numpy as np
    >>> absolute_error(np.array([3.0]), np.array([1.0]))
    array([2.])
    """
    return np.abs(target - prediction)
