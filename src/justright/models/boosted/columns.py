"""What trees read of a Block: numbers, then codes, then the commonest n-grams, as one matrix.

The same function serves training and service, so that a row falls into the same leaves in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from justright.schema import Block, IntArray

__all__ = ["WORDS", "commonest", "matrix"]

WORDS: Final = 100
"""Commonest n-grams that become columns."""


def commonest(blocks: Sequence[Block], most: int = WORDS) -> IntArray:
    """Return the slots of the commonest n-grams, rising; none where there is no text."""
    if not blocks or blocks[0].tokens is None:
        return np.empty(0, np.int64)
    counts = np.zeros(blocks[0].tokens.width, np.int64)
    for block in blocks:
        if block.tokens is not None:
            counts += np.bincount(block.tokens.indices, minlength=len(counts))
    top = np.argsort(-counts, kind="stable")[:most]
    return np.sort(top[counts[top] > 0])


def matrix(
    block: Block,
    words: IntArray,
    rows: npt.NDArray[np.int64] | slice = slice(None),
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Return numbers, codes and the commonest n-grams of some rows, float32 (rows, columns).

    Parameters
    ----------
    block : Block
        Encoded rows.
    words : int64 (words,)
        Slots of the n-grams that are columns, rising.
    rows : int64 (chosen,) or slice
        Which rows; default all.
    out : float32 (chosen, columns), optional
        Where to write, zeros so far.

    Notes
    -----
    Codes are below 2**24, so float32 holds them exactly.
    """
    numbers, codes = block.numeric.shape[1], block.codes.shape[1]
    count = len(block.weight[rows])
    made = np.zeros((count, numbers + codes + len(words)), np.float32) if out is None else out
    made[:, :numbers] = block.numeric[rows]
    made[:, numbers : numbers + codes] = block.codes[rows]
    if block.tokens is None or not len(words) or not count:
        return made
    tokens = (block.take(rows) if not isinstance(rows, slice) else block.slice(*_ends(rows, block))).tokens
    assert tokens is not None
    line = np.repeat(np.arange(count), np.diff(tokens.indptr))
    column = np.searchsorted(words, tokens.indices).clip(0, len(words) - 1)
    known = words[column] == tokens.indices
    made[line[known], numbers + codes + column[known]] = tokens.values[known]
    return made


def _ends(rows: slice, block: Block) -> tuple[int, int]:
    """Return begin and end of a slice of a block's rows."""
    begin, end, _ = rows.indices(block.rows)
    return begin, end
