"""Compiled coordinate descent on a quadratic with an L1 penalty; see `kernels.coordinate`."""

from __future__ import annotations

import numpy as np

from justright.kernels.jit import kernel

__all__ = ["descend"]


@kernel
def descend(curvature, pull, lasso, ridge, weights, tolerance, sweeps):  # type: ignore[no-untyped-def]
    """Update `weights` in place until no step of a sweep is above `tolerance`; return the sweeps made."""
    d = weights.shape[0]
    slope = np.empty(d)
    for i in range(d):
        total = pull[i]
        for j in range(d):
            total -= curvature[i, j] * weights[j]
        slope[i] = total
    for sweep in range(sweeps):
        largest = 0.0
        for i in range(d):
            stiff = curvature[i, i] + ridge
            if stiff <= 0.0:
                continue
            old = weights[i]
            free = slope[i] + curvature[i, i] * old
            if free > lasso:
                new = (free - lasso) / stiff
            elif free < -lasso:
                new = (free + lasso) / stiff
            else:
                new = 0.0
            step = new - old
            if step != 0.0:
                weights[i] = new
                for j in range(d):
                    slope[j] -= curvature[i, j] * step
                size = abs(step) * np.sqrt(stiff)
                if size > largest:
                    largest = size
        if largest < tolerance:
            return sweep + 1
    return sweeps
