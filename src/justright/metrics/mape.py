"""Mean absolute percentage error: sum w |y - p| / max(|y|, eps) / sum w."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from justright.metrics.rows import value_rows, weighted_mean
from justright.schema import FloatArray

__all__ = ["mape", "relative_error"]

_SMALLEST: Final = float(np.finfo(np.float64).eps)


def mape(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean error as a share of the true value (0.1 = 10 per cent).

    A target of zero makes it huge (the divisor is then 2.2e-16, as in scikit-learn): use it for
    targets far from zero only.

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
    >>> mape([10.0, 20.0], [11.0, 18.0])
    0.1
    """
    rows = value_rows(target, prediction, weight)
    return weighted_mean(relative_error(rows.target, rows.prediction), rows.weight)


def relative_error(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return `|target - prediction| / |target|` of each row.

    Examples
    --------
    >>> import numpy as np
    >>> relative_error(np.array([4.0]), np.array([3.0]))
    array([0.25])
    """
    return np.abs(target - prediction) / np.maximum(np.abs(target), _SMALLEST)
