"""Mean Poisson deviance: 2 sum w (y log(y / p) - y + p) / sum w."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.metrics.rows import value_rows, weighted_mean
from justright.schema import FloatArray

__all__ = ["poisson_deviance", "poisson_deviance_rows"]


def poisson_deviance(
    target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> float:
    """Return how badly expected counts fit counts; the metric that goes with the Poisson loss.

    Parameters
    ----------
    target : float (rows,)
        Counts, >= 0.
    prediction : float (rows,)
        Expected counts, > 0.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.

    Returns
    -------
    float
        >= 0; 0 = perfect.

    Raises
    ------
    TableError
        Shapes differ, a number is missing, a count is negative or an expected count not positive.

    Examples
    --------
    >>> poisson_deviance([2.0, 0.0], [2.0, 1.0])
    1.0
    """
    rows = value_rows(target, prediction, weight)
    return weighted_mean(poisson_deviance_rows(rows.target, rows.prediction), rows.weight)


def poisson_deviance_rows(target: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return the deviance of each row; `y log y` is 0 at 0.

    Raises
    ------
    TableError
        A count is negative or an expected count not positive.

    Examples
    --------
    >>> import numpy as np
    >>> poisson_deviance_rows(np.array([0.0]), np.array([1.5]))
    array([3.])
    """
    if target.min() < 0.0 or prediction.min() <= 0.0:
        raise TableError(
            f"target from {target.min():.6g}, prediction from {prediction.min():.6g}",
            allowed="counts >= 0 and expected counts > 0",
            where="metric poisson_deviance",
            next_step="--set metric=rmse",
        )
    ratio = np.where(target > 0.0, target / prediction, 1.0)
    return 2.0 * (target * np.log(ratio) - target + prediction)
