"""Callbacks: what may listen to a training, called by the Trainer after each pass.

A callback is any object with some of the two methods; nothing is inherited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from justright.models.base import State
from justright.schema import Member
from justright.training.history import Row

__all__ = ["Callback", "Moment", "StopTraining"]


class StopTraining(Exception):  # noqa: N818 - a request, not an error
    """Raised by a callback to end the training after this pass; its text is the reason."""


@dataclass(frozen=True)
class Moment:
    """What a callback gets after a pass.

    Parameters
    ----------
    number : int
        Passes made.
    members : tuple of Member
        The population.
    rows : tuple of Row
        History rows of this pass.
    done : int
        Members that need no further pass.
    state : dict of arrays
        The state after the pass; do not change it.
    save : callable
        Writes a checkpoint now, where the run keeps any.
    """

    number: int
    members: tuple[Member, ...]
    rows: tuple[Row, ...]
    done: int
    state: State
    save: Callable[[], None]


class Callback(Protocol):
    """Listens to a training."""

    def after_pass(self, moment: Moment) -> None:
        """Look at a pass; raise StopTraining to end the training cleanly."""
