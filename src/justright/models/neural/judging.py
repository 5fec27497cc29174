"""What rows say of the members of a carry: margins by looks of one size, and losses."""

from __future__ import annotations

from typing import Any, Final

import jax
import numpy as np
import numpy.typing as npt

from justright.models.base import Spec
from justright.models.neural.program import Carry, Program
from justright.models.neural.rows import Rows
from justright.optim.losses import row_losses
from justright.schema import FloatArray

__all__ = ["margins_of", "mean_loss", "row_losses_of", "some_members"]

_AT_ONCE: Final = 8_192  # rows of a look
_FEWEST: Final = 16


def margins_of(program: Program, carry: Carry, x: Any, codes: Any) -> npt.NDArray[np.float32]:
    """Return margins (members, rows, outputs) of any number of rows; few sizes compile few programs."""
    vectors, statistics = program.judged(carry)
    n, found = len(x), []
    size = min(_AT_ONCE, max(_FEWEST, 1 << max(n - 1, 0).bit_length()))
    for begin in range(0, max(n, 1), size):
        part = slice(begin, begin + size)
        short = size - len(x[part])
        own = [np.concatenate([a[part], np.zeros((short, a.shape[1]), a.dtype)]) for a in (x, codes)]
        found.append(np.asarray(program.margins(vectors, statistics, *own))[:, : size - short])
    return np.concatenate(found, axis=1)


def row_losses_of(spec: Spec, margin: npt.NDArray[Any], rows: Rows) -> FloatArray:
    """Return the loss of each row, without smoothing, in double precision."""
    with np.errstate(all="ignore"):
        return row_losses(spec.loss, margin.astype(np.float64), rows.target)


def mean_loss(spec: Spec, margin: npt.NDArray[Any], rows: Rows) -> float:
    """Return the weighted mean loss of some rows."""
    weight = rows.weight.astype(np.float64)
    return float(weight @ row_losses_of(spec, margin, rows) / weight.sum())


def some_members(carry: Carry, places: Any) -> Carry:
    """Return some members of a carry."""
    made: Carry = jax.tree.map(lambda a: a[places], carry)
    return made
