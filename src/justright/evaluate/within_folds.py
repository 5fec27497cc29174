"""The ROC area of out-of-fold scores: only pairs of rows that the same model scored are compared.

Models of different folds differ in their level. Worse, a held-out fold with many rows of class 1 was
scored by a model that saw few of them: pooled over folds the area is too low, most of all for weak
models on few rows (100 rows, AUC 0.75: the interval then held the truth in 68 % of cases).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from justright.evaluate.influence import Influence, class_influence
from justright.metrics.rows import ClassRows, class_rows

__all__ = ["area_within_folds"]


def area_within_folds(
    target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None, fold: npt.NDArray[Any]
) -> Influence:
    """Return the influence of rows on the ROC area over pairs of one fold.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Out-of-fold scores.
    weight : float (rows,), optional
        Weight of each row.
    fold : integers (rows,)
        Fold of each row.

    Returns
    -------
    Influence
        NaN where no fold holds both classes.

    Examples
    --------
    >>> area_within_folds([0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9], None, np.array([0, 0, 1, 1])).value
    1.0
    """
    rows = class_rows(target, prediction, weight)
    folds = np.asarray(fold) if weight is None else np.asarray(fold)[np.asarray(weight) > 0.0]
    if rows.prediction.ndim == 1:
        found = [_area_of_question(rows, folds)]
    else:
        found = [_area_of_question(rows.one_against_rest(k), folds) for k in range(rows.n_classes)]
    defined = [part for part in found if not np.isnan(part.value)]
    if not defined:
        return found[0]
    value = float(np.mean([part.value for part in defined]))
    pull = np.mean([part.pull for part in defined], axis=0)
    return Influence(value, pull, min(part.count for part in defined), value)


def _area_of_question(rows: ClassRows, folds: npt.NDArray[Any]) -> Influence:
    """The areas of a binary question in each fold, weighted by their pairs."""
    pull, value, pairs, count = np.zeros_like(rows.weight), 0.0, 0.0, 0.0
    for number in np.unique(folds):
        own = folds == number
        part = ClassRows(rows.target[own], rows.prediction[own], rows.weight[own])
        influence = class_influence("roc_auc", part, 0.5)
        if not np.isnan(influence.value):
            ones = float(np.dot(part.weight, part.target))
            share = ones * (float(part.weight.sum()) - ones)
            pull[own] = share * influence.pull
            value, pairs, count = value + share * influence.value, pairs + share, count + influence.count
    if pairs == 0.0:
        return Influence(float("nan"), pull, 0.0, float("nan"))
    return Influence(value / pairs, pull / pairs, count, value / pairs)
