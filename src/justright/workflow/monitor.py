"""Compare rows of service with those of training, or with earlier ones: the whole of `justright monitor`.

rows -> windows of counts -> questions -> correction over the window -> rows of the result, alarms
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from justright.bundle.predictor import Predictor, load
from justright.metrics.registry import METRICS
from justright.monitor.accepted import newest
from justright.monitor.cbpe import Estimate, estimate
from justright.monitor.counters import importance_of
from justright.monitor.drift import DriftRow, Sensitivity, Tested, alarms, compare
from justright.monitor.frame import Counts, Frame, counts_of, frame_of
from justright.monitor.performance import of_performance, with_labels
from justright.schema import Finding
from justright.workflow.watched import Labels, Window, counted, span_of

__all__ = ["Watched", "monitor"]

_FEW: Final = 20


class Watched(msgspec.Struct, frozen=True):
    """What a monitor saw.

    Parameters
    ----------
    model_id : str
        The model.
    task : {"regression", "binary", "multiclass"}
    rows : int
        Rows of all windows.
    labelled : int
        Those with a label.
    level : float
        Chance that a window without drift raises any alarm.
    against : str
        What the windows were compared with.
    alarm : bool
        Any row is an anomaly.
    results : list of DriftRow
        All questions of all windows, the newest window first, each by rank.
    estimates : list of Estimate
        Estimated metrics, window by window.
    importance : dict of str to float
        Part of what moves the predictions that goes by each column.
    findings : list of Finding
        What a user must know beside.
    windows : list of Counts
        The counts of each window.
    reference : Counts
        What they were compared with.
    """

    model_id: str
    task: str
    rows: int
    labelled: int
    level: float
    against: str
    alarm: bool
    results: list[DriftRow]
    estimates: list[Estimate]
    importance: dict[str, float]
    findings: list[Finding]
    windows: list[Counts]
    reference: Counts


def monitor(
    model: str | Path | Predictor,
    table: Any,
    *,
    against: Any = None,
    window: str = "",
    time: str = "",
    labels: Labels | None = None,
    sensitivity: Sensitivity | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Watched:
    """Compare rows of service with the training rows of a model, or with earlier rows.

    Parameters
    ----------
    model : str, Path or Predictor
        A run, a bundle, or a loaded model.
    table : path, data frame, Source...
        The rows; with the target (or `labels`) also what came true is judged.
    against : optional
        Earlier rows; None = the training rows, or the baseline that was accepted last.
    window : str, default ""
        Length of a window: `5000` rows, `6h`, `1d`; empty = all rows are one.
    time : str, default ""
        Column with the time of each row.
    labels : Labels, optional
        Labels in another table: see `read_labels`.
    sensitivity : Sensitivity, optional
        Level and sizes.
    on_rows : callable, optional
        Told the number of rows done after each batch.

    Returns
    -------
    Watched

    Raises
    ------
    ColumnError, TableError, RecipeError
        As `counted`.

    Notes
    -----
    One pass; memory: the counts, and predictions of rows with labels.
    """
    predictor = model if isinstance(model, Predictor) else load(model)
    frame = frame_of(predictor.bundle.baseline, predictor.plan)
    windows = counted(predictor, table, span=span_of(window), time=time, labels=labels, on_rows=on_rows)
    reference, said = _reference(model, predictor, frame, against)
    total = _total(windows, frame)
    importance = dict(importance_of(frame, total))
    job = _Job(predictor, frame, reference, sensitivity or Sensitivity(), importance, against is not None)
    results: list[DriftRow] = []
    estimates: list[Estimate] = []
    for number, each in enumerate(windows):
        rows, guessed = job.window(number, each, windows[number - 1] if number else None)
        results[:0] = rows
        estimates += guessed
    return Watched(
        model_id=predictor.model_id,
        task=predictor.task,
        rows=int(total.rows),
        labelled=sum(each.labelled for each in windows),
        level=job.sensitivity.level,
        against=said,
        alarm=any(row.is_anomaly for row in results),
        results=results,
        estimates=estimates,
        importance=importance,
        findings=_findings(frame, windows, estimates, job.sensitivity.level),
        windows=[each.counts for each in windows],
        reference=reference,
    )


class _Job:
    """What all windows of one monitor share."""

    def __init__(
        self,
        predictor: Predictor,
        frame: Frame,
        reference: Counts,
        sensitivity: Sensitivity,
        importance: dict[str, float],
        earlier: bool,
    ) -> None:
        self.predictor = predictor
        self.frame = frame
        self.reference = reference
        self.sensitivity = sensitivity
        self.importance = importance
        self.earlier = earlier

    def window(
        self, number: int, window: Window, before: Window | None
    ) -> tuple[list[DriftRow], list[Estimate]]:
        """Judge one window."""
        counts, limits = window.counts, self.sensitivity
        kind = "drift" if self.earlier else "skew"
        tested: list[Tested] = compare(
            self.frame,
            self.reference,
            counts,
            kind="drift" if kind == "drift" else "skew",
            sensitivity=limits,
        )
        if before is not None and not self.earlier:
            again = compare(self.frame, before.counts, counts, kind="drift", sensitivity=limits)
            tested += [each for each in again if each.kind == "drift"]
        guessed = self._estimates(number, window)
        held = sum(self._outcome().get("rows", ()))
        tested += of_performance(
            self.predictor.task, guessed, int(counts.rows), int(held), labelled=window.labelled
        )
        rows = alarms(
            tested,
            sensitivity=limits,
            importance=self.importance,
            span=(counts.begin, counts.end),
            number=number,
        )
        return rows, guessed

    def _outcome(self) -> dict[str, Any]:
        """Return what came true of held-out rows."""
        found: dict[str, Any] = self.predictor.bundle.baseline.get("outcome") or {}
        return found

    def _estimates(self, number: int, window: Window) -> list[Estimate]:
        """Estimate the metrics of one window, and set what labels show beside them."""
        made = estimate(
            self.predictor.task,
            self.frame,
            window.counts,
            self._outcome(),
            threshold=self.predictor.threshold,
            window=number,
        )
        if window.labelled < _FEW:
            return made
        said, target = np.concatenate(window.said), np.concatenate(window.target)
        target = target if self.predictor.task == "regression" else target.astype(np.int64)
        found = []
        for each in made:
            metric = METRICS[each.metric]
            options = {"threshold": self.predictor.threshold} if metric.needs == "label" else {}
            if self.predictor.task == "multiclass":
                options = {}
            if self.predictor.task == "binary" and len(np.unique(target)) < 2:
                found.append(each)
                continue
            value = float(metric.function(target, said, **options))
            found.append(with_labels(each, value, int(window.counts.rows), window.labelled))
        return found


def _reference(
    model: str | Path | Predictor, predictor: Predictor, frame: Frame, against: Any
) -> tuple[Counts, str]:
    """Return what is compared with, and what to call it."""
    if against is not None:
        (window,) = counted(predictor, against) or [Window(Counts(0.0, [], [], []))]
        return window.counts, f"{window.counts.rows:,.0f} earlier rows"
    if not isinstance(model, Predictor):
        path = Path(model)
        bundle = path / "model" if (path / "model").is_dir() else path
        accepted = newest(bundle, predictor.model_id, frame)
        if accepted is not None:
            return accepted.counts, accepted.sentence
    counts = counts_of(predictor.bundle.baseline)
    return counts, f"{counts.rows:,.0f} training rows"


def _total(windows: list[Window], frame: Frame) -> Counts:
    """Return the counts of all windows together."""
    total = Counts(0.0, [], [], [])
    for each in windows:
        total = total.plus(each.counts)
    return total


def _findings(frame: Frame, windows: list[Window], estimates: list[Estimate], level: float) -> list[Finding]:
    """Say what the rows of the result do not."""
    found = []
    unreadable = sum(each.unreadable for each in windows)
    if unreadable:
        sentence = f"{unreadable} values could not be read as what their column holds; they count as missing."
        found.append(
            Finding(
                "monitor-unreadable",
                "warning",
                sentence,
                {"values": unreadable},
                "justright predict lists them",
            )
        )
    if not frame.said:
        sentence = "The model is of an earlier version: its predictions were not counted at training."
        found.append(
            Finding("monitor-no-predictions", "info", sentence, {}, "train it again, or give --against")
        )
    small = sum(each.counts.rows < _FEW for each in windows)
    if small:
        sentence = f"{small} of {len(windows)} windows hold less than {_FEW} rows and were not judged."
        found.append(
            Finding("monitor-small-window", "info", sentence, {"windows": small}, "a larger --window")
        )
    gone = sorted({each.metric for each in estimates if each.withdrawn})
    if gone:
        sentence = (
            f"Labels contradict the estimate of {', '.join(gone)}: what the model says of itself does not"
            " hold any more, and the estimate is withdrawn."
        )
        found.append(Finding("monitor-estimate-withdrawn", "warning", sentence, {"metrics": gone}, "retrain"))
    if len(windows) > 1:
        expected = level * len(windows)
        sentence = f"Without any drift, {expected:.2g} of these {len(windows)} windows would raise an alarm."
        found.append(Finding("monitor-budget", "info", sentence, {"expected": expected}))
    return found
