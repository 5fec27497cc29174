"""Find leaves by tables of bits instead of walks: ten times faster, for trees of up to 64 leaves.

A node that sends a row to the right rules out all leaves on its left. Per column and interval of its values
one table says which leaves of each tree are left over; the tables of all columns, put together by AND,
leave a set of leaves whose first one is the row's own:

    left over (row, tree) = AND over columns of table[column][interval of the row's value][tree]

Leaves are numbered from left to right, the lowest bit first.

References
----------
Lucchese et al. (2015), QuickScorer: a fast algorithm to rank documents with additive ensembles of
regression trees, SIGIR. doi:10.1145/2766462.2767733
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.models.boosted.trees import CATEGORY, ZERO_MISSING, Trees
from justright.models.boosted.walk import ZERO, goes_right
from justright.schema import FloatArray

__all__ = ["Lookup", "lookup_of"]

_MOST_BYTES: Final = 1 << 28
_MOST_COLUMNS: Final = 400  # from here on a walk, which looks only at the columns of its nodes, is faster
_CELLS: Final = 1 << 15  # rows x trees at once: two buffers of 128 KB stay in the second-level cache
# De Bruijn words: multiplied by a single bit, the highest bits tell which one it was.
_BRUIJN: Final = {32: 0x077CB531, 64: 0x03F79D71B4CB0A89}


@dataclass(frozen=True, eq=False)
class _Column:
    """The table of one column: `edges` cut a number into intervals, None for a category."""

    number: int
    edges: FloatArray | None
    intervals: int
    table: npt.NDArray[Any]

    def intervals_of(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        """Return the interval of each value."""
        if self.edges is None:
            known = (values > -1) & (values < self.intervals - 1)
            return np.where(known, values, self.intervals - 1).astype(np.int64)
        found = np.searchsorted(self.edges, values)
        nan = np.isnan(values)
        if nan.any():
            found[nan] = self.intervals - 1
        return found


@dataclass(frozen=True, eq=False)
class Lookup:
    """Tables of bits of some trees; see `lookup_of`."""

    columns: tuple[_Column, ...]
    leaves: npt.NDArray[np.int32]
    word: Any
    bits: int
    trees: int

    def leaves_of(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        """Return the leaf of each row in each tree, int32 (rows, trees); 0.3 ns a row, tree and column."""
        out = np.empty((len(rows), self.trees), np.int32)
        places = [column.intervals_of(rows[:, column.number]) for column in self.columns]
        size = max(1, _CELLS // max(self.trees, 1))
        rest = np.empty((size, self.trees), self.word)
        other = np.empty_like(rest)
        base = (np.arange(self.trees) * self.bits)[None]
        shift = self.word(self.bits - (5 if self.bits == 32 else 6))
        magic = self.word(_BRUIJN[self.bits])
        for begin in range(0, len(rows), size):
            end = min(begin + size, len(rows))
            left, more = rest[: end - begin], other[: end - begin]
            left[:] = ~self.word(0)
            for column, place in zip(self.columns, places, strict=True):
                np.take(column.table, place[begin:end], axis=0, out=more, mode="clip")
                np.bitwise_and(left, more, out=left)
            np.bitwise_and(left, np.negative(left, out=more), out=left)
            np.multiply(left, magic, out=left)
            np.right_shift(left, shift, out=left)
            np.take(self.leaves, left.astype(np.int64) + base, out=out[begin:end], mode="clip")
        return out


def lookup_of(trees: Trees) -> Lookup | None:
    """Return the tables of some trees; None where a tree has too many leaves or the tables are too large.

    Notes
    -----
    500 trees of 31 leaves on 28 columns: 14 MB, made in 0.1 s.
    """
    tree_of, start, left_count, most = _places(trees)
    used = np.unique(trees.feature)
    if most > 64 or len(used) > _MOST_COLUMNS:
        return None
    bits = 32 if most <= 32 else 64
    word = np.uint32 if bits == 32 else np.uint64
    edges = [_edges(trees, np.flatnonzero(trees.feature == number)) for number in used]
    cells = sum(intervals for _, intervals in edges) * len(trees.root)
    if cells * bits // 8 > _MOST_BYTES:
        return None
    # A node of a tree of 64 leaves has at most 63 on its left, so no shift is out of range.
    ones = (np.uint64(1) << left_count.astype(np.uint64)) - np.uint64(1)
    ruled_out = (~(ones << start.astype(np.uint64))).astype(word)
    columns = [
        _column(trees, int(number), cut, intervals, tree_of, ruled_out)
        for number, (cut, intervals) in zip(used, edges, strict=True)
    ]
    return Lookup(tuple(columns), _leaf_table(trees, bits), word, bits, len(trees.root))


def _places(trees: Trees) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], int]:
    """Return of each node its tree, its first leaf from the left, the leaves on its left; most leaves."""
    levels = [np.flatnonzero(trees.root >= 0)]
    node = trees.root[levels[0]].astype(np.int64)
    tree_of = np.zeros(len(trees.feature), np.int64)
    tree_of[node] = levels[0]
    walk = [node]
    while len(node):
        both = []
        for child in (trees.left[node], trees.right[node]):
            inner = child >= 0
            tree_of[child[inner]] = tree_of[node[inner]]
            both.append(child[inner])
        node = np.concatenate(both).astype(np.int64)
        walk.append(node)
    count = np.zeros(len(trees.feature) + 1, np.int64)
    left_count = np.zeros(len(trees.feature), np.int64)
    count[-1] = 1  # a leaf is looked up as -1
    for node in reversed(walk):
        left_count[node] = count[np.maximum(trees.left[node], -1)]
        count[node] = left_count[node] + count[np.maximum(trees.right[node], -1)]
    start = np.zeros(len(trees.feature), np.int64)
    for node in walk:
        for child, offset in ((trees.left[node], 0), (trees.right[node], left_count[node])):
            inner = child >= 0
            start[child[inner]] = (start[node] + offset)[inner]
    return tree_of, start, left_count, int(count.max(initial=1))


def _edges(trees: Trees, nodes: npt.NDArray[Any]) -> tuple[FloatArray | None, int]:
    """Return where a column is cut, None for a category, and the number of its intervals."""
    if (trees.rule[nodes[0]] & CATEGORY) > 0:
        return None, int(32 * (trees.bits_at[nodes + 1] - trees.bits_at[nodes]).max()) + 1
    cuts = trees.threshold[nodes]
    if (trees.rule[nodes] & ZERO_MISSING).any():
        cuts = np.concatenate([cuts, [np.nextafter(-ZERO, -1.0), ZERO]])
    cuts = np.unique(cuts)
    return cuts, len(cuts) + 2


def _column(
    trees: Trees,
    number: int,
    edges: FloatArray | None,
    intervals: int,
    tree_of: npt.NDArray[Any],
    ruled_out: npt.NDArray[Any],
) -> _Column:
    """Return the table of one column: which leaves each of its intervals leaves over."""
    nodes = np.flatnonzero(trees.feature == number)
    nodes = nodes[np.argsort(tree_of[nodes], kind="stable")]
    # One value stands for each interval: its upper end, then infinity, then missing.
    if edges is None:
        values = np.append(np.arange(intervals - 1, dtype=np.float64), -1.0)
    else:
        values = np.concatenate([edges, [np.inf, np.nan]])
    shape = (len(nodes), intervals)
    right = goes_right(trees, np.broadcast_to(nodes[:, None], shape), np.broadcast_to(values, shape))
    left_over = np.where(right, ruled_out[nodes][:, None], ~ruled_out.dtype.type(0))
    own, first = np.unique(tree_of[nodes], return_index=True)
    table = np.full((intervals, len(trees.root)), ~ruled_out.dtype.type(0))
    table[:, own] = np.bitwise_and.reduceat(left_over, first, axis=0).T
    return _Column(number, edges, intervals, table)


def _leaf_table(trees: Trees, bits: int) -> npt.NDArray[np.int32]:
    """Return the leaf of each tree by the hash of its bit, int32 (trees * bits,)."""
    order = _from_left(trees)
    shift = bits - (5 if bits == 32 else 6)
    mask = (1 << bits) - 1
    out = np.zeros((len(trees.root), bits), np.int32)
    for tree, leaves in enumerate(order):
        places = [(((1 << i) * _BRUIJN[bits]) & mask) >> shift for i in range(len(leaves))]
        out[tree, places] = leaves
    return out.reshape(-1)


def _from_left(trees: Trees) -> list[list[int]]:
    """Return the leaves of each tree from left to right."""
    left, right = trees.left.tolist(), trees.right.tolist()
    found = []
    for root in trees.root.tolist():
        leaves, waiting = [], [root]
        while waiting:
            node = waiting.pop()
            if node < 0:
                leaves.append(~node)
            else:
                waiting += [right[node], left[node]]
        found.append(leaves)
    return found
