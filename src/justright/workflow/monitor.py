"""Compare rows of service with those of training, or with earlier ones: the whole of `justright monitor`.

rows -> windows of counts -> questions -> correction over the window -> rows of the result, alarms

What cannot be asked is told beside, with its reason: see `monitor.unjudged`.
"""

from __future__ import annotations

from collections import Counter
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
from justright.monitor.drift import DriftRow, Sensitivity, Tested, alarms, compare, missing_values
from justright.monitor.evidence import of_share
from justright.monitor.frame import LEAST_ROWS, Counts, Frame, counts_of, frame_of
from justright.monitor.performance import of_performance, with_labels
from justright.monitor.unjudged import NotJudged, unjudged
from justright.schema import Finding
from justright.workflow.logged import Logged
from justright.workflow.watched import Labels, Window, counted, hashes_of, span_of

__all__ = ["Watched", "monitor"]

_PERFORMANCE: Final = "(performance)"


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
    not_judged : list of NotJudged
        Questions that could not be asked, and why; the newest window first.
    unknown : dict of str to int
        Labels that the model has no class for, and how many.
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
    not_judged: list[NotJudged] = []
    unknown: dict[str, int] = {}


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
    table : path, data frame, Source, Logged...
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
    log = table if isinstance(table, Logged) else None
    answers = log if log is not None and log.blind else None
    windows = counted(
        predictor,
        table if log is None else log.table,
        span=span_of(window),
        time=time or ("" if log is None else log.time),
        labels=labels,
        answers=answers,
        on_rows=on_rows,
    )
    reference, said = _reference(model, predictor, frame, against)
    total = _total(windows, frame)
    importance = dict(importance_of(frame, total))
    limits = sensitivity or Sensitivity()
    job = _Job(predictor, frame, reference, limits, importance, against is not None, answers)
    results: list[DriftRow] = []
    estimates: list[Estimate] = []
    for number, each in enumerate(windows):
        rows, guessed = job.window(number, each, windows[number - 1] if number else None)
        results[:0] = rows
        estimates += guessed
    unknown = sum((each.unknown for each in windows), Counter[str]())
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
        findings=[
            *_findings(frame, windows, estimates, job.sensitivity.level),
            *_unasked(predictor, unknown, answers),
        ],
        windows=[each.counts for each in windows],
        reference=reference,
        not_judged=sorted(job.not_judged, key=lambda each: -each.window),
        unknown=dict(unknown),
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
        answers: Logged | None,
    ) -> None:
        self.predictor = predictor
        self.frame = frame
        self.reference = reference
        self.sensitivity = sensitivity
        self.importance = importance
        self.earlier = earlier
        self.answers = answers
        self.not_judged: list[NotJudged] = []
        self._blind = self._reasons()

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
        self.not_judged += unjudged(self.frame, self.reference, counts, known=self._blind, number=number)
        if counts.rows >= LEAST_ROWS:
            tested += self._hashed(number, window, None if self.earlier else before)
            tested += self._unknown(window)
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

    def _skip(self, number: int, name: str, question: str, reason: str) -> None:
        """Note a question that cannot be asked."""
        self.not_judged.append(NotJudged(name, question, reason, number))

    def _reasons(self) -> dict[str, str]:
        """Return why what a log does not hold cannot be judged; empty for what `_hashed` says."""
        if self.answers is None:
            return {}
        plan, blind = self.predictor.plan.data, set(self.answers.blind)
        found = {each.name: "" for each in plan.numeric if each.column.name in blind}
        found |= {each.name: "" for each in plan.categorical if each.column.name in blind}
        names = ", ".join(self.answers.blind)
        found["(contributions)"] = f"they need scoring, and the log does not hold the values of {names}"
        if not self.answers.stated:
            found["(prediction)"] = "what the log holds was answered by another version"
        return found

    def _hashed(self, number: int, window: Window, before: Window | None) -> list[Tested]:
        """Ask what can be asked of columns that a log holds as hashes, and say what cannot."""
        if self.answers is None:
            return []
        for name in self.answers.left_out:
            self._skip(number, name, "values, missing values", "the log does not hold this column")
        found: list[Tested] = []
        for name in self.answers.hashed:
            self._skip(number, name, "values", "the log holds hashes of them, and training does not")
            expected, rows = self._missing(name)
            own = window.hashes.get(name, Counter())
            if rows < LEAST_ROWS:
                self._skip(number, name, "missing values", f"{rows:,.0f} rows of it in those compared with")
            else:
                count, every = float(own[None]), float(own.total())
                found += missing_values(name, expected, rows, count, every, self.sensitivity)
            if before is not None:
                frame, was, now = hashes_of(name, before.hashes.get(name, {}), own)
                again = compare(frame, was, now, kind="drift", sensitivity=self.sensitivity)
                found += [each for each in again if each.kind == "drift"]
        return found

    def _missing(self, name: str) -> tuple[float, float]:
        """Return the rows of the reference without a value of a column, and all its rows."""
        for place, number in enumerate(self.predictor.plan.data.numeric):
            if number.column.name == name:
                gone = self.reference.missing[place]
                return gone, gone + sum(self.reference.numeric[place])
        for place, category in enumerate(self.predictor.plan.data.categorical):
            if category.column.name == name:
                counts = self.reference.categorical[place]
                return counts[1], sum(counts)
        return 0.0, 0.0

    def _unknown(self, window: Window) -> list[Tested]:
        """Ask whether labels are of classes that the model does not know."""
        strange = window.unknown.total()
        labels = strange + window.labelled
        if not strange or labels < LEAST_ROWS:
            return []
        target = self.predictor.schema.target
        assert target is not None
        trained = float(counts_of(self.predictor.bundle.baseline).rows)
        share = of_share("unknown_label_rate", 0.0, trained, float(strange), float(labels), above=True)
        least = self.sensitivity.new
        return [Tested(target.column.name, "schema", share, "", least, share.effect >= least)]

    def _outcome(self) -> dict[str, Any]:
        """Return what came true of held-out rows."""
        found: dict[str, Any] = self.predictor.bundle.baseline.get("outcome") or {}
        return found

    def _estimates(self, number: int, window: Window) -> list[Estimate]:
        """Estimate the metrics of one window, and set what labels show beside them."""
        if self.answers is not None and not any(map(sum, window.counts.said)):
            self._skip(
                number, _PERFORMANCE, "estimates and labels", "the log holds no answers of this version"
            )
            return []
        made = estimate(
            self.predictor.task,
            self.frame,
            window.counts,
            self._outcome(),
            threshold=self.predictor.threshold,
            window=number,
        )
        if window.counts.rows < LEAST_ROWS:
            return made
        if not any(np.isfinite(each.expected) for each in made):
            reason = "the model does not hold what held-out rows showed at training"
            self._skip(number, _PERFORMANCE, "loss of quality", reason)
        if window.labelled < LEAST_ROWS:
            if window.labelled or window.unknown:
                reason = f"{window.labelled} labels of a known class; {LEAST_ROWS} are needed"
                self._skip(number, _PERFORMANCE, "metrics by labels", reason)
            return made
        said, target = np.concatenate(window.said), np.concatenate(window.target)
        target = target if self.predictor.task == "regression" else target.astype(np.int64)
        if self.predictor.task == "binary" and len(np.unique(target)) < 2:
            self._skip(number, _PERFORMANCE, "metrics by labels", f"all {len(target):,} are of one class")
            return made
        found = []
        for each in made:
            metric = METRICS[each.metric]
            options = {"threshold": self.predictor.threshold} if metric.needs == "label" else {}
            if self.predictor.task == "multiclass":
                options = {}
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
    small = sum(each.counts.rows < LEAST_ROWS for each in windows)
    if small:
        sentence = f"{small} of {len(windows)} windows hold less than {LEAST_ROWS} rows and were not judged."
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


def _unasked(predictor: Predictor, unknown: Counter[str], answers: Logged | None) -> list[Finding]:
    """Say what a log does not hold, and which labels the model does not know."""
    found = []
    if answers is not None:
        parts = [
            f"{said} {', '.join(names)}"
            for said, names in (("lacks", answers.left_out), ("holds only hashes of", answers.hashed))
            if names
        ]
        sentence = (
            f"The log {' and '.join(parts)}: predictions are those that were answered, contributions are not"
            " judged."
        )
        data = {"left_out": list(answers.left_out), "hashed": list(answers.hashed)}
        found.append(Finding("monitor-log-columns", "warning", sentence, data))
    if unknown:
        target = predictor.schema.target
        assert target is not None
        most = ", ".join(f"{text!r:.60} ({count:,})" for text, count in unknown.most_common(5))
        sentence = (
            f"{unknown.total():,} labels of {target.column.name!r} are none that the model knows: {most};"
            " they say nothing of its quality."
        )
        step = "justright train on rows with the new class" if target.classes else "look at the labels"
        found.append(Finding("monitor-unknown-labels", "warning", sentence, {"labels": dict(unknown)}, step))
    return found
