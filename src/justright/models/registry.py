"""The registry of families: name -> maker of a Learner. Heavy imports wait for the call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import msgspec

from justright.errors import JustrightWarning, MissingExtraError, RecipeError, closest
from justright.models.base import Learner
from justright.models.neural import NETWORKS
from justright.recipe import Network, Recipe

if TYPE_CHECKING:
    from justright.models.neural.own import Apply, Init

__all__ = ["FAMILIES", "is_network", "learner_for", "register", "register_network"]


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


def _network(recipe: Recipe) -> Network:
    """Return the settings of a network for the user's metric.

    Smoothed labels help where only the likeliest class counts; they harm probabilities (RealMLP, B.5).
    """
    network = recipe.network
    if len(network.hidden) > _DEEP:
        warnings.warn(
            f"A network of {len(network.hidden)} layers: compiling it takes about"
            f" {_EACH_LAYER * len(network.hidden):.0f} s before its first pass. Next: fewer layers,"
            " --set network.hidden=[192,192]",
            JustrightWarning,
            stacklevel=2,
        )
    if network.smoothing >= 0:
        return network
    return msgspec.structs.replace(network, smoothing=0.1 if recipe.metric in _LABELS else 0.0)


def _neural(recipe: Recipe) -> Learner:
    """Return the Learner of networks; MissingExtraError without jax."""
    _require_jax(recipe.family)
    from justright.models.neural.learner import NeuralLearner

    return NeuralLearner(_network(recipe), metric=recipe.metric)


def _wide_deep(recipe: Recipe) -> Learner:
    """Return the Learner of networks with a wide part; MissingExtraError without jax."""
    _require_jax(recipe.family)
    from justright.models.neural.learner import NeuralLearner

    return NeuralLearner(_network(recipe), wide=recipe.crosses, metric=recipe.metric)


def _boosted(recipe: Recipe) -> Learner:
    """Return the Learner of boosted trees; MissingExtraError without LightGBM."""
    if find_spec("lightgbm") is None:
        raise MissingExtraError(
            "family='boosted' without lightgbm, which grows the trees",
            next_step="pip install 'justright[train]', or --family crossed",
        )
    from justright.models.boosted.learner import BoostedLearner

    return BoostedLearner(recipe.boosting)


def _require_jax(family: str) -> None:
    """Raise MissingExtraError without jax and optax."""
    if find_spec("jax") is None or find_spec("optax") is None:
        raise MissingExtraError(
            f"family={family!r} without jax and optax, which train networks",
            next_step="pip install 'justright[neural]', or --family crossed",
        )


_DEEP: Final = 40  # layers from which compiling is worth a word
_EACH_LAYER: Final = 0.33  # seconds that compiling a layer takes
_NETWORKS: Final = {*NETWORKS}
_LABELS: Final = ("accuracy", "balanced_accuracy", "f1", "precision", "recall", "matthews")

FAMILIES: Final[dict[str, Callable[[Recipe], Learner]]] = {
    "linear": _linear,
    "crossed": _crossed,
    "boosted": _boosted,
    "neural": _neural,
    "wide-deep": _wide_deep,
}
"""The families: name -> maker of a Learner from the recipe. Heavy imports wait for the call."""


def register(name: str, make: Callable[[Recipe], Learner]) -> None:
    """Register a family under a name, so that `family=name` trains it."""
    FAMILIES[name] = make


def register_network(name: str, init: Init, apply: Apply) -> None:
    """Register a network of your own, so that `family=name` trains it like a built-in one.

    Parameters
    ----------
    name : str
        Name of the family.
    init : callable
        `init(rng, inputs, outputs) -> dict of arrays`: starting weights. `inputs.width` columns of x,
        `inputs.numbers` of them numbers, `inputs.codes` the number of codes of each large category.
    apply : callable
        `apply(arrays, x, codes, key) -> margins (rows, outputs)` with `jax.numpy`; `key` is a random key in a
        training step, else None.

    Notes
    -----
    Settings are those of `Recipe.network`; the rate is found by the race. To serve it see
    `justright.models.neural.own.served`.

    Examples
    --------
    >>> def init(rng, inputs, outputs):
    ...     return {"weight": rng.normal(size=(inputs.width, outputs)), "bias": np.zeros(outputs)}
    >>> def apply(arrays, x, codes, key):
    ...     return x @ arrays["weight"] + arrays["bias"]
    >>> import numpy as np
    >>> register_network("plain-net", init, apply)
    >>> is_network("plain-net")
    True
    """

    def make(recipe: Recipe) -> Learner:
        _require_jax(name)
        from justright.models.neural.learner import NeuralLearner
        from justright.models.neural.own import OwnNet

        return NeuralLearner(
            _network(recipe),
            lambda layout, spec: OwnNet(name, init, apply, layout, spec),
            metric=recipe.metric,
        )

    register(name, make)
    _NETWORKS.add(name)


def is_network(family: str) -> bool:
    """Say whether a family is a network: trained on one held-out part, its settings in `Recipe.network`."""
    return family in _NETWORKS


def learner_for(family: str, recipe: Recipe) -> Learner:
    """Return the Learner of a family; RecipeError when no such family is registered."""
    if family not in FAMILIES:
        raise RecipeError(f"family={family!r}", allowed=closest(family, FAMILIES))
    return FAMILIES[family](recipe)
