"""Losses for networks: the same numbers as `optim.losses`, in single precision and with gradients by jax.

margin (rows, outputs), target (rows,) values or class numbers, or (rows, outputs) shares -> (rows,)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import jax.numpy as jnp
from jax import nn

from justright.errors import RecipeError, closest
from justright.optim.losses import Huber, Loss, Quantile

__all__ = ["OBJECTIVES", "Objective", "objective_for"]

Objective: TypeAlias = Callable[[Any, Any], Any]

_HIGH: Final = 80.0  # largest log rate: exp stays finite in single precision


def objective_for(loss: Loss, smoothing: float = 0.0) -> Objective:
    """Return the jax twin of a loss.

    Parameters
    ----------
    loss : Loss
        One of `optim.losses`, or a user's own with a method `jax(margin, target) -> (rows,)`.
    smoothing : float
        Label smoothing of a cross-entropy, 0..1.

    Raises
    ------
    RecipeError
        A loss that jax cannot follow.

    Examples
    --------
    >>> from justright.optim.losses import Softmax
    >>> round(float(objective_for(Softmax())(jnp.zeros((1, 4)), jnp.array([2]))[0]), 4)
    1.3863
    """
    own = getattr(loss, "jax", None)
    if own is not None:
        made: Objective = own
        return made
    if isinstance(loss, Huber):
        return lambda margin, target: _huber(margin, target, loss.delta)
    if isinstance(loss, Quantile):
        return lambda margin, target: _quantile(margin, target, loss.level, loss.width)
    if loss.name not in OBJECTIVES:
        raise RecipeError(
            f"loss={loss.name!r} for a network",
            allowed=closest(loss.name, OBJECTIVES),
            next_step="give your loss a method jax(margin, target) that returns one loss a row",
        )
    function = OBJECTIVES[loss.name]
    return lambda margin, target: function(margin, target, smoothing)


def _squared(margin: Any, target: Any, smoothing: float) -> Any:
    """Half the squared error."""
    return 0.5 * jnp.square(margin - _column(target)).sum(axis=-1)


def _logistic(margin: Any, target: Any, smoothing: float) -> Any:
    """Binary cross-entropy of class numbers or shares."""
    soft = _column(target) * (1.0 - smoothing) + 0.5 * smoothing
    return (nn.softplus(margin) - soft * margin).sum(axis=-1)


def _softmax(margin: Any, target: Any, smoothing: float) -> Any:
    """Cross-entropy of class numbers or of shares."""
    logs = nn.log_softmax(margin, axis=-1)
    k = margin.shape[-1]
    if target.ndim == 1:
        own = jnp.take_along_axis(logs, target.astype(jnp.int32)[:, None], axis=-1)[:, 0]
        return -(1.0 - smoothing) * own - smoothing * logs.mean(axis=-1)
    return -((target * (1.0 - smoothing) + smoothing / k) * logs).sum(axis=-1)


def _poisson(margin: Any, target: Any, smoothing: float) -> Any:
    """Poisson deviance up to a constant."""
    return (jnp.exp(jnp.minimum(margin, _HIGH)) - _column(target) * margin).sum(axis=-1)


def _huber(margin: Any, target: Any, delta: float) -> Any:
    """Squared near zero, absolute beyond."""
    size = jnp.abs(margin - _column(target))
    return jnp.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)).sum(axis=-1)


def _quantile(margin: Any, target: Any, level: float, width: float) -> Any:
    """Pinball loss, rounded off around zero."""
    gap = margin - _column(target)
    size = jnp.abs(gap)
    rounded = jnp.where(size <= width, gap * gap / (2 * width) + width / 2, size)
    return (0.5 * rounded + (0.5 - level) * gap).sum(axis=-1)


def _column(target: Any) -> Any:
    """Return the target as (rows, outputs)."""
    return target[:, None] if target.ndim == 1 else target


OBJECTIVES: Final[dict[str, Callable[[Any, Any, float], Any]]] = {
    "squared": _squared,
    "logistic": _logistic,
    "softmax": _softmax,
    "poisson": _poisson,
}
"""Losses by name that take a label smoothing (0 where it means nothing)."""
