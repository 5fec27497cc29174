"""Repeated rows as one row with the sum of their weights: the same objective, fewer rows to pass over.

Rows are repetitions when fingerprint, features, target and folds are equal bit by bit; a hash finds the
candidates, the rows themselves are then compared. Rows with the same key are on the same side of every
sample, so a sample of the collapsed rows is the collapsed sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from justright.kernels.hashing import mix64
from justright.models.base import Spec
from justright.models.linear.design import sampled
from justright.schema import Block

__all__ = ["collapsed", "kept_collapsed"]

_WORTH: Final = 2.0 / 3.0  # share of the rows that may be left for it to be worth a copy
_LOOKED_AT: Final = 50_000  # rows that tell whether it is
_MOST_ROWS: Final = 5_000_000  # to compare, at 50 bytes a row
_MOST_BYTES: Final = 1 << 28  # of the copy, which is in memory where the table may not be

Words: TypeAlias = npt.NDArray[np.uint64]


def kept_collapsed(
    spec: Spec, blocks: Sequence[Block], cache: dict[str, Any]
) -> tuple[Spec, Sequence[Block]]:
    """Return `collapsed` of these blocks, made once; other blocks empty the cache."""
    if cache.get("blocks") is not blocks:
        cache.clear()
        cache["blocks"], cache["collapsed"] = blocks, collapsed(blocks)
    fewer: Sequence[Block] = cache["collapsed"]
    return replace(spec, rows=sum(block.rows for block in fewer)) if fewer is not blocks else spec, fewer


def collapsed(blocks: Sequence[Block]) -> Sequence[Block]:
    """Return the blocks with repeated rows as one, or the blocks themselves where it saves under a third.

    Parameters
    ----------
    blocks : sequence of Block
        All rows. Tables with text columns or of more than 5,000,000 rows are returned as they are.
    """
    rows = sum(block.rows for block in blocks)
    if (
        not 0 < rows <= _MOST_ROWS
        or any(block.tokens is not None for block in blocks)
        or not _pays(blocks, rows)
    ):
        return blocks
    hashed = np.concatenate([_hashed(block) for block in blocks])
    _, first, group = np.unique(hashed, return_index=True, return_inverse=True)
    head = first[group]
    # Two rows of one hash that differ stay two rows.
    head = np.where(_equal(blocks, head), head, np.arange(rows))
    weight = np.zeros(rows)
    np.add.at(weight, head, np.concatenate([block.weight for block in blocks]).astype(np.float64))
    stays = head == np.arange(rows)
    if stays.mean() > _WORTH:
        return blocks
    made, begin = [], 0
    for block in blocks:
        own = np.flatnonzero(stays[begin : begin + block.rows])
        if len(own):
            made.append(replace(block.take(own), weight=weight[begin + own].astype(np.float32)))
        begin += block.rows
    return made


def _pays(blocks: Sequence[Block], rows: int) -> bool:
    """Say whether a sample by fingerprint, which holds all repetitions of its rows, has many."""
    share = min(1.0, _LOOKED_AT / rows)
    hashed = np.concatenate([_hashed(part) for part in sampled(blocks, share)] or [np.zeros(0, np.uint64)])
    if not len(hashed):
        return False
    left = len(np.unique(hashed)) / len(hashed)
    size = sum(array.nbytes for block in blocks for array in _arrays(block))
    return left <= _WORTH and left * size <= _MOST_BYTES


def _arrays(block: Block) -> tuple[npt.NDArray[Any], ...]:
    """Return what must be equal in repeated rows, as bits (rows, columns): NaN equals NaN."""
    target = np.ascontiguousarray(block.target).reshape(block.rows, -1)
    numeric = np.ascontiguousarray(block.numeric)
    return block.key[:, None], numeric.view(np.uint32), block.codes, _bits(target), block.fold


def _bits(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers as words of their size."""
    return array.view(f"u{array.dtype.itemsize}")


def _hashed(block: Block) -> Words:
    """Return a hash of each row."""
    made = np.zeros(block.rows, np.uint64)
    for array in _arrays(block):
        for column in array.T:
            made = mix64(made ^ column.astype(np.uint64))
    return made


def _equal(blocks: Sequence[Block], head: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which rows equal the row that their number in `head` points to."""
    same = np.ones(len(head), bool)
    for parts in zip(*(_arrays(block) for block in blocks), strict=True):
        for column in range(parts[0].shape[1]):
            values = np.concatenate([part[:, column] for part in parts])
            same &= values == values[head]
    return same
