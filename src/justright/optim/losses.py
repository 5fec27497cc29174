"""Losses: what a training minimises, the mean over rows of a function of margin and target.

Shapes, everywhere in this file:

    margin  float64 (rows, outputs, members)    on the link scale
    target  (rows, 1, 1)                        values or class numbers; (rows, outputs, 1) for soft labels
    value   float64 (rows, 1, members)
    gradient = d value / d margin, float64 (rows, outputs, members)

Invariant: every loss is convex in the margin, finite for every finite margin, and its gradient is the
derivative of its value (checked against finite differences). A user's own loss is an object with the
same four names; nothing is inherited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, closest
from justright.schema import FloatArray, Task

__all__ = [
    "LOSSES",
    "Huber",
    "Logistic",
    "Loss",
    "Poisson",
    "Quantile",
    "Softmax",
    "Squared",
    "loss_for",
    "margins_to_predictions",
    "row_losses",
]

Array = npt.NDArray[Any]


class Loss(Protocol):
    """What a loss must offer: a name, its link, its value and its gradient."""

    @property
    def name(self) -> str:
        """Name in recipes and history."""

    @property
    def link(self) -> str:
        """`identity`, `logistic`, `softmax` or `log`: how a margin becomes a prediction."""

    def value(self, margin: FloatArray, target: Array) -> FloatArray:
        """Loss of each row and member, (rows, 1, members)."""

    def gradient(self, margin: FloatArray, target: Array) -> FloatArray:
        """Derivative by the margin, same shape as `margin`."""


@dataclass(frozen=True)
class Squared:
    """Half the squared error, (f - y)^2 / 2; the exported margin estimates the mean.

    Examples
    --------
    >>> Squared().value(np.array([[[3.0]]]), np.array([[[1.0]]])).item()
    2.0
    """

    name: str = "squared"
    link: str = "identity"

    def value(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return np.asarray(0.5 * np.square(margin - target))

    def gradient(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return np.asarray(margin - target)


@dataclass(frozen=True)
class Huber:
    """Squared near zero, absolute beyond `delta`: outliers pull with bounded force.

    Parameters
    ----------
    delta : float
        Where it turns, in standard deviations of the target; default 1.35 keeps 95 % efficiency on
        normal errors (Huber 1964).
    """

    delta: float = 1.35
    name: str = "huber"
    link: str = "identity"

    def value(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        size = np.abs(margin - target)
        return np.where(size <= self.delta, 0.5 * size * size, self.delta * (size - 0.5 * self.delta))

    def gradient(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return np.clip(margin - target, -self.delta, self.delta)


@dataclass(frozen=True)
class Quantile:
    """Pinball loss of a quantile, rounded off over `width` around zero so that it has a gradient.

    Parameters
    ----------
    level : float
        Which quantile, between 0 and 1; 0.5 is half the absolute loss.
    width : float
        Half width of the rounding, in standard deviations of the target; default 0.01.

    Notes
    -----
    Rounded as in Chen (2007), "A finite smoothing algorithm for quantile regression": off by at most
    width / 4 from the exact pinball.
    """

    level: float = 0.5
    width: float = 0.01
    name: str = "quantile"
    link: str = "identity"

    def value(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        gap = np.asarray(margin - target, np.float64)
        size = np.abs(gap)
        rounded = np.where(size <= self.width, gap * gap / (2 * self.width) + self.width / 2, size)
        return np.asarray(0.5 * rounded + (0.5 - self.level) * gap)

    def gradient(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        slope = np.clip((margin - target) / self.width, -1.0, 1.0)
        return np.asarray(0.5 * slope + (0.5 - self.level))


@dataclass(frozen=True)
class Poisson:
    """Poisson deviance up to a constant, exp(f) - y f; for counts, y >= 0. The link is the logarithm."""

    name: str = "poisson"
    link: str = "log"

    def value(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return np.asarray(np.exp(np.minimum(margin, 500.0)) - target * margin)

    def gradient(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return np.asarray(np.exp(np.minimum(margin, 500.0)) - target)


@dataclass(frozen=True)
class Logistic:
    """Binary cross-entropy, log(1 + exp(f)) - y f, with class numbers 0 and 1 or a share between.

    Parameters
    ----------
    smoothing : float
        Label smoothing in 0..1: the target becomes (1 - smoothing) y + smoothing / 2.
    """

    smoothing: float = 0.0
    name: str = "logistic"
    link: str = "logistic"

    def value(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return self.both(margin, target)[0]

    def gradient(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return self.both(margin, target)[1]

    def both(self, margin: FloatArray, target: Array) -> tuple[FloatArray, FloatArray]:
        """Return value and gradient from one exponential: half the cost of asking twice."""
        soft = target * (1.0 - self.smoothing) + 0.5 * self.smoothing
        small = np.exp(-np.abs(margin))
        # log(1 + s) rather than log1p: three times faster, off by 1e-16 where the loss itself is that small.
        value = np.maximum(margin, 0.0) + np.log(1.0 + small) - soft * margin
        share = np.where(margin >= 0, 1.0, small) / (1.0 + small)
        return np.asarray(value), np.asarray(share - soft)


@dataclass(frozen=True)
class Softmax:
    """Cross-entropy over k classes, log sum exp(f) - sum_c y_c f_c.

    The target is a class number (sparse) or a row of shares (categorical); both give the same number.

    Parameters
    ----------
    smoothing : float
        Label smoothing in 0..1, spread evenly over the classes.
    """

    smoothing: float = 0.0
    name: str = "softmax"
    link: str = "softmax"

    def value(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return self.both(margin, target)[0]

    def gradient(self, margin: FloatArray, target: Array) -> FloatArray:
        """See the module."""
        return self.both(margin, target)[1]

    def both(self, margin: FloatArray, target: Array) -> tuple[FloatArray, FloatArray]:
        """Return value and gradient from one exponential: half the cost of asking twice."""
        top = margin.max(axis=1, keepdims=True)
        share = np.exp(margin - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        total = top + np.log(total)
        if self.smoothing == 0.0 and target.shape[1] == 1:
            number = target[:, 0, 0].astype(np.int64)
            rows = np.arange(len(share))
            share[rows, number] -= 1.0
            return total - margin[rows, number][:, None], share
        soft = self._shares(margin, target)
        return total - (soft * margin).sum(axis=1, keepdims=True), share - soft

    def _shares(self, margin: FloatArray, target: Array) -> FloatArray:
        """Return the target as shares (rows, outputs, 1)."""
        k = margin.shape[1]
        shares = (
            (np.arange(k)[None, :, None] == target).astype(np.float64) if target.shape[1] == 1 else target
        )
        return np.asarray(shares * (1.0 - self.smoothing) + self.smoothing / k)


LOSSES: Final[dict[str, tuple[Task, ...]]] = {
    "squared": ("regression",),
    "huber": ("regression",),
    "absolute": ("regression",),
    "quantile": ("regression",),
    "poisson": ("regression",),
    "logistic": ("binary",),
    "softmax": ("multiclass",),
}
"""The losses by name, with the tasks they are right for."""


def loss_for(name: str, task: Task, quantile: float = 0.5) -> Loss:
    """Return the loss of a name, `auto` being the one that belongs to the task.

    Raises
    ------
    RecipeError
        The loss is unknown or wrong for the task, with the right one.

    Examples
    --------
    >>> loss_for("auto", "binary").name
    'logistic'
    """
    right = {"regression": "squared", "binary": "logistic", "multiclass": "softmax"}[task]
    name = right if name == "auto" else name
    if name not in LOSSES:
        raise RecipeError(f"loss={name!r}", allowed=closest(name, LOSSES))
    if task not in LOSSES[name]:
        raise RecipeError(
            f"loss={name!r} for a {task} target",
            allowed=", ".join(loss for loss, tasks in LOSSES.items() if task in tasks),
            where=_reason(name, task),
            next_step=f"--set loss={right}",
        )
    made: dict[str, Loss] = {
        "squared": Squared(),
        "huber": Huber(),
        "absolute": Quantile(0.5, name="absolute"),
        "quantile": Quantile(quantile),
        "poisson": Poisson(),
        "logistic": Logistic(),
        "softmax": Softmax(),
    }
    return made[name]


def margins_to_predictions(margins: FloatArray, link: str) -> FloatArray:
    """Apply the inverse link to margins (rows, outputs).

    Returns
    -------
    float64 (rows,) for one output (a value, a rate, or the probability of class 1), else (rows, outputs)
    probabilities that sum to 1.

    Examples
    --------
    >>> margins_to_predictions(np.zeros((1, 1)), "logistic").tolist()
    [0.5]
    """
    if link == "identity":
        return margins[:, 0]
    if link == "log":
        return np.asarray(np.exp(np.minimum(margins[:, 0], 700.0)))
    if link == "logistic":
        return _sigmoid(margins[:, 0])
    share = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def row_losses(loss: Loss, margins: FloatArray, target: Array) -> FloatArray:
    """Return the loss of each row, float64 (rows,), for margins (rows, outputs)."""
    shaped = target[:, None, None] if target.ndim == 1 else target[:, :, None]
    return np.asarray(loss.value(margins[:, :, None], shaped).sum(axis=1)[:, 0])


def _sigmoid(margin: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-f)) without overflow."""
    if margin.size == 1:  # one row of a server: the same bits in a third of the time
        only = margin.item()
        tiny = float(np.exp(-abs(only)))
        return np.array([(1.0 if only >= 0 else tiny) / (1.0 + tiny)])
    small = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1.0, small) / (1.0 + small)


def _reason(name: str, task: Task) -> str:
    """Say in one clause why a loss does not belong to a task."""
    if task == "regression":
        return "cross-entropy needs classes, the target holds numbers"
    if name in ("squared", "huber", "absolute", "quantile", "poisson"):
        return "it would treat class numbers as distances and give no probabilities"
    return "it is made for two classes"
