"""The rows of a training as arrays, and the order in which steps take them.

Rows lie in the order of their fingerprints, so that the order of a table means nothing; large tables lie in
mapped files. A pass takes groups of rows in a random order and mixes the rows of a group; both are pure
functions of (seed, pass), as in `models.linear.shuffle`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from justright.kernels.hashing import mix64
from justright.models.neural.front import Layout, inputs_of
from justright.models.neural.program import Batches
from justright.models.neural.wide import models_of, offsets_of
from justright.models.room import Room
from justright.schema import Block

__all__ = ["GROUP", "Rows", "batches_of", "groups_of", "offsets", "pack_rows"]

GROUP: Final = 1 << 18
"""Rows that are in memory at once, and that a checkpoint may cost."""

_GOLDEN: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Rows:
    """Rows with their inputs.

    `x` float32 (n, inputs), `codes` int32 (n, embedded), `target` (n,) or (n, outputs), `weight`
    float32 (n,), `fold` int8 (n, repeats), `offset` float32 (n, outputs): what is added to the margins.
    """

    x: npt.NDArray[Any]
    codes: npt.NDArray[Any]
    target: npt.NDArray[Any]
    weight: npt.NDArray[Any]
    fold: npt.NDArray[Any]
    offset: npt.NDArray[Any] | None = None

    @property
    def parts(self) -> tuple[Any, ...]:
        """All arrays in order."""
        return self.x, self.codes, self.target, self.weight, self.fold, self.offset

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.weight)

    def take(self, chosen: Any) -> Rows:
        """Return some rows, copied."""
        made: list[Any] = [part if part is None else np.take(part, chosen, axis=0) for part in self.parts]
        return Rows(*made)

    def placed(self) -> Rows:
        """Return the rows where jax has them, for `batches_of` to take again and again."""
        made: tuple[Any, ...] = jax.device_put(self.parts)
        return Rows(*made)


def pack_rows(
    layout: Layout,
    arrays: Mapping[str, npt.NDArray[Any]],
    blocks: Sequence[Block],
    folder: Path | None,
    hidden: int = -1,
) -> Rows:
    """Encode all rows of a table for a network, in the order of their fingerprints.

    `hidden` is the held-out fold, of whose rows the wide part's model of all others speaks.
    """
    n = sum(block.rows for block in blocks)
    width = layout.numbers + layout.others
    codes = len(layout.embedded) + len(layout.wide.get("terms", ()))
    outputs = arrays["wide.intercept"].shape[1] if layout.wide else 0
    room = Room(folder, n, 4 * (width + codes + outputs + 3))
    shape = blocks[0].target.shape[1:]
    shape = () if shape == (1,) else shape
    made = Rows(
        room.array((n, width), np.float32),
        room.array((n, codes), np.int32),
        room.array((n, *shape), blocks[0].target.dtype),
        room.array((n,), np.float32),
        room.array((n, blocks[0].fold.shape[1]), np.int8),
        room.array((n, outputs), np.float32) if layout.wide else None,
    )
    order = np.argsort(np.concatenate([block.key for block in blocks]), kind="stable")
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    begin = 0
    for block in blocks:
        own = place[begin : begin + block.rows]
        begin += block.rows
        made.x[own], made.codes[own] = inputs_of(layout, arrays, block)
        made.target[own] = block.target.reshape(-1, *shape)
        made.weight[own], made.fold[own] = block.weight, block.fold
        if made.offset is not None:
            made.offset[own] = offsets(layout, arrays, made.codes[own], models_of(block, hidden))
    return made


def offsets(
    layout: Layout,
    arrays: Mapping[str, npt.NDArray[Any]],
    codes: npt.NDArray[np.int32],
    models: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Return what the wide part says of rows by the model of each, from the codes of `front.inputs_of`."""
    cells = codes[:, len(layout.embedded) :]
    return offsets_of(layout.wide, arrays["wide.tables"], arrays["wide.intercept"], cells, models)


def groups_of(count: int, seed: int, number: int) -> list[slice]:
    """Return which stretches of the rows are taken together, in the order of pass `number`."""
    groups = max(1, -(-count // GROUP))
    cuts = np.linspace(0, count, groups + 1).astype(np.int64).tolist()
    order = _drawn(seed, number, 0).permutation(groups)
    return [slice(cuts[place], cuts[place + 1]) for place in order]


def batches_of(rows: Rows, size: int, seed: int, number: int, group: int, steps: int = 0) -> Batches:
    """Return the rows of a group in the order of a pass as (steps, size, ...), where jax has them.

    The last batch, and as many more as make `steps`, are padded with rows of weight 0. Nothing waits.
    """
    steps = max(steps, -(-rows.count // size))
    order = np.full(steps * size, rows.count, np.int32)
    order[: rows.count] = _drawn(seed, number, group + 1).permutation(rows.count)
    return Batches(*_arranged(rows.parts, order, steps, size))


@partial(jax.jit, static_argnums=(2, 3))
def _arranged(parts: tuple[Any, ...], order: Any, steps: int, size: int) -> tuple[Any, ...]:
    """Return arrays in an order, cut into steps; beyond the last row everything is 0, the weight too."""

    def arranged(part: Any) -> Any:
        taken = jnp.take(part, order, axis=0, mode="fill", fill_value=0)
        return taken.reshape(steps, size, *part.shape[1:])

    made: tuple[Any, ...] = jax.tree.map(arranged, parts)
    return made


def _drawn(seed: int, number: int, group: int) -> np.random.Generator:
    """Return the generator of one group of one pass: counter-based, so it needs no history."""
    salt = mix64(np.asarray([(seed * _GOLDEN + number) % 2**64], np.uint64))[0]
    return np.random.Generator(np.random.Philox(key=[int(salt), group]))
