"""Accuracy and balanced accuracy: the share of right labels, over all rows or as a mean over classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.confusion import confusion_matrix

__all__ = ["accuracy", "balanced_accuracy"]


def accuracy(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Return the share of rows that get the right label.

    Where one class holds most rows it says little: always naming that class scores its share.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.
    threshold : float, default 0.5
        A binary row is class 1 where `prediction >= threshold`.

    Returns
    -------
    float
        0..1.

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    Examples
    --------
    >>> accuracy([0, 1, 1, 1], [0.2, 0.8, 0.9, 0.3])
    0.75
    """
    cells = confusion_matrix(target, prediction, weight, threshold=threshold)
    return float(np.trace(cells) / cells.sum())


def balanced_accuracy(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Return the mean over classes of the share of that class's rows that get the right label.

    Parameters
    ----------
    target, prediction, weight, threshold
        As for `accuracy`.

    Returns
    -------
    float
        0..1; a constant label scores 1 / (number of classes that occur).

    Examples
    --------
    >>> balanced_accuracy([0, 1, 1, 1], [0.2, 0.8, 0.9, 0.3])
    0.8333...
    """
    cells = confusion_matrix(target, prediction, weight, threshold=threshold)
    present = cells.sum(axis=1) > 0.0
    return float((np.diagonal(cells)[present] / cells.sum(axis=1)[present]).mean())
