"""Precision, recall and their F mean, from the confusion matrix.

    precision = TP / (TP + FP), recall = TP / (TP + FN)
    F_beta = (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP)

Binary: of class 1. Several classes: the plain mean over the classes that occur as truth or as label
(scikit-learn's `average="macro"`). Nothing flagged: precision is 0; no true row: recall is 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.metrics.confusion import confusion_matrix
from justright.schema import FloatArray

__all__ = ["f1", "f_by_class", "fbeta", "judged_classes", "precision", "recall"]


def precision(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Return the share of flagged rows that are right.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.
    threshold : float, default 0.5
        A binary row is flagged where `prediction >= threshold`.

    Returns
    -------
    float
        0..1; 0 when nothing is flagged.

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    Examples
    --------
    >>> precision([0, 1, 1, 1], [0.7, 0.8, 0.9, 0.3])
    0.6666...
    """
    cells = confusion_matrix(target, prediction, weight, threshold=threshold)
    hits = np.diagonal(cells)
    return _mean_over_classes(cells, _ratio(hits, cells.sum(axis=0)))


def recall(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Return the share of true rows that are found.

    Parameters
    ----------
    target, prediction, weight, threshold
        As for `precision`.

    Returns
    -------
    float
        0..1; 0 when there is no true row.

    Examples
    --------
    >>> recall([0, 1, 1, 1, 1], [0.7, 0.8, 0.9, 0.3, 0.6])
    0.75
    """
    cells = confusion_matrix(target, prediction, weight, threshold=threshold)
    return _mean_over_classes(cells, _ratio(np.diagonal(cells), cells.sum(axis=1)))


def fbeta(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
    beta: float = 1.0,
) -> float:
    """Return the weighted harmonic mean of precision and recall.

    Parameters
    ----------
    target, prediction, weight, threshold
        As for `precision`.
    beta : float, default 1.0
        Recall counts `beta` times as much as precision, > 0.

    Returns
    -------
    float
        0..1.

    Raises
    ------
    RecipeError
        `beta` is not above 0.

    Examples
    --------
    >>> fbeta([0, 1, 1, 1], [0.7, 0.8, 0.9, 0.3], beta=2.0)
    0.6666...
    """
    if not 0.0 < beta < float("inf"):
        raise RecipeError(f"beta={beta!r}", allowed="a number above 0")
    cells = confusion_matrix(target, prediction, weight, threshold=threshold)
    return _mean_over_classes(cells, f_by_class(cells, beta))


def f1(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Return the harmonic mean of precision and recall.

    Parameters
    ----------
    target, prediction, weight, threshold
        As for `precision`.

    Returns
    -------
    float
        0..1.

    Examples
    --------
    >>> f1([0, 1, 1, 1], [0.7, 0.8, 0.9, 0.3])
    0.6666...
    """
    return fbeta(target, prediction, weight, threshold=threshold)


def f_by_class(cells: FloatArray, beta: float) -> FloatArray:
    """Return F_beta of each class from a confusion matrix.

    Examples
    --------
    >>> import numpy as np
    >>> f_by_class(np.array([[1.0, 1.0], [0.0, 2.0]]), 1.0)
    array([0.6666..., 0.8 ])
    """
    square = beta * beta
    hits = np.diagonal(cells)
    missed = cells.sum(axis=1) - hits
    false = cells.sum(axis=0) - hits
    return _ratio((1.0 + square) * hits, (1.0 + square) * hits + square * missed + false)


def judged_classes(cells: FloatArray) -> npt.NDArray[np.int64]:
    """Return the classes a mean is taken over: class 1 of two, else those that occur.

    Examples
    --------
    >>> import numpy as np
    >>> judged_classes(np.array([[1.0, 1.0], [0.0, 2.0]]))
    array([1])
    """
    if cells.shape[0] == 2:
        return np.array([1])
    return np.flatnonzero(cells.sum(axis=0) + cells.sum(axis=1) > 0.0)


def _mean_over_classes(cells: FloatArray, by_class: FloatArray) -> float:
    """Mean of a figure over the classes that are judged."""
    return float(by_class[judged_classes(cells)].mean())


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """`part / whole`, 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0.0)
