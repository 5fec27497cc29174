"""A sample of rows that knows the curvature: every telling row, and a share of the others, weighted up.

A plain sample of a heavy-tailed table misses the few rows that decide the curvature of a direction:
rows far out in a number, rows of a rare class. Steps are then too long and must be shortened again
and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from justright.schema import Block

__all__ = ["telling_rows"]

_FAR: Final = 6.0  # standard deviations
_RARE: Final = 1_000  # rows of a class
_MOST: Final = 20_000  # telling rows in all


def telling_rows(blocks: Sequence[Block], rows: float, share: float) -> Iterator[Block]:
    """Yield a weighted sample: about `rows` plain rows and at most 20,000 telling ones, of a share of all.

    Parameters
    ----------
    blocks : sequence of Block
        All rows.
    rows : float
        Plain rows wanted.
    share : float
        Only rows whose fingerprint falls below this share are looked at.
    """
    rare = _rare_classes(blocks)
    telling = [_telling(block, rare) & _below(block, share) for block in blocks]
    total = sum(int(_below(block, share).sum()) for block in blocks)
    count = sum(int(mask.sum()) for mask in telling)
    plain_share = min(1.0, rows / max(total - count, 1))
    telling_share = min(1.0, _MOST / max(count, 1))
    for block, mask in zip(blocks, telling, strict=True):
        wanted = np.where(mask, telling_share, plain_share)
        chosen = np.flatnonzero(_below(block, share) & (block.key * 2.0**-64 < share * wanted))
        if len(chosen):
            part = block.take(chosen)
            yield replace(part, weight=(part.weight / wanted[chosen]).astype(np.float32))


def _below(block: Block, share: float) -> npt.NDArray[np.bool_]:
    """Say which rows are in the share."""
    return np.ones(block.rows, bool) if share >= 1.0 else block.key < np.uint64(share * 2.0**64)


def _telling(block: Block, rare: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Say which rows are far out in a number or of a rare class."""
    far = (np.abs(block.numeric) > _FAR).any(axis=1) if block.numeric.size else np.zeros(block.rows, bool)
    if rare.any() and block.target.ndim == 1 and block.target.dtype.kind == "i":
        far |= rare[block.target]
    return np.asarray(far)


def _rare_classes(blocks: Sequence[Block]) -> npt.NDArray[np.bool_]:
    """Say which classes have few rows; empty for numbers."""
    if not blocks or blocks[0].target.dtype.kind != "i" or blocks[0].target.ndim != 1:
        return np.zeros(0, bool)
    most = 1 + max(int(block.target.max(initial=0)) for block in blocks)
    counts = sum(np.bincount(block.target, minlength=most) for block in blocks)
    return np.asarray(counts < _RARE)
