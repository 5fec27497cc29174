"""Area under the ROC curve: the chance that a row of class 1 scores above one of class 0.

    AUC = sum_ij w_i w_j ([s_i > s_j] + [s_i = s_j] / 2) / (W1 W0),   i of class 1, j of class 0

Several classes: the plain mean of each class against the rest (scikit-learn's `multi_class="ovr",
average="macro"`), over the classes that have rows on both sides.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.ranking import rank
from justright.metrics.rows import ClassRows, class_rows

__all__ = ["binary_roc_auc", "roc_auc"]


def roc_auc(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return how well the scores put the rows in order.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Score of class 1 (a probability or any rising function of it), or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.

    Returns
    -------
    float
        0..1; 0.5 = no order, 1 = perfect; ties count one half. NaN when all rows are of one class.

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    Notes
    -----
    O(n log n) a class.

    Examples
    --------
    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    rows = class_rows(target, prediction, weight)
    if rows.prediction.ndim == 1:
        return binary_roc_auc(rows)
    areas = np.array([binary_roc_auc(rows.one_against_rest(k)) for k in range(rows.n_classes)])
    defined = areas[~np.isnan(areas)]
    return float(defined.mean()) if defined.size else float("nan")


def binary_roc_auc(rows: ClassRows) -> float:
    """Return the area of a binary question on checked rows; NaN when one side is empty.

    Examples
    --------
    >>> binary_roc_auc(class_rows([0, 1], [0.5, 0.5], None))
    0.5
    """
    ranking = rank(rows)
    ones, zeros = ranking.positive.sum(), ranking.negative.sum()
    if ones == 0.0 or zeros == 0.0:
        return float("nan")
    above = np.cumsum(ranking.positive) - 0.5 * ranking.positive
    return float(np.dot(ranking.negative, above) / (ones * zeros))
