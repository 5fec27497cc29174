"""The rate that would do: one over the steepness of the loss, estimated from the rows.

    steepness  =  curvature ((1 - 1/b) largest eigenvalue of mean x x'  +  1/b largest |x|^2)

for batches of b rows: the expected smoothness of sampled gradients (Gower, Loizou, Qian, Sailanbayev,
Shulgin and Richtarik 2019), with x' = (features, 1). A full batch has the eigenvalue alone, a single row
the largest row alone.
A step of up to twice 1 / steepness goes downhill; penalties are proximal steps and never too steep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from justright.models.base import Spec
from justright.models.linear.design import Rows, layout_for, rows_of, sampled
from justright.models.linear.newton import best_bias
from justright.models.linear.passes import shaped
from justright.optim.losses import Huber, Logistic, Quantile, Softmax, Squared
from justright.schema import Block, FloatArray

__all__ = ["safe_rate"]

_SAMPLE: Final = 20_000
_ITERATIONS: Final = 30
_REACH: Final = (-1.0, 0.0, 1.0)  # margins around the bias at which an unbounded curvature is taken


def safe_rate(spec: Spec, blocks: Sequence[Block]) -> float:
    """Return a learning rate at which gradient descent goes downhill.

    Parameters
    ----------
    spec : Spec
        Loss, features, and the batch and optimizer of `spec.descent`.
    blocks : sequence of Block
        The training rows.

    Returns
    -------
    float
        1 / steepness, times 1 - momentum for `momentum`. For losses of unbounded curvature (Poisson, a
        user's own) the curvature is that near the model without features.

    Notes
    -----
    One pass over the rows, and 30 over a sample of about 20,000 of them.

    Examples
    --------
    >>> from justright.features.numeric import NumericFeature
    >>> from justright.features.plan import FeaturePlan, PlanData
    >>> from justright.recipe import Descent
    >>> from justright.schema import Column
    >>> feature = NumericFeature(Column("x", "numeric", "number"), 0.0, 1.0, -2.0, 2.0)
    >>> plan = FeaturePlan(PlanData((feature,), (), (), None))
    >>> x = np.linspace(-2, 2, 200, dtype=np.float32)[:, None]
    >>> codes, fold = np.zeros((200, 0), np.int32), np.zeros((200, 1), np.int8)
    >>> ones, key = np.ones(200, np.float32), np.arange(200, dtype=np.uint64)
    >>> table = [Block(x, codes, 2 * x[:, 0] + 1, ones, fold, None, key)]
    >>> spec = Spec(Squared(), 1, plan, Descent("sgd", batch=0), lambda done: 1.0, 200)
    >>> round(safe_rate(spec, table), 2), round(1 / float((x**2).mean()), 2)
    (0.74, 0.74)
    """
    batch = min(spec.descent.batch or spec.rows, spec.rows)
    alone = 1.0 / batch if batch < spec.rows else 0.0
    steepness = (1.0 - alone) * _eigenvalue(spec, blocks)
    if alone:
        steepness += alone * _longest(spec, blocks)
    rate = 1.0 / max(_curvature(spec, blocks) * steepness, 1e-300)
    return float(rate * (1.0 - spec.descent.momentum if spec.descent.optimizer == "momentum" else 1.0))


def _eigenvalue(spec: Spec, blocks: Sequence[Block]) -> float:
    """Return the largest eigenvalue of the mean of x x' over a sample, by power iteration."""
    layout = layout_for(spec.plan, spec.clip)
    share = min(1.0, _SAMPLE / max(spec.rows, 1))
    # Many equal rows share one fingerprint: a sample may be empty.
    few = list(sampled(blocks, share)) or blocks[:1]
    pieces = [rows for block in few for rows in rows_of(block, layout, 1)]
    total = sum(float(rows.block.weight.sum()) for rows in pieces)
    vector = np.ones(layout.width + 1) + 0.1 * np.cos(np.arange(layout.width + 1))
    value = 1.0
    for _ in range(_ITERATIONS):
        vector /= np.linalg.norm(vector)
        vector = sum((_times(rows, vector) for rows in pieces), np.zeros(len(vector))) / max(total, 1e-300)
        value = float(np.linalg.norm(vector))
        if value == 0.0:
            break
    return value


def _times(rows: Rows, vector: FloatArray) -> FloatArray:
    """Return the sum of w x x' vector over some rows."""
    reach = rows.block.weight * (rows.times(vector[:-1, None])[:, 0] + vector[-1])
    return np.append(rows.transposed_times(reach[:, None])[:, 0], reach.sum())


def _longest(spec: Spec, blocks: Sequence[Block]) -> float:
    """Return the largest squared length of a row, weighed by its weight over the mean one."""
    layout, longest, total = layout_for(spec.plan, spec.clip), 0.0, 0.0
    for block in blocks:
        total += float(block.weight.sum(dtype=np.float64))
        for rows in rows_of(block, layout, 1):
            length = 1.0 + np.einsum("ij,ij->i", rows.dense, rows.dense)
            if rows.sparse is not None:
                length += np.asarray(rows.sparse.multiply(rows.sparse).sum(axis=1)).ravel()
            longest = max(longest, float((length * rows.block.weight).max()))
    return longest / max(total / max(spec.rows, 1), 1e-300)


def _curvature(spec: Spec, blocks: Sequence[Block]) -> float:
    """Return the largest second derivative of the loss by a margin: known, or measured near the bias."""
    loss = spec.loss
    if isinstance(loss, Squared | Huber):
        return 1.0
    if isinstance(loss, Logistic):
        return 0.25
    if isinstance(loss, Softmax):
        return 0.5
    if isinstance(loss, Quantile):
        return 0.5 / loss.width
    bias, step, most = best_bias(spec, blocks), 1e-4, 0.0
    for block in sampled(blocks, min(1.0, _SAMPLE / max(spec.rows, 1))):
        target = shaped(block.target)
        for reach in _REACH:
            at = np.broadcast_to(bias[None, :, None] + reach, (block.rows, spec.outputs, 1))
            turn = loss.gradient(at + step, target) - loss.gradient(at - step, target)
            most = max(most, float(np.abs(turn).max(initial=0.0)) / (2.0 * step))
    return most
