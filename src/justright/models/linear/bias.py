"""The bias of a linear model without features, by Newton steps: where every training begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from justright.models.base import Spec
from justright.models.linear.design import sampled
from justright.models.linear.passes import shaped
from justright.schema import Block, FloatArray

__all__ = ["best_bias"]


def best_bias(spec: Spec, blocks: Sequence[Block]) -> FloatArray:
    """Return the bias of the model without features, float64 (k,), by Newton steps on a sample of targets."""
    bias = np.zeros(spec.outputs)
    for _ in range(50):
        slope, bend = _bias_slope(spec, blocks, bias)
        step = np.clip(slope / np.maximum(bend, 1e-9), -2.0, 2.0)
        bias = np.clip(bias - step, -30.0, 30.0)
        if np.abs(step).max() < 1e-6:
            break
    return bias - bias.mean() if spec.outputs > 1 else bias


def _bias_slope(spec: Spec, blocks: Sequence[Block], bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return first and second derivative of the mean loss by each bias, by central differences."""
    slope, bend, count, h = np.zeros(spec.outputs), np.zeros(spec.outputs), 0.0, 1e-4
    for block in sampled(blocks, min(1.0, 5_000 / max(spec.rows, 1))):
        target, weight = shaped(block.target), block.weight.astype(np.float64)
        count += float(weight.sum())
        at = np.broadcast_to(bias[None, :, None], (block.rows, spec.outputs, 1))
        slope += weight @ spec.loss.gradient(at, target)[:, :, 0]
        for output in range(spec.outputs):
            up, down = at.copy(), at.copy()
            up[:, output], down[:, output] = up[:, output] + h, down[:, output] - h
            turn = spec.loss.gradient(up, target) - spec.loss.gradient(down, target)
            bend[output] += float(weight @ turn[:, output, 0]) / (2 * h)
    return slope / max(count, 1e-300), bend / max(count, 1e-300)
