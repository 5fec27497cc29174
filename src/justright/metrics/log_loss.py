"""Log loss (cross-entropy): -sum w log(probability given to the true class) / sum w."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from justright.metrics.rows import ClassRows, class_rows, weighted_mean
from justright.schema import FloatArray

__all__ = ["log_loss", "log_loss_rows"]

# The clip of scikit-learn for float64: a sure and wrong answer costs 36 instead of infinity.
_SMALLEST: Final = float(np.finfo(np.float64).eps)


def log_loss(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean surprise at the true class, in nats; what a classifier minimises.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class; clipped to 2.2e-16 from 0 and 1.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.

    Returns
    -------
    float
        >= 0; 0 = sure and right.

    Raises
    ------
    TableError
        Shapes differ, a number is missing, or a probability is not in 0..1.

    Examples
    --------
    >>> log_loss([0, 1], [0.5, 0.5])
    0.6931...
    """
    rows = class_rows(target, prediction, weight, probability=True)
    return weighted_mean(log_loss_rows(rows), rows.weight)


def log_loss_rows(rows: ClassRows) -> FloatArray:
    """Return the log loss of each row.

    Examples
    --------
    >>> log_loss_rows(class_rows([0], [0.5], None))
    array([0.6931...])
    """
    p = rows.prediction
    given: FloatArray = (
        np.where(rows.target == 1, p, 1.0 - p) if p.ndim == 1 else p[np.arange(len(p)), rows.target]
    )
    return np.negative(np.log(np.clip(given, _SMALLEST, 1.0 - _SMALLEST)))
