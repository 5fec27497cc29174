"""Metrics on arrays: `metric(target, prediction, weight=None, **options) -> float`.

Targets are numbers (regression) or class numbers; predictions are expected values, the probability of
class 1, or one column of probabilities a class. Needs numpy only.
"""

from justright.metrics.accuracy import accuracy, balanced_accuracy
from justright.metrics.average_precision import average_precision
from justright.metrics.brier import brier
from justright.metrics.calibration_error import calibration_error
from justright.metrics.confusion import confusion_matrix
from justright.metrics.log_loss import log_loss
from justright.metrics.mae import mae
from justright.metrics.mape import mape
from justright.metrics.matthews import matthews
from justright.metrics.pinball import pinball
from justright.metrics.poisson_deviance import poisson_deviance
from justright.metrics.precision_recall import f1, fbeta, precision, recall
from justright.metrics.r2 import r2
from justright.metrics.registry import METRICS, Metric, default_metric, metric, metrics_for
from justright.metrics.rmse import rmse
from justright.metrics.roc_auc import roc_auc
from justright.metrics.suitability import check_loss

__all__ = [
    "METRICS",
    "Metric",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "calibration_error",
    "check_loss",
    "confusion_matrix",
    "default_metric",
    "f1",
    "fbeta",
    "log_loss",
    "mae",
    "mape",
    "matthews",
    "metric",
    "metrics_for",
    "pinball",
    "poisson_deviance",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
]
