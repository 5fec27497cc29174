"""Rare classes: rows weighted or left out in training, and what takes the probabilities back.

Only training sees it. Held-out rows are judged as they are, by margins to which the logarithm of the factors
has been added (`evaluate.prior`); the bundle holds that offset.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from justright.datamodule import DataModule
from justright.errors import RecipeError
from justright.evaluate.prior import balanced_factors, margin_offset
from justright.kernels.hashing import mix64
from justright.recipe import Recipe
from justright.schema import Block, FloatArray, Target

__all__ = ["Balanced", "balanced"]


@dataclass(frozen=True)
class Balanced:
    """What trains, and what is added to margins afterwards.

    Parameters
    ----------
    data : DataModule
        Rows with other weights, or fewer of them.
    offset : float64 (outputs,)
        Added to every margin.
    """

    data: DataModule
    offset: FloatArray


def balanced(data: DataModule, recipe: Recipe, target: Target) -> Balanced | None:
    """Return what a training with balanced classes sees; None where none is asked for.

    Parameters
    ----------
    data : DataModule
        The rows.
    recipe : Recipe
        `balance`: weights, or sampling by the rows' own fingerprints.
    target : Target
        Its classes.

    Raises
    ------
    RecipeError
        The target holds numbers.
    """
    if recipe.balance == "none":
        return None
    if target.task == "regression":
        raise RecipeError(
            f"balance={recipe.balance!r} with a target of numbers",
            allowed="classes",
            next_step="leave balance out, or weight the rows by a column: --weight COL",
        )
    labels = np.concatenate([block.target for block in data.blocks])
    weight = np.concatenate([block.weight for block in data.blocks])
    sampling = recipe.balance == "sampling"
    factors = balanced_factors(labels, len(target.classes), weight, sampling=sampling)
    if not sampling:
        blocks = [_weighted(block, factors) for block in data.blocks]
        return Balanced(replace(data, blocks=blocks), margin_offset(factors))
    key = np.concatenate([block.key for block in data.blocks])
    fold = np.concatenate([block.fold for block in data.blocks])
    # A hash of its own: folds and samples of rows are functions of the fingerprint too.
    share = mix64(key ^ np.uint64(0x9E3779B97F4A7C15)) / 2.0**64
    place = np.flatnonzero(share < factors[labels])
    return Balanced(data.only(place, fold[place]), margin_offset(factors))


def _weighted(block: Block, factors: FloatArray) -> Block:
    """Return a block whose rows weigh by their class too."""
    return replace(block, weight=(block.weight * factors[block.target]).astype(np.float32))
