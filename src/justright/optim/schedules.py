"""Schedules: how a learning rate falls; pure functions of the share of the work done.

    rate at a moment = rate * schedule(done)      done in [0, 1): passes and parts of them over `epochs`

A user's own schedule is any function from that share to a factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

from justright.errors import RecipeError, closest

__all__ = ["SCHEDULES", "Schedule", "schedule_for"]

Schedule: TypeAlias = Callable[[float], float]


def constant(done: float) -> float:
    """Keep the rate.

    Examples
    --------
    >>> constant(0.7)
    1.0
    """
    return 1.0


def step(done: float) -> float:
    """Divide the rate by ten after 60 % and again after 85 % of the work.

    Examples
    --------
    >>> [round(step(t), 3) for t in (0.0, 0.6, 0.9)]
    [1.0, 0.1, 0.01]
    """
    return 0.1 ** ((done >= 0.6) + (done >= 0.85))


def exponential(done: float) -> float:
    """Fall by the same share in every pass, to a hundredth at the end.

    Examples
    --------
    >>> round(exponential(0.5), 6)
    0.1
    """
    return float(0.01**done)


def inverse_time(done: float) -> float:
    """Fall as 1 / (1 + 99 t), to a hundredth at the end: the classic of stochastic approximation.

    Examples
    --------
    >>> inverse_time(1.0)
    0.01
    """
    return 1.0 / (1.0 + 99.0 * done)


def cosine(done: float) -> float:
    """Follow half a cosine from one to zero (Loshchilov and Hutter 2017).

    Examples
    --------
    >>> round(cosine(0.5), 6)
    0.5
    """
    return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))


SCHEDULES: Final[dict[str, Schedule]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "inverse-time": inverse_time,
    "cosine": cosine,
}
"""The schedules by name."""


def schedule_for(schedule: str | Schedule) -> Schedule:
    """Return a schedule by name; a function is taken as it is.

    Raises
    ------
    RecipeError
        The name is unknown.
    """
    if callable(schedule):
        return schedule
    if schedule not in SCHEDULES:
        raise RecipeError(f"schedule={schedule!r}", allowed=closest(schedule, SCHEDULES))
    return SCHEDULES[schedule]
