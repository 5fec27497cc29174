"""Confusion matrix: weight of the rows of each true class (row) given each label (column)."""

from __future__ import annotations

import numpy.typing as npt

from justright.metrics.rows import ClassRows, class_rows, sum_by
from justright.schema import FloatArray

__all__ = ["confusion_matrix", "count_cells"]


def confusion_matrix(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> FloatArray:
    """Return who was taken for what.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.
    threshold : float, default 0.5
        A binary row is class 1 where `prediction >= threshold`; several classes take the likeliest.

    Returns
    -------
    float64 (k, k)
        Entry (a, b): weight of the rows of class a labelled b.

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.4])
    array([[1., 1.],
           [1., 1.]])
    """
    return count_cells(class_rows(target, prediction, weight), threshold)


def count_cells(rows: ClassRows, threshold: float) -> FloatArray:
    """Return the confusion matrix of checked rows.

    Examples
    --------
    >>> count_cells(class_rows([1], [0.5], None), 0.5)
    array([[0., 0.],
           [0., 1.]])
    """
    k = rows.n_classes
    return sum_by(rows.target * k + rows.labels(threshold), rows.weight, k * k).reshape(k, k)
