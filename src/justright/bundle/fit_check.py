"""Do features, weights and forward of a bundle fit each other? A trial of a few rows says so at loading.

A hostile or damaged bundle may pass every check of its files and still hold weights of another shape.
The trial scores rows of missing, common and extreme codes, so that no later row can leave the arrays.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.bundle.families import Served
from justright.bundle.format import Bundle
from justright.bundle.tensors import AnyArray
from justright.errors import BundleError, JustrightError
from justright.features.plan import FeaturePlan
from justright.schema import Block, Tokens

__all__ = ["check_fit"]

_LARGEST_CODE: Final = 2**31 - 1
_SAMPLES: Final = (None, "0", "2020-02-29", "a text")


def check_fit(bundle: Bundle, family: Served) -> FeaturePlan:
    """Return the feature plan of a bundle after a trial.

    Parameters
    ----------
    bundle : Bundle
        Checked file by file, of any origin.
    family : Served
        Its forward and its check.

    Raises
    ------
    BundleError
        The plan is not one, or the forward cannot score with these weights.

    Notes
    -----
    About a millisecond.
    """
    plan = FeaturePlan.from_data(bundle.model.features)
    _check_sizes(plan)
    columns = {name: list(_SAMPLES) for name in plan.columns}
    try:
        with np.errstate(all="ignore"):
            if family.check is not None:
                family.check(bundle.model.front, bundle.arrays, bundle.model.outputs)
            block, _ = plan.transform_rows(columns, len(_SAMPLES))
            for trial in (block, _extreme(plan, block)):
                margins = family.forward(bundle.model.front, bundle.arrays, trial)
                _check_margins(np.asarray(margins), trial.rows, bundle.model.outputs)
    except JustrightError as error:
        raise BundleError(str(error), where="a trial of the model", next_step="train it again") from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        received = f"weights that do not fit the features ({type(error).__name__}: {error!s:.120})"
        raise BundleError(received, where="a trial of the model", next_step="train it again") from error
    return plan


def _check_sizes(plan: FeaturePlan) -> None:
    """Refuse numbers of codes and slots that 32 bits cannot hold, and scales that divide by nothing."""
    sizes = [feature.size for feature in plan.data.categorical] + [f.slots for f in plan.data.text]
    sizes += [sum(f.slots for f in plan.data.text)] + [f.buckets for f in plan.data.categorical]
    if not all(0 <= size <= _LARGEST_CODE for size in sizes) or any(f.slots < 1 for f in plan.data.text):
        raise BundleError("a number of codes or slots", allowed=f"1..{_LARGEST_CODE}", where="features")
    if not all(np.isfinite(f.centre) and 0 < f.scale < np.inf for f in plan.data.numeric):
        raise BundleError("a centre or scale", allowed="finite, scale > 0", where="features")


def _extreme(plan: FeaturePlan, block: Block) -> Block:
    """Return the block with the last code and the last slot in every row."""
    codes = np.empty_like(block.codes)
    for place, feature in enumerate(plan.data.categorical):
        codes[:, place] = feature.size - 1
    tokens = block.tokens
    if tokens is not None:
        indptr = np.arange(block.rows + 1, dtype=np.int64)
        indices = np.full(block.rows, tokens.width - 1, np.int32)
        tokens = Tokens(indptr, indices, np.ones(block.rows, np.float32), tokens.width)
    numeric = np.zeros_like(block.numeric)
    return Block(numeric, codes, block.target, block.weight, block.fold, tokens, block.key)


def _check_margins(margins: AnyArray, rows: int, outputs: int) -> None:
    """Refuse margins of another shape, and those of plain rows that are no numbers."""
    if margins.shape != (rows, outputs):
        raise ValueError(f"margins of shape {margins.shape} instead of {(rows, outputs)}")
    if margins.dtype.kind != "f" or not np.isfinite(margins).all():
        raise ValueError("margins that are no finite floats")
