"""Passes over a dense table of numbers, straight from the caller's array: moments, products, logistic sums.

    z = ((x - centre) * factor, 1)        loss, slope' z  and  z' diag(bend) z  by group of rows

A chunk of rows is centred and scaled in float64 in the nearest cache and multiplied there by BLAS, so that
no copy of the table is made, and a mean far above the spread costs no digits. Rows of a chunk are
put in the order of their groups (folds): sums come by group, and a fold's training rows are all others.

Shapes: n rows, d columns, G groups, M members; theta (d + 1, M) with the bias last. Chunks belong to a fixed
number of pieces that threads share; sums of pieces are added in their order, so that the number of cores
does not enter a result. `blas.one_blas_thread` goes around: two pools of threads wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from justright.kernels.additive import in_threads
from justright.schema import FloatArray

__all__ = [
    "Numbers",
    "Rows",
    "Sums",
    "Survey",
    "all_finite",
    "evaluate",
    "products",
    "rows_of",
    "survey",
]

_CHUNK: Final = 2_048
_GROUPED: Final = 4_096  # rows of a chunk that is split into groups
_PIECES: Final = 8
_LEAST: Final = 8_192  # rows of a piece

T = TypeVar("T")

Numbers = npt.NDArray[np.float32] | npt.NDArray[np.float64]


class Survey(NamedTuple):
    """Total weight; mean, standard deviation, smallest and largest value of each column, float64 (d,)."""

    weight: float
    mean: FloatArray
    spread: FloatArray
    low: FloatArray
    high: FloatArray


class Sums(NamedTuple):
    """Sums by group: loss (G, M), gradient (G, d + 1, M), bends (anchors, G, d + 1, d + 1); float64."""

    loss: FloatArray
    gradient: FloatArray
    bends: FloatArray


@dataclass(frozen=True)
class Rows:
    """Rows by group.

    Parameters
    ----------
    X : float32 or float64 (n, d), C order
        The caller's array.
    order : int64 (n,) or (0,)
        Rows in the order of their groups within a chunk; empty = as they stand.
    y, weight : float64 (n,)
        Target and weight above 0, in that order.
    cuts : int64 (chunks, G + 1)
        Where the groups of each chunk begin and end.
    centre, factor : float64 (d,)
        Of the columns; a factor of 0 leaves a column out.
    """

    X: Numbers
    order: npt.NDArray[np.int64]
    y: FloatArray
    weight: FloatArray
    cuts: npt.NDArray[np.int64]
    centre: FloatArray
    factor: FloatArray

    @property
    def groups(self) -> int:
        """Number of groups."""
        return int(self.cuts.shape[1]) - 1

    def weights(self) -> FloatArray:
        """Return the weight of each group, float64 (G,)."""
        ends = np.append(0.0, np.cumsum(self.weight))
        return np.asarray((ends[self.cuts[:, 1:]] - ends[self.cuts[:, :-1]]).sum(axis=0))


def survey(X: Numbers, weight: FloatArray) -> Survey:
    """Return the moments of the columns of X (n, d) under weights above 0 (n,).

    Notes
    -----
    Means of 256 rows are merged by the formulas of Chan, Golub and LeVeque (1979): no cancellation.
    A value that is not finite makes its mean so. 0.6 ns a value and core.
    """
    from justright.kernels.compiled_dense import survey as compiled

    def piece(ends: tuple[int, int]) -> tuple[float, FloatArray]:
        out = np.empty((4, X.shape[1]))
        return compiled(X, weight, *ends, out), out

    found = _in_pieces(len(X), 1, piece)
    total, mean, squares = 0.0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
    with np.errstate(invalid="ignore", over="ignore"):
        for own, part in found:
            gap = part[0] - mean
            squares += part[1] + gap * gap * (total * own / (total + own))
            total += own
            mean += gap * (own / total)
        spread = np.sqrt(squares / total)
    low = np.min([part[2] for _, part in found], axis=0)
    return Survey(total, mean, spread, low, np.max([part[3] for _, part in found], axis=0))


def all_finite(X: Numbers) -> bool:
    """Say whether every value of X (n, d) is finite; False may also be an overflow of a sum."""
    step = max(1, _LEAST * 32 // max(X.shape[1], 1))

    def piece(ends: tuple[int, int]) -> bool:
        with np.errstate(over="ignore", invalid="ignore"):
            return all(np.isfinite(X[i : min(i + step, ends[1])].sum()) for i in range(*ends, step))

    return all(_in_pieces(len(X), 1, piece))


def rows_of(
    X: Numbers,
    y: npt.NDArray[Any],
    weight: FloatArray,
    group: npt.NDArray[Any] | None,
    groups: int,
    centre: FloatArray,
    factor: FloatArray,
) -> Rows:
    """Lay out rows; `group` (n,) in 0..groups-1, None = a single group."""
    y = np.ascontiguousarray(y, np.float64)
    n = len(X)
    if group is None or groups == 1:
        begins = np.arange(0, n, _CHUNK, dtype=np.int64)
        cuts = np.column_stack([begins, np.minimum(begins + _CHUNK, n)])
        return Rows(X, np.zeros(0, np.int64), y, weight, cuts, centre, factor)
    chunk = np.arange(n, dtype=np.int64) // _GROUPED
    label = chunk * groups + group
    order = np.argsort(label, kind="stable")
    counts = np.bincount(label, minlength=(int(chunk[-1]) + 1) * groups).reshape(-1, groups)
    begins = np.arange(len(counts), dtype=np.int64) * _GROUPED
    cuts = np.column_stack([begins, begins[:, None] + np.cumsum(counts, axis=1)])
    return Rows(X, order, y[order], weight[order], cuts, centre, factor)


def evaluate(rows: Rows, theta: FloatArray, anchors: Sequence[int] = ()) -> Sums:
    """Sum logistic loss and gradient of all members at theta (d + 1, M), and the bends of some of them.

    Notes
    -----
    A row costs 2 (d + 1) M multiplications, 3 ns a margin, and (d + 1)^2 / 2 multiplications an anchor.
    """
    theta = np.ascontiguousarray(theta)
    parts = _in_pieces(len(rows.cuts), _per_piece(rows), lambda ends: _evaluate(rows, theta, anchors, *ends))
    total = parts[0]
    for part in parts[1:]:
        for sums, more in zip(total, part, strict=True):
            sums += more
    return total


def products(rows: Rows) -> FloatArray:
    """Return the weighted products of (1, y, z) by group, float64 (G, d + 2, d + 2)."""
    parts = _in_pieces(len(rows.cuts), _per_piece(rows), lambda ends: _products(rows, *ends))
    for part in parts[1:]:
        parts[0] += part
    return parts[0]


def _per_piece(rows: Rows) -> int:
    """Return how many rows of a piece one chunk brings."""
    return _CHUNK if rows.groups == 1 else _GROUPED


def _in_pieces(count: int, each: int, work: Callable[[tuple[int, int]], T]) -> list[T]:
    """Do the work on pieces of `count` things of `each` rows; return the results in order."""
    pieces = int(np.clip(count * each // _LEAST, 1, min(_PIECES, max(count, 1))))
    cuts = np.linspace(0, count, pieces + 1).astype(np.int64).tolist()
    ranges = list(zip(cuts[:-1], cuts[1:], strict=True))
    return [work(ranges[0])] if pieces == 1 else in_threads(work, ranges)


def _evaluate(rows: Rows, theta: FloatArray, anchors: Sequence[int], first: int, last: int) -> Sums:
    """Evaluate chunks first..last."""
    from justright.kernels import compiled_dense as loops

    width, members = theta.shape
    found = Sums(
        np.zeros((rows.groups, members)),
        np.zeros((rows.groups, width, members)),
        np.zeros((len(anchors), rows.groups, width, width)),
    )
    Z, heavy, margin, root = _room(rows, members, first, last)
    for chunk in range(first, last):
        cuts = rows.cuts[chunk].tolist()
        loops.standardise(rows.X, rows.order, cuts[0], cuts[-1], rows.centre, rows.factor, Z)
        for group in range(rows.groups):
            begin, end = cuts[group], cuts[group + 1]
            if begin == end:
                continue
            part = Z[begin - cuts[0] : end - cuts[0]]
            y, weight, slope = rows.y[begin:end], rows.weight[begin:end], margin[: end - begin]
            np.dot(part, theta, out=slope)
            if members == 1:
                found.loss[group, 0] += loops.logistic(slope[:, 0], y, weight)
            else:
                loops.logistic_lines(slope, y, weight, found.loss[group])
            found.gradient[group] += part.T @ slope
            for place, member in enumerate(anchors):
                loops.roots(slope, member, y, weight, root)
                thick = heavy[: end - begin]
                loops.weigh(part, root, thick)
                found.bends[place, group] += thick.T @ thick
    return found


def _products(rows: Rows, first: int, last: int) -> FloatArray:
    """Sum the products of (1, y, z) over chunks first..last."""
    from justright.kernels import compiled_dense as loops

    d = rows.X.shape[1]
    total = np.zeros((rows.groups, d + 2, d + 2))
    Z, _, _, _ = _room(rows, 1, first, last)
    heavy = np.empty((len(Z), d + 2))
    for chunk in range(first, last):
        cuts = rows.cuts[chunk].tolist()
        count = cuts[-1] - cuts[0]
        loops.standardise(rows.X, rows.order, cuts[0], cuts[-1], rows.centre, rows.factor, Z)
        root = np.sqrt(rows.weight[cuts[0] : cuts[-1]])
        heavy[:count, 0] = root
        heavy[:count, 1] = root * rows.y[cuts[0] : cuts[-1]]
        loops.weigh(Z[:count, :d], root, heavy[:count, 2:])
        for group in range(rows.groups):
            part = heavy[cuts[group] - cuts[0] : cuts[group + 1] - cuts[0]]
            total[group] += part.T @ part
    return total


def _room(
    rows: Rows, members: int, first: int, last: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return room for a chunk: standardised rows, the same weighed, margins, roots."""
    cuts = rows.cuts[first:last]
    most, d = int((cuts[:, -1] - cuts[:, 0]).max(initial=0)), rows.X.shape[1]
    return np.empty((most, d + 1)), np.empty((most, d + 1)), np.empty((most, members)), np.empty(most)
