"""What a network makes of a row before it decides: the outputs of its last hidden layer, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import BundleError, RecipeError
from justright.models.neural import autoencoder
from justright.models.neural.design import Design, design_of
from justright.models.neural.front import Layout, inputs_of
from justright.models.neural.network import layers
from justright.schema import Block, FloatArray

__all__ = ["latent", "width"]


def width(front: Mapping[str, Any]) -> int:
    """Return how many columns `latent` has.

    Raises
    ------
    RecipeError
        A network without hidden layers.
    """
    if "coder" in front:
        return int(front["coder"]["components"])
    design = _design(front)
    return design.hidden[-1]


def latent(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block) -> FloatArray:
    """Return the outputs of the last hidden layer of encoded rows, float64 (rows, neurons).

    Of an ensemble their mean over its networks; of an autoencoder the few numbers in its middle.

    Raises
    ------
    RecipeError
        A network without hidden layers.
    """
    if "coder" in front:
        return autoencoder.latent(front, arrays, block)
    design = _design(front)
    if not block.rows:
        return np.zeros((0, design.hidden[-1]))
    try:
        layout = msgspec.convert(front.get("layout"), Layout)
    except msgspec.ValidationError as error:
        raise BundleError(f"inputs that do not fit: {error}", next_step="train the model again") from error
    x, codes = inputs_of(layout, arrays, block)
    with np.errstate(over="ignore", under="ignore"):
        found = layers(np, design, arrays, x, codes)[-1]
    if design.ensemble > 1:
        found = found.mean(axis=0, dtype=np.float64)
    return np.asarray(found, np.float64)


def _design(front: Mapping[str, Any]) -> Design:
    """Return the network, which has a hidden layer."""
    design = design_of(front.get("design", {}))
    if not design.hidden:
        raise RecipeError(
            "latent columns of a network without hidden layers",
            allowed="a network with one hidden layer at least",
            next_step="train with --set network.hidden=[192,192]",
        )
    return design
