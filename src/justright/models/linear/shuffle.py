"""The order of rows in a pass of gradient descent: a pure function of seed, pass and the rows' fingerprints.

Blocks are shuffled and taken in groups; the rows of a group are mixed with each other by hashing their
fingerprints with (seed, pass). What is held is one permutation of a group, never one of the table. Within
one group (half a million rows) the order does not depend on the order of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.kernels.hashing import mix64
from justright.schema import Block, IntArray, Tokens

__all__ = ["shuffled"]

# A table that is sorted by its target has blocks of one class: only a mixture of blocks can be learned from.
_GROUP: Final = 8
_PIECE: Final = 16_384
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


def shuffled(blocks: Sequence[Block], seed: int, number: int) -> Iterator[Block]:
    """Yield all rows in the order of one pass, in pieces.

    Parameters
    ----------
    blocks : sequence of Block
        The table.
    seed : int
        Seed of the training, >= 0.
    number : int
        Number of the pass, from 0.

    Notes
    -----
    About 120 ns a row (250 where rows are equal) and 50 bytes a row of a group; rows are read from at
    most 8 blocks at a time.

    Examples
    --------
    >>> none, ones, keys = np.zeros((3, 0)), np.ones(3, np.float32), np.arange(3, dtype=np.uint64)
    >>> table = Block(none, none, np.arange(3), ones, np.zeros((3, 1), np.int8), None, keys)
    >>> [next(shuffled([table], 0, number)).target.tolist() for number in (0, 1, 0)]
    [[0, 1, 2], [2, 1, 0], [0, 1, 2]]
    """
    salt = mix64(np.asarray([seed], np.uint64) * _GOLDEN + np.uint64(2 * number + 1))[0]
    order = np.argsort(mix64(np.arange(len(blocks), dtype=np.uint64) * _GOLDEN ^ salt), kind="stable")
    for begin in range(0, len(blocks), _GROUP):
        # In the table's own order, so that equal rows keep theirs.
        group = [blocks[place] for place in sorted(order[begin : begin + _GROUP])]
        ends = np.cumsum([block.rows for block in group])
        rows = _order(np.concatenate([block.key for block in group]), salt)
        for start in range(0, len(rows), _PIECE):
            yield _gathered(group, ends, rows[start : start + _PIECE])


def _order(key: npt.NDArray[np.uint64], salt: np.uint64) -> IntArray:
    """Return the order of rows by their hashed keys; rows with equal keys are spread, not side by side."""
    word = mix64(key ^ salt)
    rows = np.argsort(word)
    ordered = word[rows]
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return rows
    rows = np.argsort(word, kind="stable")
    begins = np.flatnonzero(np.r_[True, ~same])
    occurrence = np.arange(len(rows)) - np.repeat(begins, np.diff(np.r_[begins, len(rows)]))
    spread = mix64(ordered + occurrence.astype(np.uint64) * _GOLDEN)
    return rows[np.argsort(spread, kind="stable")]


def _gathered(group: Sequence[Block], ends: IntArray, rows: IntArray) -> Block:
    """Return rows of several blocks, numbered across them, in the order given."""
    if len(group) == 1:
        return group[0].take(rows)
    owner = np.searchsorted(ends, rows, side="right").astype(np.int8)
    local = rows - (ends - np.asarray([block.rows for block in group]))[owner]
    places = [np.flatnonzero(owner == number) for number in range(len(group))]
    parts = {
        name: _scattered([getattr(block, name) for block in group], places, local)
        for name in ("numeric", "codes", "target", "weight", "fold", "key")
    }
    return Block(tokens=_tokens(group, places, local), **parts)


def _scattered(
    arrays: Sequence[npt.NDArray[Any]], places: Sequence[IntArray], local: IntArray
) -> npt.NDArray[Any]:
    """Return one array of the gathered rows."""
    out = np.empty((len(local), *arrays[0].shape[1:]), arrays[0].dtype)
    for array, place in zip(arrays, places, strict=True):
        out[place] = array.take(local[place], axis=0)
    return out


def _tokens(group: Sequence[Block], places: Sequence[IntArray], local: IntArray) -> Tokens | None:
    """Return the tokens of the gathered rows."""
    first = group[0].tokens
    if first is None:
        return None
    sizes = np.empty(len(local), np.int64)
    for block, place in zip(group, places, strict=True):
        if block.tokens is not None:
            sizes[place] = np.diff(block.tokens.indptr)[local[place]]
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    indices, values = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)
    for block, place in zip(group, places, strict=True):
        if block.tokens is not None:
            count = sizes[place]
            step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            source = np.repeat(block.tokens.indptr[local[place]], count) + step
            out = np.repeat(indptr[place], count) + step
            indices[out], values[out] = block.tokens.indices[source], block.tokens.values[source]
    return Tokens(indptr, indices, values, first.width)
