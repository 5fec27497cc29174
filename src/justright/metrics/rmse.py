"""Root mean squared error: sqrt(sum w (y - p)^2 / sum w)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.rows import value_rows, weighted_mean
from justright.schema import FloatArray

__all__ = ["rmse", "squared_error"]


def rmse(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the typical size of an error, in the target's unit, large errors counting more.

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
    >>> rmse([3.0, 5.0], [0.0, 9.0])
    3.535...
    """
    rows = value_rows(target, prediction, weight)
    return float(np.sqrt(weighted_mean(squared_error(rows.target, rows.prediction), rows.weight)))


def squared_error(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return `(target - prediction)^2` of each row.

    Examples
    --------
    >>> import numpy as np
    >>> squared_error(np.array([3.0]), np.array([1.0]))
    array([4.])
    """
    return np.square(target - prediction)
