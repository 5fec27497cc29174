"""The registry of families: name -> maker of a Learner. Heavy imports wait for the call."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from justright.errors import MissingExtraError, RecipeError, closest
from justright.models.base import Learner
from justright.recipe import Recipe

__all__ = ["FAMILIES", "learner_for", "register"]


def _linear(recipe: Recipe) -> Learner:
    """Return the linear Learner that the optimizer asks for."""
    if recipe.descent.optimizer == "exact":
        from justright.models.linear.exact import ExactLinear

        return ExactLinear()
    from justright.models.linear.descent import DescentLinear

    return DescentLinear()


def _crossed(recipe: Recipe) -> Learner:
    """Return the Learner of additive models with crosses; MissingExtraError without a compiler."""
    if find_spec("numba") is None:
        raise MissingExtraError(
            "family='crossed' without numba, which compiles its loops",
            next_step="pip install 'justright[train]', or --family linear",
        )
    from justright.models.crossed.learner import CrossedLearner

    return CrossedLearner(recipe.crosses)


def _neural(recipe: Recipe) -> Learner:
    """Return the Learner of networks; MissingExtraError without jax."""
    if find_spec("jax") is None or find_spec("optax") is None:
        raise MissingExtraError(
            f"family={recipe.family!r} without jax and optax, which train networks",
            next_step="pip install 'justright[neural]', or --family crossed",
        )
    from justright.models.neural.learner import NeuralLearner

    return NeuralLearner(recipe.network)


FAMILIES: Final[dict[str, Callable[[Recipe], Learner]]] = {
    "linear": _linear,
    "crossed": _crossed,
    "neural": _neural,
}
"""The families: name -> maker of a Learner from the recipe. Heavy imports wait for the call."""


def register(name: str, make: Callable[[Recipe], Learner]) -> None:
    """Register a family under a name, so that `family=name` trains it."""
    FAMILIES[name] = make


def learner_for(family: str, recipe: Recipe) -> Learner:
    """Return the Learner of a family; RecipeError when no such family is registered."""
    if family not in FAMILIES:
        raise RecipeError(f"family={family!r}", allowed=closest(family, FAMILIES))
    return FAMILIES[family](recipe)
