"""All metrics by name: what each needs, for which tasks, and which way is better.

A new metric is a file with one function and one line in `METRICS`; training, evaluation, monitoring,
reports and the documentation read it from here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec

from justright.errors import RecipeError, closest
from justright.metrics.accuracy import accuracy, balanced_accuracy
from justright.metrics.average_precision import average_precision
from justright.metrics.brier import brier
from justright.metrics.calibration_error import calibration_error
from justright.metrics.log_loss import log_loss
from justright.metrics.mae import mae
from justright.metrics.mape import mape
from justright.metrics.matthews import matthews
from justright.metrics.pinball import pinball
from justright.metrics.poisson_deviance import poisson_deviance
from justright.metrics.precision_recall import f1, precision, recall
from justright.metrics.r2 import r2
from justright.metrics.rmse import rmse
from justright.metrics.roc_auc import roc_auc
from justright.schema import Task

__all__ = ["METRICS", "Metric", "Needs", "default_metric", "metric", "metrics_for"]

Needs: TypeAlias = Literal["value", "probability", "label"]

_INFINITE: Final = float("inf")
_CLASSES: Final[tuple[Task, ...]] = ("binary", "multiclass")
_NUMBERS: Final[tuple[Task, ...]] = ("regression",)


class Metric(msgspec.Struct, frozen=True):
    """One metric and what must be known to use it.

    Parameters
    ----------
    name : str
        scikit-learn's name where it has one.
    function : callable
        `function(target, prediction, weight=None, **options) -> float`; `needs == "label"` takes
        the option `threshold`.
    tasks : tuple of {"regression", "binary", "multiclass"}
        Where it can be used.
    greater_is_better : bool
        Which way is better.
    needs : {"value", "probability", "label"}
        What it looks at: a number, the probabilities, or the labels after the threshold.
    low, high : float
        The range it can take.
    meaning : str
        One line for people.
    """

    name: str
    function: Callable[..., float]
    tasks: tuple[Task, ...]
    greater_is_better: bool
    needs: Needs
    low: float
    high: float
    meaning: str


def _up(name: str, function: Callable[..., float], needs: Needs, low: float, meaning: str) -> Metric:
    """A metric of classes, at most 1, that should be high."""
    return Metric(name, function, _CLASSES, True, needs, low, 1.0, meaning)


def _error(name: str, function: Callable[..., float], meaning: str) -> Metric:
    """An error of numbers, from 0 up, that should be low."""
    return Metric(name, function, _NUMBERS, False, "value", 0.0, _INFINITE, meaning)


_EVERY: Final[tuple[Metric, ...]] = (
    _error("rmse", rmse, "typical error in the target's unit, large errors counting more"),
    _error("mae", mae, "mean size of an error in the target's unit"),
    Metric("r2", r2, _NUMBERS, True, "value", -_INFINITE, 1.0, "share of the variance explained"),
    _error("mape", mape, "mean error as a share of the true value"),
    _error("poisson_deviance", poisson_deviance, "misfit of expected counts"),
    _error("pinball", pinball, "misfit of a predicted quantile"),
    _up("roc_auc", roc_auc, "probability", 0.0, "chance that a positive row scores above a negative one"),
    Metric(
        "log_loss",
        log_loss,
        _CLASSES,
        False,
        "probability",
        0.0,
        _INFINITE,
        "mean surprise at the truth, nats",
    ),
    _up("average_precision", average_precision, "probability", 0.0, "area under the precision-recall curve"),
    Metric("brier", brier, _CLASSES, False, "probability", 0.0, 2.0, "mean squared error of probabilities"),
    Metric(
        "calibration_error",
        calibration_error,
        _CLASSES,
        False,
        "probability",
        0.0,
        1.0,
        "mean distance between stated and observed probability, 10 equal bins",
    ),
    _up("accuracy", accuracy, "label", 0.0, "share of rows with the right label"),
    _up("balanced_accuracy", balanced_accuracy, "label", 0.0, "mean share of right labels over classes"),
    _up("f1", f1, "label", 0.0, "harmonic mean of precision and recall"),
    _up("precision", precision, "label", 0.0, "share of flagged rows that are right"),
    _up("recall", recall, "label", 0.0, "share of true rows that are found"),
    _up("matthews", matthews, "label", -1.0, "correlation of truth and label"),
)

METRICS: Final = MappingProxyType({each.name: each for each in _EVERY})
"""Every metric by name, read-only."""

# Not reported unless asked for: mape explodes at 0, the other two belong to one loss each.
_ON_DEMAND: Final = frozenset({"mape", "poisson_deviance", "pinball"})
_HEADLINE: Final[MappingProxyType[str, str]] = MappingProxyType(
    {"regression": "rmse", "binary": "roc_auc", "multiclass": "log_loss"}
)


def metric(name: str, task: Task | None = None) -> Metric:
    """Return the metric of that name.

    Parameters
    ----------
    name : str
        A key of `METRICS`.
    task : {"regression", "binary", "multiclass"}, optional
        Where given, the metric must be one for that task.

    Raises
    ------
    RecipeError
        No such metric, or not one for the task.

    Examples
    --------
    >>> metric("rmse").greater_is_better
    False
    """
    allowed = [each.name for each in _EVERY if task is None or task in each.tasks]
    if name not in allowed:
        why = f"; {name} is for {' and '.join(METRICS[name].tasks)}" if name in METRICS else ""
        raise RecipeError(
            f"metric={name!r}" + (f" for {task}{why}" if task else ""),
            allowed=closest(name, allowed, limit=20),
            next_step=f"--set metric={default_metric(task)}" if task else "",
        )
    return METRICS[name]


def metrics_for(task: Task) -> tuple[Metric, ...]:
    """Return what is reported for a task, the headline first.

    Examples
    --------
    >>> [each.name for each in metrics_for("regression")]
    ['rmse', 'mae', 'r2']
    """
    headline = default_metric(task)
    named = [each for each in _EVERY if task in each.tasks and each.name not in _ON_DEMAND]
    return tuple(sorted(named, key=lambda each: each.name != headline))


def default_metric(task: Task) -> str:
    """Return the headline metric of a task; log loss is what a classifier minimises beside it.

    ROC AUC for two classes does not change with their balance or with the threshold; for several
    classes log loss judges all probabilities at once.

    Examples
    --------
    >>> default_metric("binary")
    'roc_auc'
    """
    return _HEADLINE[task]
