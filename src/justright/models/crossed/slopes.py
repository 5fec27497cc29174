"""Slope and bend of a loss that has no compiled loop: from its gradient, in numpy."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.kernels.additive import Rows
from justright.models.base import Spec

__all__ = ["derive_any"]

_STEP: Final = 1e-3
_FLAT: Final = 0.05  # least bend, of its mean: on a straight piece a loss has none
_ROWS: Final = 8_192


def derive_any(spec: Spec, rows: Rows) -> None:
    """Set slope and bend of every row from its margins, by the loss's gradient and its differences.

    The bend is that of each margin alone, doubled where a row has several outputs that move together.
    """
    members = rows.margin.shape[1] // spec.outputs
    used = members * spec.outputs
    for begin in range(0, rows.count, _ROWS):
        part = slice(begin, begin + _ROWS)
        flat = rows.margin[part, :used].astype(np.float64).reshape(-1, members, spec.outputs)
        margin, target = flat.transpose(0, 2, 1).copy(), rows.target[part][:, None, None]
        slope, bend = spec.loss.gradient(margin, target), np.empty_like(margin)
        for output in range(spec.outputs):
            up, down = margin.copy(), margin.copy()
            up[:, output] += _STEP
            down[:, output] -= _STEP
            turn = spec.loss.gradient(up, target) - spec.loss.gradient(down, target)
            bend[:, output] = turn[:, output] / (2 * _STEP)
        # Where a row does not bend (beyond the turn of Huber's loss, off the kink of a quantile) its slope
        # over the distance at which it ends serves: Huber's own weight, |slope| / |residual|.
        away = np.maximum(np.abs(margin - target), 0.1) if spec.outputs == 1 else np.ones_like(margin)
        bend = np.maximum(np.maximum(bend, np.abs(slope) / away * (bend <= 1e-9)), 1e-6)
        bend = np.maximum(bend, _FLAT * bend.mean()) * (2.0 if spec.outputs > 1 else 1.0)
        weight = rows.weight[part][:, None, None]
        rows.g[part, :used] = (slope * weight).transpose(0, 2, 1).reshape(-1, used)
        rows.h[part, :used] = (bend * weight).transpose(0, 2, 1).reshape(-1, used)
