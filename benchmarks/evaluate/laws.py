"""Two worlds in which the true score of any linear model is known: for `validation.py`.

Rows are normal, the target is linear with normal errors, or a class whose log odds are linear. Then
true and modelled margins are jointly normal, and the exported model's expected metric follows without
drawing test rows (numbers: exactly; classes: on a fine grid of quantiles).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from justright.metrics import METRICS

Array: TypeAlias = npt.NDArray[np.float64]

FOLDS = 5
LOGISTIC = ("roc_auc", "log_loss", "accuracy", "calibration_error")
_POINTS = 160
_QUANTILES = np.array([NormalDist().inv_cdf((i + 0.5) / _POINTS) for i in range(_POINTS)])


@dataclass(frozen=True)
class Fitted:
    """Out-of-fold predictions of every setting, and what the exported models would truly score."""

    target: Array
    fold: npt.NDArray[np.int8]
    predictions: Array  # (settings, rows)
    losses: Array  # (settings, rows)
    train: list[float]  # mean loss of each refitted model on its own rows
    truths: list[dict[str, float]]  # of the model of each setting that is refitted on all rows


def penalties(n: int) -> Array:
    """Path from strong to weak, one a decade."""
    return 10.0 ** np.arange(1, -3 - np.ceil(np.log10(n)), -1.0)


def weights(d: int, rng: np.random.Generator) -> Array:
    """True weights of length 1, a few large ones."""
    w = rng.normal(0, 1, d) / np.arange(1, d + 1) ** 0.5
    return w / np.linalg.norm(w)


def linear(n: int, d: int, noise: float, rng: np.random.Generator) -> Fitted:
    """Ridge on `y = x w + noise`."""
    X, w = rng.normal(0, 1, (n, d)), weights(d, rng)
    y = X @ w + noise * rng.normal(0, 1, n)
    path, fold = penalties(n), rng.permutation(n) % FOLDS
    predictions, train, truths = np.empty((len(path), n)), [], []
    for f in range(-1, FOLDS):
        rows = fold != f
        mean_x, mean_y = X[rows].mean(axis=0), y[rows].mean()
        A = X[rows] - mean_x
        values, vectors = np.linalg.eigh(A.T @ A / rows.sum())
        b = vectors.T @ (A.T @ (y[rows] - mean_y)) / rows.sum()
        for s, penalty in enumerate(path):
            coefficient = vectors @ (b / (values + penalty))
            intercept = mean_y - mean_x @ coefficient
            if f >= 0:
                predictions[s, fold == f] = X[fold == f] @ coefficient + intercept
            else:
                error = noise**2 + np.sum((coefficient - w) ** 2) + intercept**2
                train.append(float(np.mean((X @ coefficient + intercept - y) ** 2)))
                truths.append({"rmse": float(np.sqrt(error)), "r2": float(1 - error / (1 + noise**2))})
    return Fitted(y, fold.astype(np.int8), predictions, (predictions - y) ** 2, train, truths)


def logistic(n: int, d: int, strength: float, rng: np.random.Generator, shift: float = 0.0) -> Fitted:
    """Penalised logistic regression on `log odds = strength * x w + shift`."""
    X, w = rng.normal(0, 1, (n, d)), strength * weights(d, rng)
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-(X @ w + shift)))).astype(float)
    path, fold = penalties(n), rng.permutation(n) % FOLDS
    design = np.column_stack([np.ones(n), X])
    predictions, train, truths = np.empty((len(path), n)), [], []
    for f in range(-1, FOLDS):
        rows, beta = fold != f, np.zeros(d + 1)
        for s, penalty in enumerate(path):
            beta = _newton(design[rows], y[rows], penalty, beta)
            if f >= 0:
                predictions[s, fold == f] = 1 / (1 + np.exp(-(design[fold == f] @ beta)))
            else:
                p = np.clip(1 / (1 + np.exp(-(design @ beta))), 1e-12, 1 - 1e-12)
                train.append(float(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p)))))
                truths.append(_truth(w, shift, beta))
    clipped = np.clip(predictions, 1e-12, 1 - 1e-12)
    losses = -np.where(y == 1, np.log(clipped), np.log(1 - clipped))
    return Fitted(y, fold.astype(np.int8), predictions, losses, train, truths)


def _newton(design: Array, y: Array, penalty: float, beta: Array) -> Array:
    """Minimise mean log loss + penalty / 2 |weights|^2."""
    n = len(y)
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 1e-9
    for _ in range(40):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (p - y) / n + ridge * beta
        hessian = (design * (np.maximum(p * (1 - p), 1e-9) / n)[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        beta = beta - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-6:
            break
    return beta


def _truth(w: Array, shift: float, beta: Array) -> dict[str, float]:
    """Expected metrics of a model on endless rows, from the joint normal law of both margins."""
    length = float(np.linalg.norm(w))
    along = float(beta[1:] @ w) / length
    across = float(np.sqrt(max(beta[1:] @ beta[1:] - along**2, 0.0)))
    true = np.repeat(_QUANTILES, _POINTS)
    other = np.tile(_QUANTILES, _POINTS)
    share = 1 / (1 + np.exp(-(length * true + shift)))
    stated = 1 / (1 + np.exp(-np.clip(beta[0] + along * true + across * other, -30, 30)))
    target = np.repeat([1, 0], len(share))
    both, weight = np.tile(stated, 2), np.concatenate([share, 1 - share])
    return {name: METRICS[name].function(target, both, weight) for name in LOGISTIC}
