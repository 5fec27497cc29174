"""What rows say of the members of a carry: margins by looks of one size, and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import jax
import numpy as np
import numpy.typing as npt

from justright.models.base import Spec
from justright.models.neural.program import Carry, Program
from justright.models.neural.rows import Rows
from justright.optim.losses import row_losses
from justright.schema import FloatArray

__all__ = ["gathered", "looked", "looks_of", "margins_of", "mean_loss", "row_losses_of"]

Look: TypeAlias = tuple[Any, ...]
"""Inputs, codes and offsets (or None) of some rows, where jax has them."""

_AT_ONCE: Final = 8_192  # rows of a look
_FEWEST: Final = 16


def looks_of(x: Any, codes: Any, offset: Any = None) -> list[Look]:
    """Return rows in parts of one size, the last one filled up; few sizes compile few programs.

    Examples
    --------
    >>> x, codes = np.zeros((10_000, 2), np.float32), np.zeros((10_000, 0), np.int32)
    >>> [len(look[0]) for look in looks_of(x, codes)]
    [5120, 5120]
    """
    n, given = len(x), [x, codes] if offset is None else [x, codes, offset]
    size = _size(-(-max(n, 1) // -(-max(n, 1) // _AT_ONCE)))
    found = []
    for begin in range(0, max(n, 1), size):
        part = slice(begin, begin + size)
        short = size - len(x[part])
        own = [np.concatenate([a[part], np.zeros((short, a.shape[1]), a.dtype)]) for a in given]
        found.append((*jax.device_put(own), *[None] * (3 - len(own))))
    return found


def _size(n: int) -> int:
    """Return the next of 16, 20, 24, 28, 32, 40, 48...: at most a quarter more."""
    step = max(_FEWEST, 1 << max(n - 1, 0).bit_length()) // 8
    return max(_FEWEST, -(-n // step) * step)


def looked(
    program: Program, carry: Carry, looks: Sequence[Look], places: Sequence[int] | None = None
) -> list[Any]:
    """Return the margins of each look by the members at `places`, as they come; nothing waits for them."""
    vectors, statistics = program.judged(carry)
    chosen = None if places is None else np.asarray(places, np.int32)
    return [program.margins(vectors, statistics, look, chosen) for look in looks]


def gathered(made: Sequence[Any], count: int) -> npt.NDArray[np.float32]:
    """Return the margins (members, rows, outputs) of the so many rows behind some looks."""
    return np.concatenate([np.asarray(part) for part in made], axis=1)[:, :count]


def margins_of(
    program: Program,
    carry: Carry,
    x: Any,
    codes: Any,
    offset: Any = None,
    places: Sequence[int] | None = None,
) -> npt.NDArray[np.float32]:
    """Return margins (members, rows, outputs) of any number of rows."""
    return gathered(looked(program, carry, looks_of(x, codes, offset), places), len(x))


def row_losses_of(spec: Spec, margin: npt.NDArray[Any], rows: Rows) -> FloatArray:
    """Return the loss of each row, without smoothing, in double precision."""
    with np.errstate(all="ignore"):
        return row_losses(spec.loss, margin.astype(np.float64), rows.target)


def mean_loss(spec: Spec, margin: npt.NDArray[Any], rows: Rows) -> float:
    """Return the weighted mean loss of some rows."""
    weight = rows.weight.astype(np.float64)
    return float(weight @ row_losses_of(spec, margin, rows) / weight.sum())
