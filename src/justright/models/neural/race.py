"""The Goldilocks rate: candidates race on held-out rows, from the same weights with the same batches.

    the usual rate, its neighbours half a decade up and down, then on towards the better side:
    at most four of seven candidates, each a leg of 3.6 % of the steps

A leg is the first cycle of the training in small: with all four cycles of `coslog4` in so few steps the large
rates have no time to settle, and small ones win. The winner is the candidate nearest to the usual rate among
those that went at least 0.75 of the way of the best one, or that a paired test does not tell from it.

Measured on nine tables (networks of 64, 64, 480 steps, 7 rates): this loses 0.5 % on average to the best
of the rates and 1.7 % at worst; legs with all cycles 5 % and 18 %, the usual rate alone 3.4 % and 26 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.models.neural.program import Batches, Carry, Program
from justright.schema import FloatArray

__all__ = ["COLUMNS", "FIRST_CYCLE", "Found", "Leg", "race"]

COLUMNS: Final = ("rate", "first", "second")
"""Columns of `Found.table`: rate, held-out loss half way and after the leg; NaN = not run, inf = diverged."""

FIRST_CYCLE: Final = 15.0
"""Trainings by `coslog4` that a leg is a part of: its first cycle takes a fifteenth of the steps."""

_SPREAD: Final = 3  # candidates on each side of the usual rate
_APART: Final = 0.5  # decades
_MOST: Final = 4  # candidates that run
_SHARE: Final = 0.036  # of the steps, a leg
_FEWEST: Final = 400  # steps of a training whose legs tell something
_WAY: Final = 0.75  # of the best one's way that is as good
_ERRORS: Final = 1.0  # standard errors within which candidates are as good


class Leg(NamedTuple):
    """What the race needs of a training.

    `batches(k)` gives the k-th part of the training, `each` steps long; `losses(carry)` the held-out loss of
    each row, float64 (rows,), of the only member; `span` is the number of legs that a training in small
    would last.
    """

    batches: Callable[[int], Batches]
    each: int
    losses: Callable[[Carry], FloatArray]
    span: float = 1.0


class Found(NamedTuple):
    """The rate of the race, and its table float64 (candidates, len(COLUMNS))."""

    rate: float
    table: FloatArray
    steps: int


def race(
    program: Program,
    leg: Leg,
    vector: npt.NDArray[Any],
    statistics: Mapping[str, Any],
    told: Mapping[str, Any],
    prior: float,
    total: int,
) -> Found:
    """Find the rate.

    Parameters
    ----------
    program : Program
        The pass, compiled for one member.
    leg : Leg
        Rows to train on and to judge by.
    vector : float32 (1, P)
        Starting weights.
    statistics
        Running statistics before the first batch.
    told : mapping
        What `Program.train` is told, rate and steps apart.
    prior : float
        Rate in the middle.
    total : int
        Steps of the whole training; the race takes at most 15 % of them beside it.

    Raises
    ------
    TrainingError
        Every candidate diverges.
    """
    if total < _FEWEST:
        # So short a leg tells nothing: the usual rate stands, and the guard against divergence.
        return Found(prior, np.zeros((0, len(COLUMNS))), 0)
    rates = prior * 10.0 ** (_APART * np.arange(-_SPREAD, _SPREAD + 1))
    table = np.column_stack([rates, np.full((len(rates), 2), np.nan)])
    begun = leg.losses(program.start(vector, statistics, rates[:1].astype(np.float32), total))
    spent, ran = 0, dict[int, FloatArray]()
    for _ in range(_MOST):
        place = _next({at: float(begun.mean() - rows.mean()) for at, rows in ran.items()})
        if place is None:
            break
        half, ran[place], steps = _ran(program, leg, vector, statistics, told, float(rates[place]), total)
        table[place, 1:] = half, ran[place].mean()
        spent += steps
    final = {place: rows for place, rows in ran.items() if np.isfinite(rows).all()}
    if not final:
        tried = rates[sorted(ran)]
        raise TrainingError(
            "a network that diverges at every rate",
            where=f"rates {tried[0]:.2g} to {tried[-1]:.2g}",
            next_step="look for extreme values in the table, or give --rate",
        )
    return Found(float(rates[_chosen(final, float(begun.mean()))]), table, spent)


def _next(way: Mapping[int, float]) -> int | None:
    """Return which candidate runs next: towards the best one so far, by how far each one came."""
    if not way:
        return _SPREAD
    best = max(way, key=lambda place: way[place])
    if way[best] <= 0:
        # Nothing came down yet: far too fast.
        lower = min(way) - 2 if min(way) >= 2 else min(way) - 1
        return lower if lower >= 0 else None
    wanted = [best + 1, best - 1]
    if 0 < 2.0 * way.get(best - 1, 0.0) < way[best]:
        # The way still grows with the rate: far too slow.
        wanted = [best + 2, *wanted]
    return next((place for place in wanted if 0 <= place <= 2 * _SPREAD and place not in way), None)


def _ran(
    program: Program,
    leg: Leg,
    vector: npt.NDArray[Any],
    statistics: Mapping[str, Any],
    told: Mapping[str, Any],
    rate: float,
    total: int,
) -> tuple[float, FloatArray, int]:
    """Train one candidate for a leg; return its loss half way, the losses of rows at the end, the steps."""
    pairs = max(1, -(-int(_SHARE * total) // (2 * leg.each)))
    length = int(_SHARE * total) // (2 * pairs)  # parts of equal length, so that one is compiled
    steps = 2 * pairs * length
    own = {**told, "rate": np.full(1, rate, np.float32), "steps": np.float32(leg.span * steps)}
    carry, half = program.start(vector, statistics, own["rate"], steps), np.inf
    for k in range(2 * pairs):
        carry, _ = program.train(carry, leg.batches(k).first(length), {**own, "first": np.int32(k * length)})
        if k + 1 == pairs:
            half = _mean(leg.losses(carry))
    rows = leg.losses(carry)
    return half, rows if np.isfinite(_mean(rows)) else np.full(len(rows), np.inf), steps


def _mean(rows: FloatArray) -> float:
    """Return the mean loss; infinite where a row has none."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(rows.mean())
    return mean if np.isfinite(mean) else np.inf


def _chosen(final: Mapping[int, FloatArray], begun: float) -> int:
    """Return the candidate nearest to the usual rate among those as good as the best."""
    best = min(final, key=lambda place: float(final[place].mean()))
    way = begun - float(final[best].mean())
    good = []
    for place, rows in final.items():
        if place != best and float(rows.mean()) >= begun:
            continue
        gap = rows - final[best]
        error = float(gap.std()) / max(len(gap), 1) ** 0.5
        if float(gap.mean()) <= max(_ERRORS * error, (1.0 - _WAY) * way):
            good.append(place)
    return min(good, key=lambda place: (abs(place - _SPREAD), -place))
