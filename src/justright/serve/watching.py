"""The monitor of a running server: every process counts what its models see, and anybody adds the counts up.

    Served.watch -> Counters -> DIR/<model id>.<window>.<process> -> all windows -> drift, gauges, page

Counts are written down every two seconds, each window of each process in a file of its own, so that processes
need no lock and one that dies loses two seconds. No row is kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from justright.errors import JustrightError
from justright.monitor.cbpe import Estimate, estimate
from justright.monitor.counters import Counters, importance_of, watch
from justright.monitor.drift import DriftRow, Sensitivity, alarms, compare
from justright.monitor.frame import Counts, Frame, counts_of
from justright.monitor.gauges import gauges
from justright.monitor.page import PageFacts, page
from justright.serve.dataplane import DataPlane
from justright.serve.scoring import Served

__all__ = ["Watching"]

_KEPT: Final = 120  # windows
_FRESH: Final = 10.0


class _Judged(NamedTuple):
    """What the monitor says of one model."""

    frame: Frame
    reference: Counts
    windows: list[Counts]
    results: list[DriftRow]
    estimates: list[Estimate]
    importance: dict[str, float]


class Watching:
    """Counts what the models of a plane see.

    Parameters
    ----------
    plane : DataPlane
        The models; those without a baseline are left alone.
    folder : Path
        Where counts are written; shared by the processes of a server.
    seconds : float
        Length of a window.
    clock : callable, optional
        Seconds since 1970.

    Notes
    -----
    5 us a row that comes alone, some ns a value in batches.
    """

    def __init__(
        self, plane: DataPlane, folder: Path, seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._plane = plane
        self._folder = folder
        self._seconds = seconds
        self._clock = clock
        self._counters: dict[str, Counters | None] = {}
        self._window = int(clock() // seconds)
        self._judged: dict[str, tuple[float, _Judged]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.look()

    def look(self) -> None:
        """Watch the models that are new, forget those that went, and write down what was counted."""
        now = int(self._clock() // self._seconds)
        here = {
            served.described.model_id: served
            for name in self._plane.names
            for served in self._plane.group(name).served.values()
        }
        for model_id, counters in tuple(self._counters.items()):
            if counters is not None:
                self._write(model_id, counters, clear=now != self._window)
            if model_id not in here:
                del self._counters[model_id]
        self._window = now
        for name in self._plane.names:
            for served in self._plane.group(name).served.values():
                if served.watch is None:
                    served.watch = self._counters_of(served)

    def watches(self, name: str) -> bool:
        """Say whether a model's default version is counted."""
        return self._counters.get(self._default(name).described.model_id) is not None

    def page(self, name: str) -> str:
        """Return the page of a model's default version, as HTML; takes a second at most."""
        served = self._default(name)
        judged = self._judge(served)
        return page(
            PageFacts(
                model=f"{name}@{served.version}",
                model_id=served.described.model_id,
                task=served.described.task,
                against=f"{judged.reference.rows:,.0f} training rows",
                level=Sensitivity().level,
                rows=int(sum(each.rows for each in judged.windows)),
                labelled=0,
                frame=judged.frame,
                reference=judged.reference,
                windows=judged.windows,
                results=judged.results,
                estimates=judged.estimates,
                importance=judged.importance,
                retrain=f"justright retrain {name} --with NEW",
            )
        )

    def gauges(self) -> list[str]:
        """Return the gauges of all models for Prometheus, a text each."""
        found = []
        for name in self._plane.names:
            if self.watches(name):
                judged = self._judge(self._default(name))
                found.append(gauges(name, judged.results, judged.estimates).rstrip("\n"))
        return found

    def _default(self, name: str) -> Served:
        """Return the version that answers who names none."""
        group = self._plane.group(name)
        return group.served[group.default]

    def _counters_of(self, served: Served) -> Counters | None:
        """Return the counters of a model, None where its bundle holds no baseline."""
        model_id = served.described.model_id
        if model_id not in self._counters:
            try:
                self._counters[model_id] = watch(served.predictor)
            except JustrightError:
                self._counters[model_id] = None
        return self._counters[model_id]

    def _write(self, model_id: str, counters: Counters, *, clear: bool) -> None:
        """Write down the counts of the window that was, or goes on."""
        counts = counters.snapshot(clear=clear)
        if not counts.rows:
            return
        counts.begin, counts.end = self._window * self._seconds, (self._window + 1) * self._seconds
        path = self._folder / f"{model_id[:32]}.{self._window}.{os.getpid()}"
        beside = path.with_name(f".{path.name}")
        try:
            beside.write_bytes(msgspec.msgpack.encode(counts))
            beside.replace(path)
        except OSError:  # a full disk: what was counted is written with the next look
            return

    def _windows(self, model_id: str) -> list[Counts]:
        """Return the counts of all processes, window by window; old files are removed."""
        found: dict[int, Counts] = {}
        for path in self._folder.glob(f"{model_id[:32]}.*"):
            window = int(path.name.split(".")[1])
            if window < self._window - _KEPT:
                path.unlink(missing_ok=True)
                continue
            try:
                counts = msgspec.msgpack.decode(path.read_bytes(), type=Counts)
            except (OSError, msgspec.DecodeError):
                continue
            found[window] = found[window].plus(counts) if window in found else counts
        return [found[window] for window in sorted(found)]

    def _judge(self, served: Served) -> _Judged:
        """Compare all windows with the training rows; kept for ten seconds."""
        model_id = served.described.model_id
        at, kept = self._judged.get(model_id, (float("-inf"), None))
        if kept is not None and self._clock() - at < _FRESH:
            return kept
        made = self._compared(served)
        self._judged = {
            model_id: (self._clock(), made),
            **{k: v for k, v in self._judged.items() if k != model_id},
        }
        return made

    def _compared(self, served: Served) -> _Judged:
        """Compare all windows with the training rows."""
        baseline: Mapping[str, Any] = served.predictor.bundle.baseline
        counters = watch(served.predictor, attribution=False)
        frame, reference = counters.frame, counts_of(baseline)
        windows = self._windows(served.described.model_id)
        total = Counts(0.0, [], [], [])
        for counts in windows:
            total = total.plus(counts)
        importance = dict(importance_of(frame, total)) if windows else {}
        results: list[DriftRow] = []
        estimates: list[Estimate] = []
        for number, counts in enumerate(windows):
            tested = compare(frame, reference, counts)
            span = (counts.begin, counts.end)
            results[:0] = alarms(tested, importance=importance, span=span, number=number)
            estimates += estimate(
                served.described.task,
                frame,
                counts,
                baseline.get("outcome") or {},
                threshold=served.predictor.threshold,
                window=number,
            )
        return _Judged(frame, reference, windows, results, estimates, importance)
