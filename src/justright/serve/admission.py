"""How many requests one turn of the loop takes: a burst passes, a queue that stands is kept short.

A turn reads all that came while the one before was answered. A burst makes one long turn, and does no harm.
Where more come than can be answered, every request waits for all that are let in before it; so few are let
in a turn, and the others are told to come again. As many are answered, each much sooner. Source of the
idea: K. Nichols and V. Jacobson, "Controlling queue delay", ACM Queue 10(5), 2012.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from justright.serve.limits import Limits

__all__ = ["Admission"]

_STANDS: Final = 0.1  # seconds of crowded turns, one after the other, from which on the queue stands
_OVER: Final = 1.0  # seconds without a crowded turn after which it stands no more
_IDLE: Final = 0.005  # seconds without a turn: those before and after it are not one after the other
_BURST: Final = 0.1  # most seconds of a burst
_FEW: Final = 16  # most requests of a turn while the queue stands: joining more of them saves nothing
_BRIEF: Final = 0.001  # seconds after which such a turn takes no more


class Admission:
    """Counts the requests of a turn, and says when it is full.

    Parameters
    ----------
    limits : Limits
        `queue`, `crowd`.
    clock : callable, optional
        Seconds that only go forward.

    Attributes
    ----------
    taken : int
        Requests let in in this turn.
    held : int
        Refusals that are made and not yet told: these clients want an answer as well.

    Examples
    --------
    >>> admission = Admission(Limits(queue=2), clock=lambda: 0.0)
    >>> admission.take()
    >>> admission.full
    False
    >>> admission.take()
    >>> admission.full
    True
    >>> admission.end_turn()
    >>> admission.full
    False
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._stands = False
        # When this turn began, when the last one ended, the last that was no crowd, the last that was one.
        self._begun = self._ended = self._calm = self._crowded = clock()
        self.taken = self.held = 0

    @property
    def full(self) -> bool:
        """This turn takes no more."""
        taken, limits = self.taken, self._limits
        if taken >= limits.queue or self._stands and taken >= _FEW:
            return True
        if self._stands:
            return taken > 0 and self._clock() - self._begun > _BRIEF
        return taken >= limits.crowd and self._clock() - self._begun > _BURST

    def take(self) -> None:
        """Count a request that is let in."""
        if not self.taken:
            now = self._begun = self._clock()
            if now - self._ended > _IDLE:
                self._calm = now
            if now - self._crowded > _OVER:
                self._stands = False
        self.taken += 1

    def end_turn(self) -> None:
        """All that came is answered."""
        now = self._ended = self._clock()
        if self.taken + self.held <= self._limits.crowd:
            self._calm = now
        else:
            self._crowded = now
            self._stands = self._stands or now - self._calm > _STANDS
        self.taken = 0
