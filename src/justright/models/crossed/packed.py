"""Rows as codes, field by field, with margins for every column of the population.

Columns run over outputs first, then members, then padding up to a multiple of eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.kernels.additive import LANE, LOSSES, Rows, bin_codes
from justright.models.base import Spec
from justright.models.crossed.fields import Field, product
from justright.models.crossed.terms import Term
from justright.models.room import Room
from justright.schema import Block, FloatArray, Member

__all__ = ["Packed", "columns_of", "counts_of", "pack"]

_CHUNK: Final = 1 << 20
_FOLDS: Final = 32  # more than there are folds: 10 repetitions fit into 50 bits


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
    room : Room
        Where further arrays of these rows lie.
    """

    codes: list[npt.NDArray[Any]]
    rows: Rows
    fold: npt.NDArray[np.int16]
    held_weight: FloatArray
    trained_weight: FloatArray
    room: Room
    _cells: dict[bytes, npt.NDArray[Any]] = field(default_factory=dict)

    def cells(self, term: Term) -> npt.NDArray[Any]:
        """Return the cell of each row in a term; those of a cross are made once."""
        if len(term.fields) == 1:
            return self.codes[term.fields[0]]
        key = repr((term.fields, term.shape)).encode() + b"".join(each.tobytes() for each in term.maps)
        if key not in self._cells:
            kind = np.uint16 if term.cells <= 65_536 else np.int32
            made = self.room.array((self.rows.count,), kind)
            for begin in range(0, self.rows.count, _CHUNK):
                part = slice(begin, begin + _CHUNK)
                first, second = (
                    each[self.codes[place][part]] for each, place in zip(term.maps, term.fields, strict=True)
                )
                made[part] = first * np.int32(term.shape[1]) + second
            self._cells[key] = made
        return self._cells[key]

    def forget(self, terms: Sequence[Term]) -> None:
        """Let go of cells that are of none of these terms."""
        kept = {id(self.cells(term)) for term in terms}
        for key in [key for key, made in self._cells.items() if id(made) not in kept]:
            del self._cells[key]


def columns_of(members: int, outputs: int) -> int:
    """Return the number of columns, padding included."""
    used = members * outputs
    return 1 if used == 1 else -(-used // LANE) * LANE


def pack(
    spec: Spec, blocks: Sequence[Block], members: Sequence[Member], fields: Sequence[Field], share: float
) -> Packed:
    """Encode the rows whose fingerprint falls below `share`, in one pass over the blocks.

    Raises
    ------
    TrainingError
        The target is a table of shares: an additive model takes class numbers or values.
    """
    if blocks[0].target.ndim > 1 and blocks[0].target.shape[1] > 1:
        raise TrainingError("a target of several columns", allowed="one value or class number a row")
    n = sum(block.rows if share >= 1 else int(_chosen(block, share).sum()) for block in blocks)
    columns = columns_of(len(members), spec.outputs)
    room = Room(spec.scratch, n, 12 * columns + 16 + 2 * len(fields))
    target, weight = room.array((n,), np.float32), room.array((n,), np.float32)
    codes = [room.array((n,), np.uint16 if each.size <= 65_536 else np.int32) for each in fields]
    mixed, fold, begin = room.array((n,), np.int64), room.array((n,), np.int16), 0
    for block in blocks:
        part = block if share >= 1 else block.take(np.flatnonzero(_chosen(block, share)))
        place = slice(begin, begin + part.rows)
        begin += part.rows
        target[place], weight[place] = part.target.reshape(-1), part.weight
        mixed[place] = _mixed(part.fold)
        fold[place] = np.maximum(part.fold[:, 0], -1)
        for each, made in zip(fields, codes, strict=True):
            made[place] = _codes(part, each)
    numbers = np.unique(mixed)
    group = room.array((n,), np.int16)
    for begin in range(0, n, _CHUNK):
        group[begin : begin + _CHUNK] = np.searchsorted(numbers, mixed[begin : begin + _CHUNK])
    trains, held = _roles(_unmixed(numbers, blocks[0].fold.shape[1]), members, spec.outputs)
    margin, g, h = (room.array((n, columns), np.float32) for _ in range(3))
    loss = LOSSES.get(spec.loss.name, -1) if getattr(spec.loss, "smoothing", 0.0) == 0.0 else -1
    rows = Rows(target, weight, group, trains, held, margin, g, h, loss, spec.outputs)
    by_group = np.bincount(group, weights=weight, minlength=len(numbers))
    kept = np.zeros(columns)
    for number in range(len(numbers)):
        kept[held[number][held[number] >= 0]] += by_group[number]
    return Packed(codes, rows, fold, kept, (by_group @ trains).astype(np.float64), room)


def counts_of(packed: Packed, fields: Sequence[Field]) -> list[FloatArray]:
    """Return the weight of the rows of each code, by field."""
    return [
        np.bincount(codes, weights=packed.rows.weight, minlength=each.size).astype(np.float64)
        for codes, each in zip(packed.codes, fields, strict=True)
    ]


def _codes(part: Block, each: Field) -> npt.NDArray[Any]:
    """Return the codes of one field of a block."""
    if each.kind == "category":
        return part.codes[:, each.source[0]]
    product_of = each.kind == "product"
    values = product(part.numeric, each.source) if product_of else part.numeric[:, each.source[0]]
    return bin_codes(np.ascontiguousarray(values), each.edges)


def _chosen(block: Block, share: float) -> npt.NDArray[np.bool_]:
    """Say which rows of a block are in the sample."""
    return np.asarray(block.key < np.uint64(share * 2.0**64))


def _mixed(fold: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return one number for the folds of a row in all repetitions."""
    total = np.zeros(len(fold), np.int64)
    for column in fold.T:
        total = total * _FOLDS + (column.astype(np.int64) + 2)
    return total


def _unmixed(numbers: npt.NDArray[np.int64], repeats: int) -> npt.NDArray[np.int8]:
    """Return the folds (numbers, repeats) that the numbers stand for."""
    left = [numbers // _FOLDS ** (repeats - 1 - repeat) for repeat in range(repeats)]
    # The first repetition has all that is left: an estimator may have a hundred folds.
    found = [left[0] - 2, *(each % _FOLDS - 2 for each in left[1:])]
    return np.stack(found, axis=1).astype(np.int8)


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
