"""Coordinate descent on a quadratic with an elastic-net penalty (Friedman, Hastie and Tibshirani 2010).

    minimise  w' C w / 2 - c' w + lasso |w|_1 + ridge |w|_2^2 / 2

on given sums C (d, d) and c (d,): no row is touched, so a sweep costs d^2 whatever the number of rows.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from justright.schema import FloatArray

__all__ = ["elastic_net", "elastic_net_numpy"]


def elastic_net(
    curvature: FloatArray,
    pull: FloatArray,
    lasso: float,
    ridge: float,
    start: FloatArray,
    tolerance: float = 1e-9,
    sweeps: int = 10_000,
) -> FloatArray:
    """Return the minimiser, float64 (d,).

    Parameters
    ----------
    curvature : float64 (d, d)
        Symmetric, positive semi-definite.
    pull : float64 (d,)
        Linear term.
    lasso, ridge : float
        Strengths >= 0.
    start : float64 (d,)
        Where to begin, for example the solution of a stronger penalty.
    tolerance : float
        The descent ends when no step of a sweep moves the objective's square root by more.
    sweeps : int
        Most sweeps.

    Notes
    -----
    O(d^2) a sweep; the first call compiles for about half a second, then a cache on disk serves. Where
    numba is not installed the numpy twin answers.
    """
    if find_spec("numba") is None:
        return elastic_net_numpy(curvature, pull, lasso, ridge, start, tolerance, sweeps)
    from justright.kernels.compiled_coordinate import descend

    weights = np.array(start, np.float64)
    descend(
        np.ascontiguousarray(curvature), np.ascontiguousarray(pull), lasso, ridge, weights, tolerance, sweeps
    )
    return weights


def elastic_net_numpy(
    curvature: FloatArray,
    pull: FloatArray,
    lasso: float,
    ridge: float,
    start: FloatArray,
    tolerance: float = 1e-9,
    sweeps: int = 10_000,
) -> FloatArray:
    """Return the same as `elastic_net` without numba: its twin, slower."""
    weights = np.array(start, np.float64)
    slope = pull - curvature @ weights
    for _ in range(sweeps):
        largest = 0.0
        for i in range(len(weights)):
            stiff = curvature[i, i] + ridge
            if stiff <= 0:
                continue
            free = slope[i] + curvature[i, i] * weights[i]
            new = np.sign(free) * max(abs(free) - lasso, 0.0) / stiff
            step = new - weights[i]
            if step != 0.0:
                weights[i] = new
                slope -= curvature[i] * step
                largest = max(largest, abs(step) * np.sqrt(stiff))
        if largest < tolerance:
            break
    return weights
