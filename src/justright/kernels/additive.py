"""Loops over the rows of additive models: sums by code, look-ups, slopes of a loss, sums by pair of codes.

    slope[b, c] = sum of g over the rows with code b that train column c         bend: the same of h
    margin[i, c] += table[code[i], c]                                            g, h follow

Field by field: a row costs one code and one line of the table, whatever the number of bins. A column is
one output of one member, columns run over outputs first; they are padded to a multiple of eight.

Shapes: n rows, B codes, C columns; margin, g, h float32 (n, C); tables and sums float64 (B, C).
Rows are cut into a fixed number of pieces that threads share; sums of pieces are added in their order, so
that the number of cores does not enter a result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from justright.schema import FloatArray

__all__ = [
    "LANE",
    "LOSSES",
    "Rows",
    "bin_codes",
    "derive",
    "gather",
    "histogram",
    "in_threads",
    "nudge",
    "pair_histogram",
    "slopes",
    "step",
]

LANE: Final = 8
"""Columns come in multiples of this many, or alone."""

LOSSES: Final = {"squared": 0, "logistic": 1, "poisson": 2, "softmax": 3}
"""Number of each compiled loss."""

_PIECE: Final = 16_384
_PIECES: Final = 4
_ROOM: Final = 64  # rows that a loss takes at a time

T = TypeVar("T")
S = TypeVar("S")

Codes = npt.NDArray[np.uint16] | npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """Rows that train a population.

    Parameters
    ----------
    target, weight : float32 (n,)
        Values or class numbers; weights.
    group : int16 (n,)
        Rows of one group have the same folds.
    trains : float32 (groups, C)
        1 where a group trains a column, else 0.
    held : int32 (groups, most)
        Columns that a group is held out of, then -1.
    margin, g, h : float32 (n, C)
        Margins, slope and bend of the loss; changed in place.
    loss : int
        Number of the loss, see `LOSSES`.
    outputs : int
        Outputs of a member.
    """

    target: Floats
    weight: Floats
    group: npt.NDArray[np.int16]
    trains: Floats
    held: npt.NDArray[np.int32]
    margin: Floats
    g: Floats
    h: Floats
    loss: int
    outputs: int

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.target)


def bin_codes(values: Floats, edges: Floats) -> npt.NDArray[np.uint16]:
    """Return the number of edges at or below each value; NaN gets len(edges) + 1.

    Notes
    -----
    About 10 ns a value for 256 edges; equal to the bit to `numpy.searchsorted(edges, values, "right")`.
    """
    from justright.kernels.compiled_additive import bin_codes as compiled

    out = np.empty(len(values), np.uint16)
    values, edges = np.ascontiguousarray(values), np.ascontiguousarray(edges)
    _split(len(values), lambda begin, end: compiled(values[begin:end], edges, out[begin:end]))
    return out


def histogram(rows: Rows, codes: Codes, size: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return slope and bend by code of the training rows of each column, then of its held-out rows.

    Four arrays float64 (size, C).
    """
    from justright.kernels.compiled_additive import histogram as compiled

    def piece(begin: int, end: int) -> FloatArray:
        sums = np.zeros((4, size, rows.g.shape[1]))
        compiled(codes, rows.group, rows.g, rows.h, rows.trains, rows.held, begin, end, *sums)
        return sums

    total = sum(_split(rows.count, piece), np.zeros((4, size, rows.g.shape[1])))
    return total[0], total[1], total[2], total[3]


def slopes(rows: Rows, codes: Codes, size: int) -> FloatArray:
    """Return the slope by code of the training rows of each column, float64 (size, C)."""
    from justright.kernels.compiled_additive import slopes as compiled

    def piece(begin: int, end: int) -> FloatArray:
        sums = np.zeros((size, rows.g.shape[1]))
        compiled(codes, rows.group, rows.g, rows.trains, begin, end, sums)
        return sums

    return np.asarray(sum(_split(rows.count, piece), np.zeros((size, rows.g.shape[1]))))


def gather(rows: Rows, codes: Codes, table: FloatArray) -> None:
    """Add each row's line of the table (B, C) to its margins."""
    from justright.kernels.compiled_additive import gather as compiled

    _split(rows.count, lambda begin, end: compiled(codes, table, begin, end, rows.margin))


def derive(rows: Rows) -> None:
    """Set slope and bend of every row from its margins."""
    step(rows, np.zeros(0, np.uint16), np.zeros((0, rows.margin.shape[1])))


def step(rows: Rows, codes: Codes, table: FloatArray) -> None:
    """Add each row's line of the table (B, C) to its margins, none where B = 0; set slope and bend anew."""
    from justright.kernels import compiled_additive as compiled

    name = next(name for name, number in LOSSES.items() if number == rows.loss)
    loop = getattr(compiled, name)
    if name == "softmax":
        loop = partial(loop, rows.outputs)

    def piece(begin: int, end: int) -> None:
        room = np.empty(_ROOM * rows.margin.shape[1])
        loop(codes, table, rows.target, rows.weight, begin, end, rows.margin, rows.g, rows.h, room)

    _split(rows.count, piece)


def nudge(rows: Rows, codes: Codes, table: FloatArray) -> None:
    """Add each row's line of the table to its margins, and to its slope as if the bend were constant.

    Exact for the squared loss; else right to a tenth of the step's square, at half the cost of `step`.
    """
    from justright.kernels.compiled_additive import nudge as compiled

    _split(
        rows.count,
        lambda begin, end: compiled(codes, table, begin, end, rows.margin, rows.g, rows.h),
    )


def pair_histogram(
    first: npt.NDArray[np.uint16],
    second: npt.NDArray[np.uint16],
    shape: tuple[int, int],
    fold: npt.NDArray[np.int16],
    folds: int,
    g: Floats,
    h: Floats,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return slope, bend and squared slope by fold and pair of codes, each float64 (folds, *shape)."""
    from justright.kernels.compiled_additive import pair_histogram as compiled

    sums = np.zeros((3, folds, shape[0] * shape[1]))
    compiled(first, second, shape[1], fold, g, h, 0, len(g), *sums)
    made = sums.reshape(3, folds, *shape)
    return made[0], made[1], made[2]


def in_threads(work: Callable[[T], S], items: Sequence[T]) -> list[S]:
    """Do the work on each item in the threads of all loops; return the results in order."""
    return list(_pool().map(work, items))


def _split(count: int, work: Callable[[int, int], Any]) -> list[Any]:
    """Do the work on pieces of the rows, threads outside the kernel; return the results in order."""
    pieces = int(np.clip(count // _PIECE, 1, _PIECES))
    cuts = np.linspace(0, count, pieces + 1).astype(np.int64).tolist()
    ranges = list(zip(cuts[:-1], cuts[1:], strict=True))
    if pieces == 1:
        return [work(*ranges[0])]
    return list(_pool().map(lambda ends: work(*ends), ranges))


@cache
def _pool() -> ThreadPoolExecutor:
    """Return the threads that all loops share."""
    return ThreadPoolExecutor(min(os.cpu_count() or 1, _PIECES), thread_name_prefix="additive")
