"""The latent columns of a model: what its network makes of a row before it decides. numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from justright.bundle.families import FAMILIES
from justright.bundle.format import Bundle
from justright.errors import RecipeError
from justright.schema import Block, FloatArray

__all__ = ["latent_columns", "latent_of"]


def latent_columns(bundle: Bundle) -> tuple[str, ...]:
    """Return the names of the latent columns: `latent_0`, `latent_1`...

    Parameters
    ----------
    bundle : Bundle
        A model.

    Raises
    ------
    RecipeError
        The model is no network, or one without hidden layers.
    """
    from justright.models.neural.latent import width

    return tuple(f"latent_{place}" for place in range(width(_front(bundle))))


def latent_of(bundle: Bundle, block: Block) -> FloatArray:
    """Return the latent columns of encoded rows, float64 (rows, columns); errors as `latent_columns`."""
    from justright.models.neural.latent import latent

    return latent(_front(bundle), bundle.arrays, block)


def _front(bundle: Bundle) -> Mapping[str, Any]:
    """Return the front of a network; RecipeError for other families."""
    family = bundle.model.family
    if family not in FAMILIES or not FAMILIES[family]().latent:
        raise RecipeError(
            f"latent columns of a model of family {family!r:.60}, which has none",
            allowed=f"one of: {', '.join(name for name, served in FAMILIES.items() if served().latent)}",
            next_step="justright train TABLE --target COLUMN --family neural",
        )
    return bundle.model.front
