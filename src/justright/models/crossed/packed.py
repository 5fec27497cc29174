"""Rows as codes, field by field, with margins for every column of the population.

Columns run over outputs first, then members, then padding up to a multiple of eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.kernels.additive import LANE, LOSSES, Rows, bin_codes
from justright.models.base import Spec
from justright.models.crossed.fields import Field, product
from justright.schema import Block, FloatArray, Member

__all__ = ["Packed", "columns_of", "counts_of", "pack"]


@dataclass(frozen=True)
class Packed:
    """Rows that train.

    Parameters
    ----------
    codes : list of uint16 or int32 (n,)
        Codes by field.
    rows : Rows
        Targets, weights, roles and margins.
    fold : int16 (n,)
        Fold of the first repetition, -1 = none.
    held_weight : float64 (C,)
        Weight of the rows that each column is judged on.
    trained_weight : float64 (C,)
        Weight of the rows that train it.
    """

    codes: list[npt.NDArray[Any]]
    rows: Rows
    fold: npt.NDArray[np.int16]
    held_weight: FloatArray
    trained_weight: FloatArray


def columns_of(members: int, outputs: int) -> int:
    """Return the number of columns, padding included."""
    used = members * outputs
    return 1 if used == 1 else -(-used // LANE) * LANE


def pack(
    spec: Spec, blocks: Sequence[Block], members: Sequence[Member], fields: Sequence[Field], share: float
) -> Packed:
    """Encode the rows whose fingerprint falls below `share`.

    Raises
    ------
    TrainingError
        The target is a table of shares: an additive model takes class numbers or values.
    """
    parts = [block if share >= 1 else _below(block, share) for block in blocks]
    if parts[0].target.ndim > 1 and parts[0].target.shape[1] > 1:
        raise TrainingError("a target of several columns", allowed="one value or class number a row")
    target = np.concatenate([part.target.reshape(-1) for part in parts]).astype(np.float32)
    weight = np.concatenate([part.weight for part in parts])
    folds = np.concatenate([part.fold for part in parts])
    combos, group = np.unique(folds, axis=0, return_inverse=True)
    trains, held = _roles(combos, members, spec.outputs)
    n, columns = len(target), trains.shape[1]
    margin, g, h = (np.zeros((n, columns), np.float32) for _ in range(3))
    loss = LOSSES.get(spec.loss.name, -1) if getattr(spec.loss, "smoothing", 0.0) == 0.0 else -1
    rows = Rows(
        target, weight, group.reshape(-1).astype(np.int16), trains, held, margin, g, h, loss, spec.outputs
    )
    by_group = np.bincount(rows.group, weights=weight, minlength=len(combos))
    kept = np.zeros(columns)
    for number in range(len(combos)):
        kept[held[number][held[number] >= 0]] += by_group[number]
    fold = np.maximum(folds[:, 0], -1).astype(np.int16)
    return Packed(
        [_codes(parts, field) for field in fields], rows, fold, kept, (by_group @ trains).astype(np.float64)
    )


def counts_of(packed: Packed, fields: Sequence[Field]) -> list[FloatArray]:
    """Return the weight of the rows of each code, by field."""
    return [
        np.bincount(codes, weights=packed.rows.weight, minlength=field.size).astype(np.float64)
        for codes, field in zip(packed.codes, fields, strict=True)
    ]


def _codes(parts: Sequence[Block], field: Field) -> npt.NDArray[Any]:
    """Return the codes of one field over all blocks."""
    if field.kind == "category":
        kind = np.uint16 if field.size <= 65_536 else np.int32
        return np.concatenate([part.codes[:, field.source[0]].astype(kind) for part in parts])
    made = []
    for part in parts:
        values = (
            product(part.numeric, field.source)
            if field.kind == "product"
            else part.numeric[:, field.source[0]]
        )
        made.append(bin_codes(values, field.edges))
    return np.concatenate(made)


def _below(block: Block, share: float) -> Block:
    """Return the rows of a block in the sample."""
    return block.take(np.flatnonzero(block.key < np.uint64(share * 2.0**64)))


def _roles(
    combos: npt.NDArray[np.int8], members: Sequence[Member], outputs: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Return which groups of rows train each column, and of which columns they are held out."""
    columns = columns_of(len(members), outputs)
    trains = np.zeros((len(combos), columns), np.float32)
    held: list[list[int]] = [[] for _ in combos]
    for place, member in enumerate(members):
        own = slice(place * outputs, (place + 1) * outputs)
        fold = combos[:, member.repeat]
        judged = (fold == member.fold) & (member.fold >= 0)
        later = member.forward & (fold > member.fold) & (member.fold >= 0)
        trains[:, own] = (~judged & ~later)[:, None]
        for group in np.flatnonzero(judged).tolist():
            held[group] += range(own.start, own.stop)
    most = max(max(len(each) for each in held), 1)
    table = np.full((len(combos), most), -1, np.int32)
    for group, each in enumerate(held):
        table[group, : len(each)] = each
    return trains, table
