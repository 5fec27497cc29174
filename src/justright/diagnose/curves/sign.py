"""What a rule says: a sign of a cause with its next move, or why it could not be looked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from justright.diagnose.curves.reading import Reading
from justright.schema import Finding

__all__ = ["Rule", "Sign", "Unknown"]


@dataclass(frozen=True)
class Sign:
    """A cause that the evidence speaks for.

    Parameters
    ----------
    finding : Finding
        Its id is the name of the cause; `next` is filled in by the verdict.
    weight : float
        How strongly the evidence speaks for this cause rather than another, 0..1: signs are ranked by it.
    change : tuple of str
        The next move, as `key=value` that `recipe.change` takes; empty where no choice of the recipe helps.
    advice : str
        The next move in words where it is none of the recipe.
    """

    finding: Finding
    weight: float
    change: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True)
class Unknown:
    """A cause that could not be looked for, and what is missing."""

    why: str


Rule: TypeAlias = Callable[[Reading], Sign | Unknown | None]
"""Looks for one cause."""
