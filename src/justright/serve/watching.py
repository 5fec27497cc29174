"""The monitor of a running server: every process counts what its models see, and anybody adds the counts up.

    Served.watch -> Counters -> DIR/<model id>.<window>.<process> -> all windows -> drift, gauges, page

Counts are written down every two seconds, each window of each process in a file of its own, so that processes
need no lock and one that dies loses two seconds. No row is kept. What windows are compared with is the newest
baseline that was accepted for the model, the training rows where there is none.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from justright.errors import JustrightError
from justright.monitor.accepted import Accepted, Following
from justright.monitor.cbpe import Estimate, estimate
from justright.monitor.counters import Counters, importance_of, watch
from justright.monitor.drift import DriftRow, Sensitivity, alarms, compare
from justright.monitor.frame import Counts, Frame, counts_of
from justright.monitor.gauges import gauges, together
from justright.monitor.page import PageFacts, page
from justright.monitor.unjudged import NotJudged, unjudged
from justright.serve.dataplane import DataPlane
from justright.serve.scoring import Served

__all__ = ["Watching"]

_KEPT: Final = 120  # windows
_FRESH: Final = 10.0
_EVERY: Final = 1.0


class _Judged(NamedTuple):
    """What the monitor says of one model."""

    frame: Frame
    accepted: Accepted | None
    reference: Counts
    windows: list[Counts]
    results: list[DriftRow]
    estimates: list[Estimate]
    importance: dict[str, float]
    not_judged: list[NotJudged]


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
    baselines : mapping of str to Path, optional
        Model to the folder of its accepted baselines; those of other models are not looked for.

    Notes
    -----
    5 us a row that comes alone, some ns a value in batches.
    """

    def __init__(
        self,
        plane: DataPlane,
        folder: Path,
        seconds: float,
        clock: Callable[[], float] = time.time,
        baselines: Mapping[str, Path] | None = None,
    ) -> None:
        self._plane = plane
        self._folder = folder
        self._seconds = seconds
        self._clock = clock
        self._counters: dict[str, Counters | None] = {}
        self._window = int(clock() // seconds)
        self._judged: dict[tuple[str, str], tuple[float, _Judged]] = {}
        self._baselines = dict(baselines or {})
        self._following: dict[tuple[str, str], Following] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=1000)
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

    async def follow(self, tell: Callable[[dict[str, Any]], None]) -> None:
        """Look for accepted baselines again and again.

        Parameters
        ----------
        tell : callable
            Told each event as JSON values: `baseline`, and `baseline-failed` with its reason.
        """
        while self._baselines:
            await asyncio.to_thread(self.refresh)
            while self._events:
                tell(self._events.popleft())
            await asyncio.sleep(_EVERY)

    def refresh(self) -> None:
        """Look once for baselines that were accepted, or taken away, since."""
        for name in self._plane.names:
            if self.watches(name):
                following = self._follower(self._default(name))
                if following is not None:
                    following.look()
        here = {(name, self._default(name).described.model_id) for name in self._plane.names}
        self._following = {each: made for each, made in tuple(self._following.items()) if each in here}

    def watches(self, name: str) -> bool:
        """Say whether a model's default version is counted."""
        return self._counters.get(self._default(name).described.model_id) is not None

    def page(self, name: str) -> str:
        """Return the page of a model's default version, as HTML; takes a second at most."""
        served = self._default(name)
        judged = self._judge(served)
        newest = max((row.window for row in judged.results), default=0)
        alarm = any(row.is_anomaly for row in judged.results if row.window == newest)
        return page(
            PageFacts(
                model=f"{name}@{served.version}",
                model_id=served.described.model_id,
                task=served.described.task,
                against=judged.accepted.sentence
                if judged.accepted is not None
                else f"{judged.reference.rows:,.0f} training rows",
                level=Sensitivity().level,
                rows=int(sum(each.rows for each in judged.windows)),
                labelled=0,
                frame=judged.frame,
                reference=judged.reference,
                windows=judged.windows,
                results=judged.results,
                estimates=judged.estimates,
                importance=judged.importance,
                retrain=f"justright retrain {name} --with NEW" if alarm else "",
                not_judged=judged.not_judged,
            )
        )

    def gauges(self) -> list[str]:
        """Return the gauges of all models for Prometheus, as one text; none where nothing is counted."""
        found = []
        for name in self._plane.names:
            if self.watches(name):
                judged = self._judge(self._default(name))
                against = judged.accepted.when if judged.accepted is not None else "training"
                found.append(gauges(name, judged.results, judged.estimates, against=against))
        return [together(found).rstrip("\n")] if found else []

    def _default(self, name: str) -> Served:
        """Return the version that answers who names none."""
        group = self._plane.group(name)
        return group.served[group.default]

    def _follower(self, served: Served) -> Following | None:
        """Return what follows the accepted baselines of a model; None where there can be none."""
        model_id, folder = served.described.model_id, self._baselines.get(served.name)
        key, counters = (served.name, model_id), self._counters.get(model_id)
        if key not in self._following and folder is not None and counters is not None:
            about = {"event": "", "model": served.name, "version": served.version}
            made = Following(
                folder, model_id, counters.frame, lambda event: self._events.append(about | event)
            )
            made.look()
            self._following[key] = made
        return self._following.get(key)

    def _accepted(self, served: Served) -> Accepted | None:
        """Return the baseline that a model is compared with; None = its training rows."""
        following = self._follower(served)
        return following.accepted if following is not None else None

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
        """Compare all windows with the baseline; kept for ten seconds."""
        key, accepted = (served.name, served.described.model_id), self._accepted(served)
        at, kept = self._judged.get(key, (float("-inf"), None))
        if kept is not None and kept.accepted is accepted and self._clock() - at < _FRESH:
            return kept
        made = self._compared(served, accepted)
        self._judged = {
            key: (self._clock(), made),
            **{k: v for k, v in self._judged.items() if k != key},
        }
        return made

    def _compared(self, served: Served, accepted: Accepted | None) -> _Judged:
        """Compare all windows with the baseline."""
        baseline: Mapping[str, Any] = served.predictor.bundle.baseline
        counters = watch(served.predictor, attribution=False)
        frame = counters.frame
        reference = counts_of(baseline) if accepted is None else accepted.counts
        windows = self._windows(served.described.model_id)
        total = Counts(0.0, [], [], [])
        for counts in windows:
            total = total.plus(counts)
        importance = dict(importance_of(frame, total)) if windows else {}
        results: list[DriftRow] = []
        estimates: list[Estimate] = []
        not_judged: list[NotJudged] = []
        for number, counts in enumerate(windows):
            tested = compare(frame, reference, counts)
            not_judged += unjudged(frame, reference, counts, number=number)
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
        return _Judged(frame, accepted, reference, windows, results, estimates, importance, not_judged)
