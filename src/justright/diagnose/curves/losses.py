"""Losses of held-out rows in the unit of the history, of the run and of the best constant."""

from __future__ import annotations

import numpy as np

from justright.diagnose.evidence import HeldRows
from justright.optim.losses import Loss, row_losses
from justright.schema import FloatArray

__all__ = ["base_loss", "base_losses", "held_losses"]

_LEAST = 1e-12


def held_losses(loss: Loss, held: HeldRows, scale: float = 1.0) -> FloatArray:
    """Return the loss of each held-out row, float64 (rows,).

    Parameters
    ----------
    loss : Loss
        What was minimised.
    held : HeldRows
        Predictions on the scale of predictions, in the target's own unit.
    scale : float, default 1
        What the target was divided by in training (losses of the link identity).
    """
    return _of(loss, held.prediction, held, scale)


def base_losses(loss: Loss, held: HeldRows, classes: int = 1, scale: float = 1.0) -> FloatArray:
    """Return the loss of each held-out row under the best constant of these rows, float64 (rows,).

    Examples
    --------
    >>> from justright.optim.losses import Logistic
    >>> rows = HeldRows(np.array([0, 1]), np.array([0.2, 0.8]), np.ones(2), np.zeros(2))
    >>> base_losses(Logistic(), rows).round(3).tolist()
    [0.693, 0.693]
    """
    target, weight = held.target, held.weight / held.weight.sum()
    constant: FloatArray
    if loss.link == "softmax":
        constant = np.asarray(np.bincount(target.astype(int), weight, classes)[None], np.float64)
    elif loss.name in ("absolute", "quantile", "huber"):
        level = getattr(loss, "level", 0.5)
        order = np.argsort(target, kind="stable")
        place = int(np.searchsorted(np.cumsum(weight[order]), level))
        constant = np.asarray([float(target[order][min(place, len(target) - 1)])])
    else:
        constant = np.asarray([float(weight @ target)])
    return _of(loss, np.repeat(constant, held.rows, axis=0), held, scale)


def base_loss(loss: Loss, held: HeldRows, classes: int = 1, scale: float = 1.0) -> float:
    """Return the weighted mean of `base_losses`."""
    return float(np.average(base_losses(loss, held, classes, scale), weights=held.weight))


def _of(loss: Loss, prediction: FloatArray, held: HeldRows, scale: float) -> FloatArray:
    """Return the loss of predictions: they are mapped back to margins."""
    p = np.asarray(prediction, np.float64)
    target = held.target
    if loss.link == "identity":
        return row_losses(loss, p[:, None] / scale, np.asarray(target, np.float64) / scale)
    if loss.link == "logistic":
        p = np.clip(p, _LEAST, 1.0 - _LEAST)
        return row_losses(loss, np.log(p / (1.0 - p))[:, None], target)
    margin = np.log(np.maximum(p, _LEAST))
    return row_losses(loss, margin if margin.ndim == 2 else margin[:, None], target)
