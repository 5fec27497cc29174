"""Judging a model: intervals, baselines, thresholds, calibration, slices, the guarded test set."""

from justright.evaluate.baselines import base_rate, base_rate_metrics
from justright.evaluate.calibration import ReliabilityBin, reliability
from justright.evaluate.customer import Customer, tell_customer
from justright.evaluate.evaluation import Evaluation, evaluate, row_loss
from justright.evaluate.intervals import interval, wilson
from justright.evaluate.ledger import Look, Opened, level_after, open_test, read_ledger
from justright.evaluate.selection import Choice, validation_interval, validation_intervals
from justright.evaluate.slices import Slice, worst_slices
from justright.evaluate.threshold import Threshold, ThresholdPoint, choose_threshold

__all__ = [
    "Choice",
    "Customer",
    "Evaluation",
    "Look",
    "Opened",
    "ReliabilityBin",
    "Slice",
    "Threshold",
    "ThresholdPoint",
    "base_rate",
    "base_rate_metrics",
    "choose_threshold",
    "evaluate",
    "interval",
    "level_after",
    "open_test",
    "read_ledger",
    "reliability",
    "row_loss",
    "tell_customer",
    "validation_interval",
    "validation_intervals",
    "wilson",
    "worst_slices",
]
