"""All that is known about how good a model is, gathered as one value and one function.

    rows -> metrics with intervals, confusion, calibration, threshold, worst slices, words for a customer

What is not defined on the rows at hand is left out and said in a finding: the value holds no NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.evaluate.calibration import ReliabilityBin, reliability
from justright.evaluate.customer import Customer, tell_customer
from justright.evaluate.intervals import interval
from justright.evaluate.selection import Choice, validation_intervals
from justright.evaluate.slices import Slice, worst_slices
from justright.evaluate.threshold import Threshold
from justright.metrics.confusion import count_cells
from justright.metrics.log_loss import log_loss_rows
from justright.metrics.mae import absolute_error
from justright.metrics.registry import metric, metrics_for
from justright.metrics.rmse import squared_error
from justright.metrics.rows import class_rows, value_rows
from justright.schema import Finding, FloatArray, Task, Value

__all__ = ["Evaluation", "evaluate", "row_loss"]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How good a model is, and where it is not.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}
        What is predicted.
    classes : tuple of str
        Text of each class; empty for regression.
    rows : int
        Rows judged.
    level : float
        Level of the intervals.
    metrics : dict of Value
        By name, the headline first; those not defined are left out.
    confusion : tuple of tuples of float
        Weight of the rows of each true class (outer) with each label; empty for regression.
    calibration : tuple of ReliabilityBin
        Stated against observed; empty for regression.
    threshold : Threshold or None
        The decision threshold with its costs; binary only.
    slices : tuple of Slice
        The worst slices; empty where no columns were given.
    customer : Customer
        Plain words.
    findings : tuple of Finding
        `metric-undefined` where a metric says nothing on these rows, `few-rows-decide` where at most one
        row of a hundred makes half of the squared error.
    """

    task: Task
    classes: tuple[str, ...]
    rows: int
    level: float
    metrics: dict[str, Value]
    confusion: tuple[tuple[float, ...], ...]
    calibration: tuple[ReliabilityBin, ...]
    threshold: Threshold | None
    slices: tuple[Slice, ...]
    customer: Customer
    findings: tuple[Finding, ...]


def evaluate(
    task: Task,
    classes: Sequence[str],
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: Threshold | None = None,
    choice: Choice | None = None,
    names: Sequence[str] = (),
    features: Mapping[str, tuple[npt.NDArray[Any], Sequence[str]]] | None = None,
    groups: npt.ArrayLike | None = None,
    level: float = 0.95,
    quantile: float = 0.5,
) -> Evaluation:
    """Judge predictions of rows the model has not seen.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}
        What is predicted.
    classes : sequence of str
        Text of each class in the order of the class numbers; empty for regression.
    target : (rows,)
        Values, or class numbers.
    prediction : (rows,) or (rows, k)
        Expected values, probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    threshold : Threshold, optional
        Of `choose_threshold`; None = 0.5.
    choice : Choice, optional
        Given for out-of-fold rows: intervals are then those after selection (`validation_interval`);
        None = the rows are fresh.
    names : sequence of str, optional
        More metrics than `metrics_for(task)`.
    features : mapping, optional
        Columns to look for bad slices in, see `worst_slices`.
    groups : integers (rows,), optional
        Rows that depend on each other.
    level : float, default 0.95
        Of all intervals; lower it with the looks at a test set (`level_after`).
    quantile : float, default 0.5
        For the metric `pinball`.

    Returns
    -------
    Evaluation
        JSON-able, without NaN.

    Raises
    ------
    RecipeError
        A metric that is not for the task.
    TableError
        The rows do not fit.

    Examples
    --------
    >>> found = evaluate("binary", ("no", "yes"), [0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9])
    >>> found.metrics["accuracy"].value, found.confusion
    (0.75, ((1.0, 1.0), (0.0, 2.0)))
    """
    at = 0.5 if threshold is None else threshold.value
    wanted = dict.fromkeys([*(each.name for each in metrics_for(task)), *names])
    options: dict[str, Any] = {"level": level, "groups": groups, "threshold": at, "quantile": quantile}
    for name in wanted:
        metric(name, task)
    if choice is None:
        metrics = {name: interval(name, target, prediction, weight, **options) for name in wanted}
    else:
        metrics = validation_intervals(wanted, target, prediction, choice, weight, **options)
    undefined = [name for name, found in metrics.items() if not math.isfinite(found.low + found.high)]
    return Evaluation(
        task=task,
        classes=tuple(classes),
        rows=_count(target, weight),
        level=level,
        metrics={name: found for name, found in metrics.items() if name not in undefined},
        confusion=_confusion(task, target, prediction, weight, at),
        calibration=() if task == "regression" else reliability(target, prediction, weight),
        threshold=threshold if task == "binary" else None,
        slices=_slices(task, target, prediction, weight, features),
        customer=tell_customer(
            task,
            classes,
            target,
            prediction,
            weight,
            threshold=at,
            cost_fp=None if threshold is None else threshold.cost_fp,
            cost_fn=None if threshold is None else threshold.cost_fn,
            level=level,
        ),
        findings=(
            *((_undefined(undefined),) if undefined else ()),
            *(_deciding(target, prediction, weight) if task == "regression" else ()),
        ),
    )


def row_loss(task: Task, target: npt.ArrayLike, prediction: npt.ArrayLike) -> FloatArray:
    """Return the loss by which slices are compared: absolute error, or log loss; float64 (rows,).

    Examples
    --------
    >>> row_loss("regression", [1.0, 2.0], [1.5, 2.0])
    array([0.5, 0. ])
    """
    if task != "regression":
        return log_loss_rows(class_rows(target, prediction, None, probability=True))
    truth, guess = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if truth.shape != guess.shape:
        raise TableError(f"target of shape {truth.shape} and prediction of shape {guess.shape}")
    return absolute_error(truth, guess)


def _count(target: npt.ArrayLike, weight: npt.ArrayLike | None) -> int:
    """Rows with weight."""
    return int(np.asarray(target).shape[0] if weight is None else np.count_nonzero(np.asarray(weight)))


def _confusion(
    task: Task,
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    threshold: float,
) -> tuple[tuple[float, ...], ...]:
    """The confusion matrix as plain tuples."""
    if task == "regression":
        return ()
    cells = count_cells(class_rows(target, prediction, weight), threshold)
    return tuple(tuple(row) for row in cells.tolist())


def _slices(
    task: Task,
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    features: Mapping[str, tuple[npt.NDArray[Any], Sequence[str]]] | None,
) -> tuple[Slice, ...]:
    """The worst slices, where columns were given."""
    if not features:
        return ()
    return worst_slices(features, row_loss(task, target, prediction), weight)


def _undefined(names: list[str]) -> Finding:
    """Some metrics say nothing on these rows."""
    return Finding(
        "metric-undefined",
        "warning",
        f"Not defined on these rows: {', '.join(names)}; they need both classes, a target that varies, "
        "or at least two rows.",
        {"metrics": names},
        "judge on more rows",
    )


def _deciding(
    target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[Finding, ...]:
    """Single rows decide rmse and r2: at most 1 % of them make half of the squared error (normal: 8 %)."""
    rows = value_rows(target, prediction, weight)
    loss = np.sort(rows.weight * squared_error(rows.target, rows.prediction))[::-1]
    n, total = loss.shape[0], float(loss.sum())
    if n < 100 or total == 0.0:
        return ()
    share = np.cumsum(loss) / total
    few = int(np.searchsorted(share, 0.5)) + 1
    if few > n // 100:
        return ()
    return (
        Finding(
            "few-rows-decide",
            "info",
            f"{few} of {n} rows make {100 * share[few - 1]:.0f} % of the squared error: rmse and r2 hang on "
            "them, and rows like them that the table lacks could move both out of their intervals.",
            {"rows": few, "of": n, "share": round(float(share[few - 1]), 3)},
            "look at these rows; --metric mae hangs less on them",
        ),
    )
