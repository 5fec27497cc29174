"""Average precision (area under the precision-recall curve by steps).

    AP = sum over the distinct scores, falling, of (gain in recall) * (precision down to that score)

Several classes: the plain mean of each class against the rest, over the classes that occur.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.ranking import rank
from justright.metrics.rows import ClassRows, class_rows

__all__ = ["average_precision", "binary_average_precision"]


def average_precision(
    target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> float:
    """Return the precision of the list of the highest scores, averaged over all its lengths.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Score of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.

    Returns
    -------
    float
        0..1; a score without information gives the share of class 1. NaN when there is no row of it.

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    Examples
    --------
    >>> average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.8333...
    """
    rows = class_rows(target, prediction, weight)
    if rows.prediction.ndim == 1:
        return binary_average_precision(rows)
    areas = np.array([binary_average_precision(rows.one_against_rest(k)) for k in range(rows.n_classes)])
    defined = areas[~np.isnan(areas)]
    return float(defined.mean())


def binary_average_precision(rows: ClassRows) -> float:
    """Return the average precision of a binary question on checked rows; NaN without a true row.

    Examples
    --------
    >>> binary_average_precision(class_rows([1, 0], [0.5, 0.5], None))
    0.5
    """
    ranking = rank(rows)
    ones = ranking.positive.sum()
    if ones == 0.0:
        return float("nan")
    found = np.cumsum(ranking.positive)
    flagged = found + np.cumsum(ranking.negative)
    return float(np.dot(ranking.positive, found / flagged) / ones)
