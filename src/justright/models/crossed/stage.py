"""Where a training of an additive model stands, and its state as named arrays.

samples   three sweeps on each of the doublings of the rows: a start for the next, and a learning curve
columns   sweeps over the functions of the columns
crosses   search, sweeps over columns and crosses, search again, at most three rounds
settle    sweeps on all rows until the held-out loss stands
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from justright.models.base import State

__all__ = ["COLUMNS", "CROSSES", "FINISHED", "ROUNDS", "SETTLE", "Stage", "first_stage", "read_stage"]

COLUMNS: Final = 0
CROSSES: Final = 1
SETTLE: Final = 2
FINISHED: Final = 3

ROUNDS: Final = 3
"""Most searches."""

_SMALLEST: Final = 4_000  # rows of the smallest sample
_SEARCHED: Final = 262_144  # rows of the sample that is searched for crosses


@dataclass(frozen=True)
class Stage:
    """Where it stands.

    Parameters
    ----------
    level : int
        The rows in use are a share of 2^-level.
    search_level : int
        The level at which crosses are looked for.
    phase : int
        COLUMNS, CROSSES, SETTLE or FINISHED.
    round : int
        Searches made.
    sweep : int
        Sweeps made in this phase on these rows.
    """

    level: int
    search_level: int
    phase: int = COLUMNS
    round: int = 0
    sweep: int = 0

    @property
    def share(self) -> float:
        """Share of the rows in use."""
        return float(0.5**self.level)

    @property
    def choosing(self) -> bool:
        """Whether this sweep chooses the penalties anew."""
        return self.sweep in (0, 1, 3, 6)

    @property
    def enough(self) -> int:
        """Most sweeps of this phase on these rows."""
        if self.phase == COLUMNS:
            return 10 if self.level == self.search_level else 3
        if self.phase == CROSSES:
            return 6
        return 8 if self.level == 0 else 3

    def next_sweep(self) -> Stage:
        """Return the stage after a sweep."""
        return replace(self, sweep=self.sweep + 1)

    def finer(self) -> Stage:
        """Return the first stage on twice the rows."""
        return replace(self, level=self.level - 1, sweep=0)

    def to(self, phase: int, *, searched: bool = False) -> Stage:
        """Return the first stage of a phase."""
        return replace(self, phase=phase, sweep=0, round=self.round + searched)

    def to_array(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return it as an array for the state."""
        return np.asarray([self.level, self.search_level, self.phase, self.round, self.sweep], np.int64)


def first_stage(rows: int) -> Stage:
    """Return where a training of so many rows begins."""
    levels = int(np.clip(np.floor(np.log2(max(rows, 1) / _SMALLEST)), 0, 6))
    searched = int(np.clip(np.ceil(np.log2(max(rows, 1) / _SEARCHED)), 0, levels))
    return Stage(levels, searched)


def read_stage(state: State) -> Stage:
    """Read the stage from a state."""
    return Stage(*(int(number) for number in state["stage"]))
