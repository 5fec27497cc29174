"""The registry of families: name -> maker of a Learner. Heavy imports wait for the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from justright.errors import RecipeError, closest
from justright.models.base import Learner
from justright.recipe import Descent

__all__ = ["FAMILIES", "learner_for", "register"]


def _linear(descent: Descent) -> Learner:
    """Return the linear Learner that the optimizer asks for."""
    if descent.optimizer == "exact":
        from justright.models.linear.exact import ExactLinear

        return ExactLinear()
    from justright.models.linear.descent import DescentLinear

    return DescentLinear()


FAMILIES: Final[dict[str, Callable[[Descent], Learner]]] = {"linear": _linear}
"""The families: name -> maker of a Learner from the descent settings. Heavy imports wait for the call."""


def register(name: str, make: Callable[[Descent], Learner]) -> None:
    """Register a family under a name, so that `family=name` trains it."""
    FAMILIES[name] = make


def learner_for(family: str, descent: Descent) -> Learner:
    """Return the Learner of a family; RecipeError when no such family is registered."""
    if family not in FAMILIES:
        raise RecipeError(f"family={family!r}", allowed=closest(family, FAMILIES))
    return FAMILIES[family](descent)
