"""Drift in time: do the columns, the target or the law between them change along a column of time.

Rows are put in the order of the time column; the later half is told from the earlier one by all columns that
are not themselves time, and the target's mean is followed over tenths of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from justright.diagnose.rows.additive import Additive
from justright.diagnose.rows.look import Look
from justright.diagnose.rows.parts import tell
from justright.schema import Finding, FloatArray

__all__ = ["drift"]

_TENTHS: Final = 10
_NOISE: Final = 4.0
_MOVED: Final = 0.2  # spreads of the target between the first and the last tenth
_TOLD: Final = 0.6  # low end of the ROC area
_FEWEST: Final = 500
_TIME: Final = 0.9  # correlation of ranks with the time: such a column is the time


def drift(look: Look, times: Sequence[str]) -> list[Finding]:
    """Say how target and columns change along the time.

    Parameters
    ----------
    look : Look
        Sample and cheap model.
    times : sequence of str
        Names of features that tell the time, the best first; empty = nothing is known of time.
    """
    sample = look.sample
    clock = next((f for f in sample.features if f.values is not None and f.name in times), None)
    if clock is None:
        clock = next((f for f in sample.features if f.dated and f.part == "trend"), None)
    if clock is None or sample.rows < _FEWEST:
        return []
    assert clock.values is not None
    known = np.isfinite(clock.values)
    order = np.argsort(clock.values[known], kind="stable")
    rows = np.flatnonzero(known)[order]
    moved, noise, first, last = _moved(sample.outcome[rows])
    rest = [
        f
        for f in sample.features
        if f.column != clock.column and not f.dated and not _is_time(f.values, clock.values)
    ]
    found = []
    if moved > _MOVED and moved > _NOISE * noise:
        found.append(_of_target(look, clock.column, moved, noise, first, last))
    if len(rest):
        later = np.zeros(sample.rows, bool)
        later[rows[len(rows) // 2 :]] = True
        design = Additive(rest, sample.weight, sample.fold)
        seen = tell(rest, design, later, sample.weight, sample.fold, sample.content)
        if np.isfinite(seen.area.low) and seen.area.low > _TOLD:
            found.append(_of_columns(clock.column, seen.area.value, seen.area.low, seen.columns))
    return found


def _moved(outcome: FloatArray) -> tuple[float, float, float, float]:
    """Return how far the output that moves most does between first and last tenth, in spreads; its "
    "noise and ends."""
    tenth = max(len(outcome) // _TENTHS, 1)
    first, last = outcome[:tenth].mean(axis=0), outcome[-tenth:].mean(axis=0)
    spread = np.maximum(outcome.std(axis=0), 1e-300)
    # Neighbours in time are alike: the noise is that of the tenths' own thirds, never less than of free rows.
    pieces = [np.array_split(part, 5) for part in (outcome[:tenth], outcome[-tenth:])]
    wobble = [np.std([p.mean(axis=0) for p in part], axis=0, ddof=1) / np.sqrt(5.0) for part in pieces]
    noise = np.maximum(np.hypot(*wobble) / spread, np.sqrt(2.0 / tenth))
    gap = np.abs(last - first) / spread
    most = int(np.argmax(gap / noise))
    return float(gap[most]), float(noise[most]), float(first[most]), float(last[most])


def _is_time(values: FloatArray | None, clock: FloatArray) -> bool:
    """Say whether a number runs along with the time."""
    if values is None:
        return False
    both = np.isfinite(values) & np.isfinite(clock)
    if both.sum() < 3 or np.ptp(values[both]) == 0.0 or np.ptp(clock[both]) == 0.0:
        return False
    ranks = [np.unique(v[both], return_inverse=True)[1].ravel() for v in (values, clock)]
    return abs(float(np.corrcoef(ranks[0], ranks[1])[0, 1])) > _TIME


def _of_target(look: Look, clock: str, moved: float, noise: float, first: float, last: float) -> Finding:
    """Say how the target moves in time."""
    what = f"mean {look.target}" if look.sample.task == "regression" else f"share of a class of {look.target}"
    sentence = (
        f"Along {clock} the {what} goes from {first:.3g} in the first tenth to {last:.3g} in the last "
        f"({moved:.1f} "
        f"spreads, noise {noise:.2f}): a model judged on random folds knows the level of every period."
    )
    evidence = {
        "time": clock,
        "first": first,
        "last": last,
        "moved": round(moved, 3),
        "noise": round(noise, 4),
    }
    return Finding(
        "target-drifts", "warning", sentence, evidence, f"--time {clock} judges on later rows only"
    )


def _of_columns(clock: str, area: float, low: float, columns: tuple[str, ...]) -> Finding:
    """Say that the columns tell late rows from early ones."""
    sentence = (
        f"Late rows can be told from early ones (along {clock}) without it: ROC area {area:.2f}, at "
        f"least {low:.2f}, most "
        f"by {', '.join(columns[:3]) or 'no single column'}."
    )
    evidence = {"time": clock, "area": round(area, 4), "low": round(low, 4), "columns": list(columns)}
    return Finding("columns-drift", "info", sentence, evidence, f"--time {clock} judges on later rows only")
