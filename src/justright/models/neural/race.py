"""The Goldilocks rate: candidates race on held-out rows, from the same weights with the same batches.

    leg 1   all candidates, half a decade apart, 1 % of the steps each
    leg 2   the best three from the start again, 2 % of the steps each

Each leg is a training in small, schedule included. The winner is the candidate nearest to the prior among
those that no paired test of held-out losses tells from the best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.models.neural.program import Batches, Carry, Program
from justright.schema import FloatArray

__all__ = ["COLUMNS", "Found", "Leg", "race"]

COLUMNS: Final = ("rate", "first", "second")
"""Columns of `Found.table`: rate, held-out loss after each leg (NaN = not run, infinite = diverged)."""

_SPREAD: Final = 3  # candidates on each side of the prior
_APART: Final = 0.5  # decades
_KEPT: Final = 3
_SHARES: Final = (0.01, 0.02)
_FEWEST: Final = 1_500  # steps of a training that can afford a race
_ERRORS: Final = 1.0  # standard errors within which candidates are as good


class Leg(NamedTuple):
    """What the race needs of a training.

    `batches(steps)` gives the first steps of the training as Batches of equal length; `losses(carry)` the
    held-out loss of each row, float64 (rows,), of the only member.
    """

    batches: Any
    losses: Any


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
        # A leg of a few steps tells nothing of a training: the prior stands, and the guard of divergence.
        return Found(prior, np.zeros((0, len(COLUMNS))), 0)
    rates = prior * 10.0 ** (_APART * np.arange(-_SPREAD, _SPREAD + 1))
    table = np.column_stack([rates, np.full((len(rates), 2), np.nan)])
    spent, final = 0, dict[int, FloatArray]()
    places: Sequence[int] = range(len(rates))
    for number, share in enumerate(_SHARES):
        steps = max(1, int(share * total))
        parts = leg.batches(steps)
        for place in places:
            carry = _ran(program, parts, vector, statistics, told, float(rates[place]))
            rows = leg.losses(carry)
            mean = float(rows.mean()) if np.isfinite(rows).all() else np.inf
            table[place, 1 + number] = mean
            spent += sum(part.steps for part in parts)
            if number == 1 and np.isfinite(mean):
                final[place] = rows
        # Equal losses, of candidates that did not move yet, keep the middle.
        places = sorted(places, key=lambda place: (table[place, 1 + number], abs(place - _SPREAD)))[:_KEPT]
        places = [place for place in places if np.isfinite(table[place, 1 + number])]
    if not final:
        raise TrainingError(
            "a network that diverges at every rate",
            where=f"rates {rates[0]:.2g} to {rates[-1]:.2g}",
            next_step="look for extreme values in the table, or give --rate",
        )
    return Found(float(rates[_chosen(final, table[:, 0], prior)]), table, spent)


def _ran(
    program: Program,
    parts: Sequence[Batches],
    vector: npt.NDArray[Any],
    statistics: Mapping[str, Any],
    told: Mapping[str, Any],
    rate: float,
) -> Carry:
    """Train one candidate on some batches."""
    steps = sum(part.steps for part in parts)
    own = {**told, "rate": np.full(1, rate, np.float32), "steps": np.float32(steps)}
    carry, first = program.start(vector, statistics, own["rate"], steps), 0
    for part in parts:
        carry, _ = program.train(carry, part, {**own, "first": np.int32(first)})
        first += part.steps
    return carry


def _chosen(final: Mapping[int, FloatArray], rates: FloatArray, prior: float) -> int:
    """Return the candidate nearest to the prior among those as good as the best."""
    best = min(final, key=lambda place: float(final[place].mean()))
    good = []
    for place, rows in final.items():
        gap = rows - final[best]
        error = float(gap.std()) / max(len(gap), 1) ** 0.5
        if float(gap.mean()) <= _ERRORS * error:
            good.append(place)
    return min(good, key=lambda place: (abs(np.log(rates[place] / prior)), -rates[place]))
