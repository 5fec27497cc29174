"""Who goes on: asynchronous successive halving (Li et al. 2020, arXiv 1810.05934), as pure functions.

Trials climb rungs of effort, each three times that of the rung below. Of the trials that have a loss on a
rung the best third climbs, as soon as it is known to be among them; nobody waits for the others of a rung.
Trial 0 is the default: it always climbs, and takes nobody's place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["DEFAULT", "Climb", "climbs", "efforts"]

DEFAULT: Final = 0
"""Number of the trial that is the recipe as it came."""

_STEP: Final = 3


def efforts(rungs: int) -> tuple[float, ...]:
    """Return the share of the whole effort on each rung, the last one all of it.

    Examples
    --------
    >>> [round(each, 3) for each in efforts(3)]
    [0.111, 0.333, 1.0]
    """
    return tuple(1.0 / _STEP ** (rungs - 1 - rung) for rung in range(rungs))


@dataclass
class Climb:
    """Losses of the trials on the rungs.

    Parameters
    ----------
    rungs : int
        How many.
    """

    rungs: int
    losses: list[dict[int, float]] = field(default_factory=list)
    ended: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.losses = self.losses or [{} for _ in range(self.rungs)]

    def take(self, trial: int, rung: int, loss: float, *, ended: bool) -> None:
        """Note the loss of a trial on a rung; one that has `ended` by its own rule keeps it on all above."""
        self.losses[rung][trial] = loss
        if ended:
            self.ended.add(trial)

    def settle(self, *, last: bool = False) -> None:
        """Let trials climb whose training has ended: more effort would change nothing."""
        while True:
            free = [each for each in climbs(self, frozenset(), last=last) if each[0] in self.ended]
            if not free:
                return
            trial, rung = free[0]
            self.losses[rung][trial] = self.losses[rung - 1][trial]

    def highest(self, trial: int) -> int:
        """Return the highest rung on which a trial has a loss; -1 = none."""
        return max((rung for rung in range(self.rungs) if trial in self.losses[rung]), default=-1)

    @property
    def top(self) -> Mapping[int, float]:
        """Losses of the trials that had all effort."""
        return self.losses[-1]


def climbs(climb: Climb, running: Collection[int], *, last: bool) -> list[tuple[int, int]]:
    """Return who may climb and to which rung, the highest rung first, on each the best trial first.

    Parameters
    ----------
    climb : Climb
        What is known.
    running : collection of int
        Trials that are at work.
    last : bool
        No new trial will come: a third is rounded up, so that someone reaches the top.

    Examples
    --------
    >>> climb = Climb(2)
    >>> for trial, loss in enumerate([9.0, 3.0, 1.0, 2.0]):
    ...     climb.take(trial, 0, loss, ended=False)
    >>> climbs(climb, (), last=False)
    [(0, 1), (2, 1)]
    """
    found = []
    for rung in range(climb.rungs - 1, 0, -1):
        below, here = climb.losses[rung - 1], climb.losses[rung]
        if DEFAULT in below and DEFAULT not in here:
            found.append((DEFAULT, rung))
        order = sorted((trial for trial in below if trial != DEFAULT), key=lambda one: (below[one], one))
        many = -(-len(order) // _STEP) if last else len(order) // _STEP
        found += [(trial, rung) for trial in order[:many] if trial not in here]
    return [each for each in found if each[0] not in running and each[0] not in climb.failed]
