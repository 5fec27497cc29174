"""The base rate: what knowing nothing about a row but the target's average would score.

A model that does not beat it has learned nothing. The prediction is the weighted mean, or the weighted
shares of the classes, the same for every row.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from justright.metrics.registry import metrics_for
from justright.metrics.rows import sum_by
from justright.schema import FloatArray, Task

__all__ = ["base_rate", "base_rate_metrics"]


def base_rate(
    task: Task, target: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, n_classes: int = 2
) -> FloatArray:
    """Return the prediction of the base rate for every row.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}
        What is predicted.
    target : (rows,)
        Values, or class numbers.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    n_classes : int, default 2
        Number of classes.

    Returns
    -------
    float64 (rows,) or (rows, n_classes)
        The mean, the share of class 1, or the shares of all classes.

    Examples
    --------
    >>> base_rate("binary", [0, 0, 0, 1])
    array([0.25, 0.25, 0.25, 0.25])
    """
    values = np.asarray(target)
    weights = np.ones(values.shape[0]) if weight is None else np.asarray(weight, dtype=np.float64)
    if task == "regression":
        return np.full(values.shape[0], float(np.average(values.astype(np.float64), weights=weights)))
    shares = sum_by(values.astype(np.int64), weights, n_classes) / weights.sum()
    if task == "binary":
        return np.full(values.shape[0], shares[1])
    return np.tile(shares, (values.shape[0], 1))


def base_rate_metrics(
    task: Task, target: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, n_classes: int = 2
) -> dict[str, float]:
    """Return the metrics of the base rate; those that are not defined are left out.

    Parameters
    ----------
    task, target, weight, n_classes
        As for `base_rate`.

    Examples
    --------
    >>> base_rate_metrics("binary", [0, 0, 0, 1])["roc_auc"]
    0.5
    """
    prediction = base_rate(task, target, weight, n_classes=n_classes)
    scores = {each.name: each.function(target, prediction, weight) for each in metrics_for(task)}
    return {name: score for name, score in scores.items() if not math.isnan(score)}
