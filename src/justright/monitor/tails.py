"""Tails of the laws that a test needs, with the standard library and numpy: service holds no scipy."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np

from justright.schema import FloatArray

__all__ = ["beta_binomial_tails", "chi_square_tail", "normal_scores", "normal_tail", "skewed_tail"]

_NORMAL: Final = NormalDist()
_STEPS: Final = 10_000
_TINY: Final = 1e-300
_FLAT: Final = 1e-4


def normal_tail(z: float) -> float:
    """Return the chance that a standard normal number is above `z`.

    Examples
    --------
    >>> round(normal_tail(1.959964), 6)
    0.025
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def normal_scores(shares: FloatArray) -> FloatArray:
    """Return the quantiles of the standard normal law at shares, which are cut to 1e-9..1 - 1e-9.

    Examples
    --------
    >>> normal_scores(np.array([0.5, 0.975])).round(2)
    array([0.  , 1.96])
    """
    inside = np.clip(shares, 1e-9, 1.0 - 1e-9)
    return np.asarray([_NORMAL.inv_cdf(share) for share in inside.tolist()])


def chi_square_tail(value: float, freedom: float) -> float:
    """Return the chance that a chi-square number of `freedom` degrees is above `value`.

    Examples
    --------
    >>> round(chi_square_tail(30.1435, 19), 4)
    0.05
    """
    return _gamma_tail(0.5 * freedom, 0.5 * value)


def skewed_tail(z: float, skew: float) -> float:
    """Return the chance that a number of mean 0, variance 1 and this skewness is above `z`.

    The law is the gamma law shifted to that mean (Pearson's type III); the normal law where `skew` is 0.

    Examples
    --------
    >>> round(skewed_tail(2.0, 0.0), 4), round(skewed_tail(2.0, 1.0), 4)
    (0.0228, 0.0424)
    """
    if abs(skew) < _FLAT:
        return normal_tail(z)
    shape = 4.0 / (skew * skew)
    root = math.sqrt(shape)
    if skew > 0.0:
        return _gamma_tail(shape, shape + z * root)
    return 1.0 - _gamma_tail(shape, shape - z * root)


def beta_binomial_tails(count: int, rows: int, a: float, b: float) -> tuple[float, float]:
    """Return P(X <= count) and P(X >= count): X successes in `rows` trials of a share drawn from Beta(a, b).

    Notes
    -----
    O(rows) in one vector, exact up to rounding.

    Examples
    --------
    >>> [round(each, 4) for each in beta_binomial_tails(0, 2, 1.0, 1.0)]
    [0.3333, 1.0]
    """
    k = np.arange(rows, dtype=np.float64)
    steps = np.log((rows - k) / (k + 1.0)) + np.log((k + a) / (rows - k - 1.0 + b))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    shares = np.exp(logs - logs.max())
    total = float(shares.sum())
    low = float(shares[: count + 1].sum()) / total
    return min(low, 1.0), min(float(shares[count:].sum()) / total, 1.0)


def _gamma_tail(shape: float, value: float) -> float:
    """Return the chance that a gamma number is above `value` (series below the mean, else a fraction)."""
    if value <= 0.0:
        return 1.0
    if shape > 1e6:  # so near the normal law that Wilson and Hilferty's cube root is exact to the digit
        root = (value / shape) ** (1.0 / 3.0)
        return normal_tail((root - 1.0 + 1.0 / (9.0 * shape)) * 3.0 * math.sqrt(shape))
    front = math.exp(min(shape * math.log(value) - value - math.lgamma(shape), 700.0))
    if value < shape + 1.0:
        return max(1.0 - front * _series(shape, value), 0.0)
    return min(front * _fraction(shape, value), 1.0)


def _series(shape: float, value: float) -> float:
    """Sum the series of the lower incomplete gamma function."""
    term = total = 1.0 / shape
    for step in range(1, _STEPS):
        term *= value / (shape + step)
        total += term
        if term < total * 1e-15:
            break
    return total


def _fraction(shape: float, value: float) -> float:
    """Work out the continued fraction of the upper incomplete gamma function, by Lentz's method."""
    b = value + 1.0 - shape
    c, d = 1.0 / _TINY, 1.0 / b
    found = d
    for step in range(1, _STEPS):
        factor = -step * (step - shape)
        b += 2.0
        d = 1.0 / (factor * d + b or _TINY)
        c = b + factor / c or _TINY
        found *= d * c
        if abs(d * c - 1.0) < 1e-14:
            break
    return found
