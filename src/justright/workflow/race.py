"""What the race for the rate left behind: `race.json`, the candidates and which one was taken.

candidate      rate, held-out loss half way and at the end of its leg     None = diverged
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.models.neural.rollback import SLOWER
from justright.training.loop import Trained
from justright.workflow.summary import Passes

__all__ = ["RACE", "Candidate", "Race", "last_rate", "passes_of", "race_of", "times_lowered"]

RACE: Final = "race.json"
"""Name of the file in the run folder."""


class Candidate(msgspec.Struct, frozen=True):
    """One rate that ran: its held-out loss half way and at the end of its leg, None where it diverged."""

    rate: float
    half: float | None
    end: float | None
    diverged: bool = False


class Race(msgspec.Struct, frozen=True):
    """A race.

    Parameters
    ----------
    candidates : list of Candidate
        Those that ran, by rising rate.
    chosen : float
        The rate of one of them, with which the training began.
    prior : float
        The usual rate, which would have been taken without a race.
    steps : int or None
        Steps that all candidates took together; None where the family does not say.
    share : float or None
        Those steps as a share of the steps of the training itself.
    """

    candidates: list[Candidate]
    chosen: float
    prior: float
    steps: int | None = None
    share: float | None = None


def race_of(trained: Trained) -> Race | None:
    """Return the race of a training; None where none was run.

    A family that races keeps in its state `race` float64 (candidates, 3, members): rate, held-out loss
    half way and at the end, NaN = did not run and infinite = diverged, the usual rate in the middle; and,
    where it counts them, the steps `raced`.
    """
    table = trained.state.get("race")
    if table is None or not len(table):
        return None
    usual, ran = float(table[len(table) // 2, 0, 0]), table[~np.isnan(table[:, 2, 0]), :, 0]
    # The rate of a member is the one it has now: what it was lowered by since the start is undone.
    begun = float(trained.state["rate"][0]) * SLOWER ** int(trained.state["lowered"][0])
    ended = ran[np.isfinite(ran[:, 2]), 0]
    chosen = float(ended[np.argmin(np.abs(np.log(ended / begun)))])
    raced, made = trained.state.get("raced"), trained.history.rows
    steps = int(raced[0]) if raced is not None else None
    share = steps / made[-1].steps if steps is not None and made and made[-1].steps else None
    return Race([_candidate(row) for row in ran], chosen, usual, steps, share)


def passes_of(trained: Trained, member: int, compile_seconds: float | None) -> Passes:
    """Return how the network `member` was trained."""
    history, race = trained.history, race_of(trained)
    # Of a table that is taken in groups, a row of history is a part of a pass.
    share = history.rows[-1].share if history.rows else 1.0
    return Passes(
        rate=last_rate(trained, member),
        passes=round(history.passes * share, 3),
        kept=round((trained.kept[member] if trained.kept else history.passes) * share, 3),
        steps=history.rows[-1].steps if history.rows else 0,
        race_steps=race.steps if race else None,
        compile_seconds=compile_seconds,
    )


def times_lowered(trained: Trained, member: int) -> int:
    """Return how often a member diverged and went back to a lower rate, its best pass or not."""
    lowered = trained.state.get("lowered")
    if lowered is None:
        return 0
    kept = trained.kept[member] if trained.kept else trained.history.passes
    rates = [row.norms["rate"] for row in trained.history.rows if row.member == member and row.number >= kept]
    later = sum(after < before for before, after in zip(rates, rates[1:], strict=False))
    return int(lowered[member]) + later


def last_rate(trained: Trained, member: int) -> float:
    """Return the rate with which a member ended."""
    own = [row.norms for row in trained.history.rows if row.member == member]
    rates = [norms["rate"] for norms in own if "rate" in norms]
    return rates[-1] if rates else float(trained.state["rate"][member])


def _candidate(row: npt.NDArray[np.float64]) -> Candidate:
    """Return a row of the table as values that JSON can hold."""
    rate, *losses = (float(value) for value in row)
    half, end = (loss if math.isfinite(loss) else None for loss in losses)
    return Candidate(rate, half, end, any(math.isinf(loss) for loss in losses))
