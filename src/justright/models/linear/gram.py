"""Exact least squares for all folds, penalties and row samples from one pass: sums of products.

With centred sums  C = X'WX / n - m m'  and  c = X'Wy / n - m ybar  the ridge solution is

    w = (C + penalty I)^-1 c,      bias = ybar - m'w

A fold's training sums are the total minus its own, so K folds and any number of penalties cost one
pass (arXiv 2401.13185), and the doublings of the rows come with it: rows are put into buckets by
fingerprint, and each bucket adds to the ones before. Losses follow from the same sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.kernels.coordinate import elastic_net
from justright.models.base import Curve, Spec
from justright.models.linear.design import Rows, layout_for, rows_of
from justright.schema import Block, FloatArray, Member

__all__ = ["GRAM_LIMIT", "Solution", "solve", "sums"]

GRAM_LIMIT: Final = 2_000
"""Most encoded columns for which sums of products are kept; above, L-BFGS takes over."""

_MEMORY: Final = 1 << 29  # bytes for all sums together: 4 doublings of 5 folds at 500 columns
_DOUBLINGS: Final = 6


class Solution(NamedTuple):
    """Weights float64 (d, members), bias float64 (members,) and the losses per doubling of the rows."""

    weights: FloatArray
    bias: FloatArray
    curves: tuple[Curve, ...]


def sums(spec: Spec, blocks: Sequence[Block], members: Sequence[Member]) -> FloatArray:
    """Return the sums of products of (1, y, X), float64 (repeats, folds + 1, buckets, d + 2, d + 2).

    Bucket 0 holds the smallest sample of the rows, bucket b doubles it. The last group holds the rows
    of no fold.
    """
    layout = layout_for(spec.plan, spec.clip)
    repeats = 1 + max(member.repeat for member in members)
    # Folds that no member is judged on are in the blocks all the same.
    folds = 2 + max(*(member.fold for member in members), *(int(b.fold.max(initial=-1)) for b in blocks))
    width = layout.width + 2
    room = _MEMORY // (repeats * folds * width * width * 8)
    useful = 1 + np.log2(max(spec.rows, 1) / (20.0 * width))
    buckets = int(np.clip(min(room, useful), 1, _DOUBLINGS))
    total = np.zeros((repeats, folds, buckets, width, width))
    for block in blocks:
        for rows in rows_of(block, layout, 1):
            bucket = _buckets(rows.block.key, buckets)
            for repeat in range(repeats):
                fold = rows.block.fold[:, repeat].astype(np.int64)
                for group, chosen in _groups(np.where(fold < 0, folds - 1, fold) * buckets + bucket):
                    total[repeat, group // buckets, group % buckets] += _products(rows, chosen)
    return total


def _buckets(key: npt.NDArray[np.uint64], buckets: int) -> npt.NDArray[np.int64]:
    """Return the bucket of each row: the upper half of the fingerprints is the last, and so on down."""
    with np.errstate(divide="ignore"):
        depth = np.floor(np.log2(key.astype(np.float64) * 2.0**-64))
    return np.asarray(np.clip(buckets + depth, 0, buckets - 1), np.int64)


def _groups(label: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield each label with the rows that bear it."""
    order = np.argsort(label, kind="stable")
    values, begins = np.unique(label[order], return_index=True)
    for value, chosen in zip(values, np.split(order, begins[1:]), strict=True):
        yield int(value), chosen


def _products(rows: Rows, chosen: npt.NDArray[np.int64]) -> FloatArray:
    """Return the weighted products of (1, y, X) over some rows."""
    part = rows.block
    ones = np.ones(len(chosen))
    dense = np.column_stack([ones, part.target[chosen].astype(np.float64), rows.dense[chosen]])
    sparse = None if rows.sparse is None else rows.sparse[chosen]
    return Rows(dense, sparse, part).gram(part.weight[chosen].astype(np.float64))


def solve(total: FloatArray, members: Sequence[Member]) -> Solution:
    """Solve every member at every doubling of its rows.

    Returns
    -------
    Solution
        The weights are those of all rows; the curves go from the smallest sample to all rows.
    """
    buckets, width = total.shape[2], total.shape[-1]
    weights = np.zeros((buckets, width - 2, len(members)))
    bias = np.zeros((buckets, len(members)))
    train, validation = np.zeros((2, buckets, len(members)))
    for level in range(buckets):
        level_sums = total[:, :, : level + 1].sum(axis=2)
        for together in _alike(members):
            first = members[together[0]]
            own = _own(first, level_sums.shape[1])
            seen = level_sums[first.repeat][~own].sum(axis=0)
            held = total[first.repeat][own].sum(axis=(0, 1)) if first.fold >= 0 else np.zeros_like(seen)
            if first.forward:
                held = total[first.repeat, first.fold].sum(axis=0)
            w, b = _path(seen, [members[i] for i in together])
            weights[level][:, together], bias[level][together] = w, b
            train[level][together] = _loss(seen, w, b)
            validation[level][together] = _loss(held, w, b)
    curves = tuple(
        Curve(0.5 ** (buckets - 1 - level), train[level], validation[level]) for level in range(buckets)
    )
    return Solution(weights[-1], bias[-1], curves)


def _alike(members: Sequence[Member]) -> list[list[int]]:
    """Group members that train on the same rows."""
    found: dict[tuple[int, int], list[int]] = {}
    for place, member in enumerate(members):
        found.setdefault((member.repeat, member.fold), []).append(place)
    return list(found.values())


def _own(member: Member, groups: int) -> npt.NDArray[np.bool_]:
    """Say which groups a member must not train on."""
    group = np.arange(groups)
    if member.fold < 0:
        return np.zeros(groups, bool)
    own = np.asarray(group == member.fold)
    if member.forward:
        own |= (group > member.fold) & (group < groups - 1)
    return own


def _path(products: FloatArray, members: Sequence[Member]) -> tuple[FloatArray, FloatArray]:
    """Solve all penalties on the same sums: weights (d, members) and bias (members,)."""
    count = products[0, 0]
    d = len(products) - 2
    if count <= 0:
        return np.zeros((d, len(members))), np.zeros(len(members))
    mean = products[0] / count
    centred = products[1:, 1:] / count - np.outer(mean[1:], mean[1:])
    curvature, pull = centred[1:, 1:], centred[1:, 0]
    penalty = np.asarray([member.penalty for member in members])
    mix = np.asarray([member.mix for member in members])
    weights = np.zeros((d, len(members)))
    if np.any(mix == 0):
        weights[:, mix == 0] = _ridge(curvature, pull, penalty[mix == 0])
    start = np.zeros(d)
    for place in np.argsort(-penalty, kind="stable"):
        if mix[place] > 0:
            lasso, ridge = penalty[place] * mix[place], penalty[place] * (1 - mix[place])
            start = weights[:, place] = elastic_net(curvature, pull, lasso, ridge, start)
    return weights, mean[1] - mean[2:] @ weights


def _ridge(curvature: FloatArray, pull: FloatArray, penalty: FloatArray) -> FloatArray:
    """Solve all ridge penalties by one eigendecomposition, float64 (d, penalties).

    Directions whose curvature is rounding error get no weight: copies of a column share it evenly.
    """
    values, vectors = np.linalg.eigh(curvature)
    floor = max(float(values[-1]), 0.0) * len(values) * 1e-13
    safe = np.where(values > floor, values, np.inf)
    return np.asarray(vectors @ ((vectors.T @ pull)[:, None] / (safe[:, None] + penalty)))


def _loss(products: FloatArray, weights: FloatArray, bias: FloatArray) -> FloatArray:
    """Return the mean half squared error of each member on the rows of some sums; NaN without rows."""
    if products[0, 0] <= 0:
        return np.full(len(bias), np.nan)
    # Residual = (bias, -1, weights) . (1, y, x): its square is a quadratic form of the sums.
    form = np.vstack([bias, np.full(len(bias), -1.0), weights])
    square = np.einsum("im,im->m", form, products @ form)
    return np.asarray(np.maximum(0.5 * square / products[0, 0], 0.0))
