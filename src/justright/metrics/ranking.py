"""Rows sorted by score with ties joined: the one pass that ROC and precision-recall curves share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from justright.metrics.rows import ClassRows, sum_by
from justright.schema import FloatArray, IntArray

__all__ = ["Ranking", "rank"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Distinct scores from the highest down, with the weight of the rows at each.

    Parameters
    ----------
    score : float64 (steps,)
        Distinct scores, falling.
    positive, negative : float64 (steps,)
        Weight of the rows of class 1 and of class 0 with exactly that score.
    step : int64 (rows,)
        Step of each row, in the order of the rows.
    """

    score: FloatArray
    positive: FloatArray
    negative: FloatArray
    step: IntArray


def rank(rows: ClassRows) -> Ranking:
    """Sort the rows of a binary question by falling score.

    Notes
    -----
    O(n log n) time, four arrays of the length of the rows.

    Examples
    --------
    >>> from justright.metrics.rows import class_rows
    >>> rank(class_rows([0, 1, 1], [0.2, 0.9, 0.2], None)).positive
    array([1., 1.])
    """
    order = np.argsort(-rows.prediction, kind="stable")
    sorted_scores = rows.prediction[order]
    starts = np.empty(order.shape[0], dtype=bool)
    starts[0] = True
    np.not_equal(sorted_scores[1:], sorted_scores[:-1], out=starts[1:])
    step = np.empty(order.shape[0], dtype=np.int64)
    step[order] = np.cumsum(starts) - 1
    positive = sum_by(step, rows.weight * rows.target)
    negative = sum_by(step, rows.weight * (1 - rows.target))
    return Ranking(sorted_scores[starts], positive, negative, step)
