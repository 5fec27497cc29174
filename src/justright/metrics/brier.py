"""Brier score: the mean squared error of probabilities.

    binary: sum w (y - p)^2 / sum w;   several classes: sum w sum_k ([y = k] - p_k)^2 / sum w

As in scikit-learn the binary score is half of what the formula for several classes would give.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.rows import ClassRows, class_rows, weighted_mean
from justright.schema import FloatArray

__all__ = ["brier", "brier_rows"]


def brier(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the mean squared error of the probabilities; it rewards order and calibration at once.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.

    Returns
    -------
    float
        0..1 for two classes, 0..2 for more; 0 = sure and right.

    Raises
    ------
    TableError
        Shapes differ, a number is missing, or a probability is not in 0..1.

    Examples
    --------
    >>> brier([0, 1], [0.5, 0.5])
    0.25
    """
    rows = class_rows(target, prediction, weight, probability=True)
    return weighted_mean(brier_rows(rows), rows.weight)


def brier_rows(rows: ClassRows) -> FloatArray:
    """Return the squared error of the probabilities of each row.

    Examples
    --------
    >>> brier_rows(class_rows([1], [0.9], None))
    array([0.01])
    """
    if rows.prediction.ndim == 1:
        return np.square(rows.target - rows.prediction)
    p = rows.prediction
    own = p[np.arange(len(p)), rows.target]
    return np.asarray(np.square(p).sum(axis=1) - 2.0 * own + 1.0)
