"""Mean pinball (quantile) loss: sum w max(q (y - p), (q - 1) (y - p)) / sum w."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.metrics.rows import value_rows, weighted_mean
from justright.schema import FloatArray

__all__ = ["pinball", "pinball_rows"]


def pinball(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    quantile: float = 0.5,
) -> float:
    """Return how badly a predicted quantile fits; the metric that goes with the quantile loss.

    Parameters
    ----------
    target, prediction : float (rows,)
        True values and predicted quantiles.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.
    quantile : float, default 0.5
        Between 0 and 1; 0.5 gives half the mean absolute error.

    Returns
    -------
    float
        >= 0, in the target's unit.

    Raises
    ------
    RecipeError
        `quantile` is not between 0 and 1.
    TableError
        Shapes differ or a number is missing.

    Examples
    --------
    >>> pinball([10.0, 10.0], [8.0, 12.0], quantile=0.9)
    1.0
    """
    if not 0.0 < quantile < 1.0:
        raise RecipeError(f"quantile={quantile!r}", allowed="between 0 and 1")
    rows = value_rows(target, prediction, weight)
    return weighted_mean(pinball_rows(rows.target, rows.prediction, quantile), rows.weight)


def pinball_rows(target: FloatArray, prediction: FloatArray, quantile: float) -> FloatArray:
    """Return the pinball loss of each row.

    Examples
    --------
    >>> import numpy as np
    >>> pinball_rows(np.array([1.0]), np.array([3.0]), 0.25)
    array([1.5])
    """
    error = target - prediction
    return np.maximum(quantile * error, (quantile - 1.0) * error)
