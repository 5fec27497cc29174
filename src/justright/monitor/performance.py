"""Performance as questions beside the others: is the model worse than at training, guessed or by labels?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from justright.monitor.cbpe import Estimate
from justright.monitor.drift import Tested
from justright.monitor.evidence import Evidence
from justright.monitor.tails import normal_tail

__all__ = ["of_performance", "with_labels"]

_WATCHED: Final = {"binary": ("roc_auc", "log_loss"), "multiclass": ("accuracy",), "regression": ("mae",)}
_HIGHER: Final = frozenset({"roc_auc", "accuracy", "precision", "recall", "f1"})
_LEAST_SCORE: Final = 0.02  # of a share
_LEAST_LOSS: Final = 0.05  # of a loss, as part of what it was
_WITHDRAWN: Final = 1.7  # times the half of a 95 % interval is one of 99.9 %
_HALF: Final = 1.96


def of_performance(
    task: str, estimates: Iterable[Estimate], rows: int, held_rows: int, *, labelled: int = 0
) -> list[Tested]:
    """Ask whether the model is worse than at training.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}
    estimates : iterable of Estimate
        Of one window.
    rows, held_rows : int
        Rows of the window, and held-out rows at training.
    labelled : int, default 0
        Rows with a label.

    Returns
    -------
    list of Tested
        One question for each watched metric: ROC AUC and log loss, accuracy, or the mean absolute error;
        by labels where there are some, else by the estimate.
    """
    found = []
    for each in estimates:
        if each.metric not in _WATCHED[task] or not math.isfinite(each.expected):
            continue
        realized = each.realized is not None
        now = each.realized if each.realized is not None else each.value
        n = labelled if realized else rows
        deviation = (each.high - each.low) / (2.0 * _HALF) * math.sqrt(max(rows, 1) / max(n, 1))
        deviation *= math.sqrt(1.0 + n / max(held_rows, 1))
        higher = each.metric in _HIGHER
        worse = each.expected - now if higher else now - each.expected
        least = _LEAST_SCORE if higher else _LEAST_LOSS * abs(each.expected)
        name = f"{'realized' if realized else 'estimated'}_{each.metric}_{'drop' if higher else 'rise'}"
        found.append(
            Tested(
                "(performance)",
                "performance",
                _worse(name, worse, deviation, n, held_rows),
                "",
                least,
                worse >= least,
            )
        )
    return found


def with_labels(estimate: Estimate, realized: float, rows: int, labelled: int) -> Estimate:
    """Return an estimate beside what labels show; withdrawn where they lie far outside its interval.

    Parameters
    ----------
    estimate : Estimate
        Of one window.
    realized : float
        The metric by labels.
    rows, labelled : int
        Rows of the window, and those with a label: fewer of them make the interval wider.

    Examples
    --------
    >>> with_labels(Estimate("accuracy", 0.8, 0.75, 0.85, 0.8), 0.5, 200, 200).withdrawn
    True
    """
    wider = _WITHDRAWN * math.sqrt(max(rows, 1) / max(labelled, 1))
    low = estimate.value - wider * (estimate.value - estimate.low)
    high = estimate.value + wider * (estimate.high - estimate.value)
    return Estimate(
        estimate.metric,
        estimate.value,
        estimate.low,
        estimate.high,
        estimate.expected,
        realized,
        not low <= realized <= high,
        estimate.window,
    )


def _worse(metric: str, worse: float, deviation: float, rows: int, reference: int) -> Evidence:
    """Return the evidence for a loss of quality, one-sided."""
    sure = deviation > 0.0 and math.isfinite(deviation)
    p = normal_tail(worse / deviation) if sure else 1.0

    def threshold(level: float) -> float:
        """Return the loss of quality whose p-value is `level`."""
        low, high = 0.0, 40.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if normal_tail(middle) > level else (low, middle)
        return high * deviation if sure else 0.0

    unit = "share" if metric.endswith("_drop") else "loss"
    return Evidence(metric, worse, unit, p, threshold, max(worse, 0.0), 0.0, 0.0, 0.0, 0, rows, reference)
