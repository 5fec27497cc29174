"""One pass over the rows: loss and gradient of every member of a linear population.

Shapes: d features, k outputs, M members; theta is (d + 1, k, M) with the bias in its last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from justright.models.base import Spec
from justright.models.linear.design import Rows, layout_for, rows_of, sampled
from justright.schema import Block, FloatArray, Member

__all__ = ["Evaluation", "evaluate", "shaped"]


class Evaluation(NamedTuple):
    """Mean training and validation loss, float64 (M,), and the gradient of the first, (d + 1, k, M)."""

    train: FloatArray
    validation: FloatArray
    gradient: FloatArray


def shaped(target: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return a target in the shape that losses want: (rows, 1 or k, 1)."""
    return target[:, None, None] if target.ndim == 1 else target[:, :, None]


def evaluate(
    spec: Spec,
    blocks: Sequence[Block],
    members: Sequence[Member],
    theta: FloatArray,
    share: float,
) -> Evaluation:
    """Evaluate all members at theta over a nested sample of the rows.

    Validation losses are over all of a member's validation rows in the sample.
    """
    layout = layout_for(spec.plan, spec.clip)
    d, k, count = theta.shape[0] - 1, theta.shape[1], len(members)
    flat = np.ascontiguousarray(theta[:d].reshape(d, k * count))
    bias = theta[d].reshape(k * count)
    tally = _Tally(members)
    upper, total = np.zeros((d, k * count)), np.zeros(k * count)
    for block in sampled(blocks, share):
        for rows in rows_of(block, layout, k * count):
            residual = _residual(spec, rows, rows.times(flat) + bias, tally, k)
            upper += rows.transposed_times(residual)
            total += residual.sum(axis=0)
    weight = np.maximum(tally.train_weight, 1e-300)
    gradient = np.concatenate([upper, total[None]]).reshape(d + 1, k, count) / weight
    with np.errstate(invalid="ignore", divide="ignore"):
        validation = np.where(tally.held_weight > 0, tally.held / tally.held_weight, np.nan)
    return Evaluation(tally.train / weight, validation, gradient)


class _Tally:
    """Sums of loss and weight over training and validation rows of each member."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.fold = np.asarray([member.fold for member in members])
        self.repeat = np.asarray([member.repeat for member in members])
        self.later = np.asarray([member.forward and member.fold >= 0 for member in members])
        self.train, self.train_weight, self.held, self.held_weight = np.zeros((4, len(members)))

    def masks(self, block: Block) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return which rows each member trains on and is judged on, bool (rows, M)."""
        fold = block.fold[:, self.repeat]
        held = (fold == self.fold) & (self.fold >= 0)
        return ~held & ~(self.later & (fold > self.fold)), held


def _residual(spec: Spec, rows: Rows, margins: FloatArray, tally: _Tally, k: int) -> FloatArray:
    """Return the weighted gradient by the margins, zero where a member does not train; adds to `tally`."""
    block = rows.block
    margin = margins.reshape(block.rows, k, -1)
    target, weight = shaped(block.target), block.weight.astype(np.float64)
    # A loss may offer `both`, which shares the work of value and gradient.
    both = getattr(spec.loss, "both", None)
    value, gradient = (
        both(margin, target)
        if both
        else (spec.loss.value(margin, target), spec.loss.gradient(margin, target))
    )
    value = value.sum(axis=1)
    trains, held = tally.masks(block)
    value *= weight[:, None]
    tally.held += np.einsum("rm,rm->m", value, held)
    tally.train += np.einsum("rm,rm->m", value, trains)
    tally.train_weight += weight @ trains
    tally.held_weight += weight @ held
    gradient *= (trains * weight[:, None])[:, None, :]
    return gradient.reshape(block.rows, -1)
