"""What a rule says: a sign of a cause with its next move, or why it could not be looked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from justright.diagnose.curves.reading import Reading
from justright.schema import Severity

__all__ = ["Rule", "Sign", "Unknown"]


@dataclass(frozen=True)
class Sign:
    """A cause that the evidence speaks for.

    Parameters
    ----------
    id : str
        Name of the cause, in kebab case; that of the Finding.
    weight : float
        How strongly the evidence speaks for this cause rather than another, 0..1: signs are ranked by it.
    sentence : str
        One plain sentence with its numbers.
    evidence : dict
        The numbers.
    change : tuple of str
        The next move, as `key=value` that `recipe.change` takes; empty where no choice of the recipe helps.
    advice : str
        The next move in words where it is none of the recipe.
    severity : {"info", "warning", "error"}
        How much it matters.
    """

    id: str
    weight: float
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    change: tuple[str, ...] = ()
    advice: str = ""
    severity: Severity = "warning"


@dataclass(frozen=True)
class Unknown:
    """A cause that could not be looked for, and what is missing."""

    why: str


Rule: TypeAlias = Callable[[Reading], Sign | Unknown | None]
"""Looks for one cause."""
