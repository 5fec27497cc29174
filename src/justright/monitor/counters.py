"""Counting what a model in service sees and says: integers, a few nanoseconds a value, mergeable.

Single rows are kept in a small buffer and counted together, since counting 500 rows costs hardly more than
counting one. Nothing but numpy is needed; nothing of a row is kept beyond its counts.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from justright.features.plan import FeaturePlan
from justright.monitor.attribution import Terms, terms_of
from justright.monitor.frame import SURE_BINS, Counts, Frame, frame_of, sure_bins
from justright.schema import Block, FloatArray

__all__ = ["Counters", "Scorer", "importance_of", "taken", "watch"]

_BUFFER: Final = 512  # rows that wait until they are counted together
_TERM_ROWS: Final = 4096  # of a larger batch, every second, third... row tells the attribution


class Scorer(Protocol):
    """What is watched: `bundle.predictor.Predictor` is one."""

    plan: FeaturePlan
    bundle: Any

    def expected(self, margins: FloatArray) -> FloatArray:
        """Return the number, the probability of class 1, or that of each class."""
        ...


def watch(scorer: Scorer, *, attribution: bool = True) -> Counters:
    """Return counters for a model in service.

    Parameters
    ----------
    scorer : Predictor
        The model.
    attribution : bool, default True
        Count also what each term adds, for linear and additive models.

    Raises
    ------
    BundleError
        Its baseline does not fit.
    """
    bundle = scorer.bundle
    frame = frame_of(bundle.baseline, scorer.plan)
    terms = None
    if attribution and frame.terms:
        terms = terms_of(bundle.model.family, bundle.model.front, bundle.arrays, scorer.plan)
    return Counters(frame, scorer, terms)


class Counters:
    """Counts of rows that were scored; a `Watch` of the server.

    Parameters
    ----------
    frame : Frame
        What is counted.
    scorer : Scorer
        Tells predictions from margins.
    terms : Terms, optional
        Tells contributions; None counts none.

    Notes
    -----
    A batch costs 10 to 40 ns a value, a single row 5 microseconds and its share of a batch of 512. Threads
    may share it; workers send `snapshot()` and merge by `Counts.plus`. Memory: the counts and the buffer,
    below a megabyte for 100 columns.
    """

    def __init__(self, frame: Frame, scorer: Scorer, terms: Terms | None = None) -> None:
        self.frame = frame
        self._scorer = scorer
        self._terms = terms
        self._lock = threading.Lock()
        self._scales = [(feature.scale, feature.centre) for feature in scorer.plan.data.numeric]
        self._buffer: tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], FloatArray] | None = None
        self._waiting = 0
        self._clear()

    def add(self, block: Block, margins: FloatArray) -> None:
        """Take one encoded batch and its margins, float64 (rows, outputs)."""
        rows = block.rows
        if not rows:
            return
        with self._lock:
            if rows > _BUFFER // 4 or block.tokens is not None:
                self._count(block.numeric, block.codes, margins, block)
                return
            if self._waiting + rows > _BUFFER:
                self._flush()
            if self._buffer is None:
                self._buffer = (
                    np.empty((_BUFFER, block.numeric.shape[1]), np.float32),
                    np.empty((_BUFFER, block.codes.shape[1]), np.int32),
                    np.empty((_BUFFER, margins.shape[1])),
                )
            end = self._waiting + rows
            numeric, codes, said = self._buffer
            numeric[self._waiting : end] = block.numeric
            codes[self._waiting : end] = block.codes
            said[self._waiting : end] = margins
            self._waiting = end

    def snapshot(self, *, clear: bool = False) -> Counts:
        """Return what was counted so far, and begin anew where `clear` asks for it."""
        with self._lock:
            self._flush()
            found = Counts(
                float(self._rows),
                [_plain(counts[:-1]) for counts in self._numeric],
                [float(counts[-1]) for counts in self._numeric],
                [_plain(counts) for counts in self._categorical],
                [_plain(counts) for counts in self._said],
                [_plain(counts) for counts in self._added],
                _plain(self._sure) if self._sure.any() else [],
                [sums.tolist() for sums in (*self._moved_numeric, *self._moved_categorical)],
                self._squares.tolist(),
            )
            if clear:
                self._clear()
        return found

    def _clear(self) -> None:
        """Set every count to nothing."""
        frame = self.frame
        self._rows = 0
        self._numeric = [np.zeros(len(number.edges) + 2, np.int64) for number in frame.numeric]
        self._categorical = [np.zeros(category.size, np.int64) for category in frame.categorical]
        self._said = [np.zeros(len(number.edges) + 1, np.int64) for number in frame.said]
        self._added = [np.zeros(len(n.edges) + 1, np.int64) for n in (frame.terms if self._terms else ())]
        self._sure = np.zeros(SURE_BINS, np.int64)
        self._moved_numeric = [np.zeros(len(number.edges) + 2) for number in frame.numeric]
        self._moved_categorical = [np.zeros(category.size) for category in frame.categorical]
        self._squares = np.zeros(2)

    def _flush(self) -> None:
        """Count the rows that wait."""
        if not self._waiting or self._buffer is None:
            return
        end, self._waiting = self._waiting, 0
        numeric, codes, margins = self._buffer[0][:end], self._buffer[1][:end], self._buffer[2][:end]
        rows = np.ones(end, np.float32)
        block = Block(
            numeric, codes, rows[:0], rows, np.zeros((end, 1), np.int8), None, np.zeros(end, np.uint64)
        )
        self._count(numeric, codes, margins, block)

    def _count(
        self,
        numeric: npt.NDArray[np.float32],
        codes: npt.NDArray[np.int32],
        margins: FloatArray,
        block: Block,
    ) -> None:
        """Count some rows."""
        scored = np.isfinite(margins[:, 0])
        first = np.where(scored, margins[:, 0], 0.0)
        self._rows += len(first)
        self._squares += (float(first.sum()), float(first @ first))
        for place, (number, (scale, centre)) in enumerate(zip(self.frame.numeric, self._scales, strict=True)):
            z = numeric[:, place]
            # The very sums of the baseline, so that a value on an edge falls on the same side of it.
            at = np.searchsorted(number.edges, z.astype(np.float64) * scale + centre, "right")
            at[np.isnan(z)] = len(number.edges) + 1
            self._tally(self._numeric[place], self._moved_numeric[place], at, first)
        for place in range(len(self.frame.categorical)):
            self._tally(self._categorical[place], self._moved_categorical[place], codes[:, place], first)
        self._outputs(margins[scored])
        if self._terms is not None:
            step = -(-block.rows // _TERM_ROWS)
            some = block if step == 1 else taken(block, np.arange(0, block.rows, step))
            added = self._terms.read(some)
            for place, number in enumerate(self.frame.terms):
                at = np.searchsorted(number.edges, added[:, place], "right")
                self._added[place] += np.bincount(at, minlength=len(number.edges) + 1)

    def _tally(
        self, counts: npt.NDArray[np.int64], moved: FloatArray, at: npt.NDArray[Any], first: FloatArray
    ) -> None:
        """Add one column: rows of each place, and the sum of the first output there."""
        counts += np.bincount(at, minlength=len(counts))
        moved += np.bincount(at, weights=first, minlength=len(moved))

    def _outputs(self, margins: FloatArray) -> None:
        """Count what the model says."""
        if not len(margins):
            return
        said = self._scorer.expected(margins)
        regression = self._scorer.bundle.model.task == "regression"
        columns = [said] if said.ndim == 1 else list(said.T)
        for counts, number, values in zip(self._said, self.frame.said, columns, strict=False):
            counts += np.bincount(np.searchsorted(number.edges, values, "right"), minlength=len(counts))
        if not regression:
            sure = said if said.ndim == 1 else said.max(axis=1)
            self._sure += np.bincount(sure_bins(sure), minlength=SURE_BINS)


def taken(block: Block, rows: npt.NDArray[np.int64]) -> Block:
    """Return some rows of a block that was made for scoring, which has no target."""
    return replace(block, target=block.weight).take(rows)


def _plain(counts: npt.NDArray[np.int64]) -> list[float]:
    """Return counts as plain numbers."""
    plain: list[float] = counts.astype(np.float64).tolist()
    return plain


def importance_of(frame: Frame, counts: Counts) -> Mapping[str, float]:
    """Return which part of the spread of the first output goes by each column, 0..1 (Sobol's first order).

    Parameters
    ----------
    frame : Frame
        What was counted.
    counts : Counts
        With `moved` and `squares`: of rows that were scored.

    Notes
    -----
    Share of the variance that lies between the bins of a column; columns that go together share it, each
    is shown with all of it. Small windows: what chance makes, (bins - 1) / rows, is taken away.
    """
    if counts.rows < 2 or not counts.moved:
        return {}
    mean = counts.squares[0] / counts.rows
    variance = counts.squares[1] / counts.rows - mean * mean
    if variance <= 1e-300 * (1.0 + mean * mean):
        return {}
    names = [*(number.name for number in frame.numeric), *(category.name for category in frame.categorical)]
    numeric = [[*c, gone] for c, gone in zip(counts.numeric, counts.missing, strict=True)]
    found = {}
    for name, rows, sums in zip(names, (*numeric, *counts.categorical), counts.moved, strict=True):
        n, total = np.asarray(rows), np.asarray(sums)
        held = n > 0
        if not held.any():  # nothing of it was counted: a column that a log does not hold
            continue
        between = float((n[held] * np.square(total[held] / n[held] - mean)).sum()) / counts.rows
        chance = variance * (int(held.sum()) - 1) / counts.rows
        found[name] = min(max(between - chance, 0.0) / variance, 1.0)
    return found
