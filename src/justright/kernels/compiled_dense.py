"""Compiled loops over a dense table of numbers; see `kernels.dense` for the shapes and the numpy twins.

Loops over a line or a block have no call and no branch, so that the compiler turns them into vector
instructions: the exponential and the logarithm are series.
"""

from __future__ import annotations

import numpy as np

from justright.kernels.jit import kernel

__all__ = ["logistic", "logistic_lines", "roots", "standardise", "survey", "weigh"]

_ROWS = 256  # rows whose mean is taken before they are merged: they stay in the nearest cache
_LINE = 512  # margins at a time


@kernel
def survey(X, weight, begin, end, out):  # type: ignore[no-untyped-def]
    """Set `out` (4, d) to mean, squared deviations, least and most of rows begin..end; return the weight."""
    d = X.shape[1]
    mean, total = np.empty(d), 0.0
    out[0] = 0.0
    out[1] = 0.0
    out[2] = np.inf
    out[3] = -np.inf
    for first in range(begin, end, _ROWS):
        last = min(first + _ROWS, end)
        own = 0.0
        for j in range(d):
            mean[j] = 0.0
        for i in range(first, last):
            w = weight[i]
            own += w
            for j in range(d):
                mean[j] += w * X[i, j]
                out[2, j] = min(out[2, j], X[i, j])
                out[3, j] = max(out[3, j], X[i, j])
        share = total * own / (total + own)
        total += own
        for j in range(d):
            mean[j] /= own
            gap = mean[j] - out[0, j]
            out[0, j] += gap * (own / total)
            out[1, j] += gap * gap * share
        for i in range(first, last):
            w = weight[i]
            for j in range(d):
                away = X[i, j] - mean[j]
                out[1, j] += w * away * away
    return total


@kernel
def standardise(X, order, begin, end, centre, factor, out):  # type: ignore[no-untyped-def]
    """Set `out` (rows, d + 1) to (x - centre) * factor and a one; rows come by `order` if it has any."""
    d = X.shape[1]
    ordered = order.shape[0] > 0
    for k in range(end - begin):
        i = order[begin + k] if ordered else begin + k
        for j in range(d):
            out[k, j] = (X[i, j] - centre[j]) * factor[j]
        out[k, d] = 1.0


@kernel
def _logistic(margin, y, p, value, count):  # type: ignore[no-untyped-def]
    """Set probability and loss of `count` margins; both are right to about 1e-14.

    exp(-|m|) is the series of exp(x / 256) squared eight times, log(1 + t) that of 2 atanh(t / (2 + t)).
    """
    for k in range(count):
        m = margin[k]
        x = max(-abs(m), -40.0) * (1.0 / 256.0)
        t = 1.0 / 720 + x * (1.0 / 5040 + x * (1.0 / 40320))
        t = 1.0 + x * (1.0 + x * (1.0 / 2 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x * t)))))
        t *= t
        t *= t
        t *= t
        t *= t
        t *= t
        t *= t
        t *= t
        t *= t
        u = t / (2.0 + t)
        v = u * u
        s = 1.0 / 21 + v * (1.0 / 23 + v * (1.0 / 25 + v * (1.0 / 27 + v * (1.0 / 29))))
        s = 1.0 / 11 + v * (1.0 / 13 + v * (1.0 / 15 + v * (1.0 / 17 + v * (1.0 / 19 + v * s))))
        s = 1.0 + v * (1.0 / 3 + v * (1.0 / 5 + v * (1.0 / 7 + v * (1.0 / 9 + v * s))))
        value[k] = max(m, 0.0) - y[k] * m + 2.0 * u * s
        q = 1.0 / (1.0 + t)
        p[k] = q if m >= 0.0 else 1.0 - q


@kernel
def logistic(margin, y, weight):  # type: ignore[no-untyped-def]
    """Replace margins (rows,) by weighted slopes; return the weighted loss."""
    p, value, lanes = np.empty(_LINE), np.empty(_LINE), np.zeros(8)
    rows = margin.shape[0]
    for first in range(0, rows, _LINE):
        count = min(_LINE, rows - first)
        _logistic(margin[first : first + count], y[first : first + count], p, value, count)
        for k in range(count):
            margin[first + k] = weight[first + k] * (p[k] - y[first + k])
            value[k] *= weight[first + k]
        for k in range(count, (count + 7) // 8 * 8):
            value[k] = 0.0
        for k in range(0, count, 8):
            for lane in range(8):
                lanes[lane] += value[k + lane]
    return lanes.sum()


@kernel
def logistic_lines(margin, y, weight, loss):  # type: ignore[no-untyped-def]
    """Replace margins (rows, members) by weighted slopes; add the weighted losses to `loss` (members,)."""
    members = margin.shape[1]
    p, value, target = np.empty(members), np.empty(members), np.empty(members)
    for i in range(margin.shape[0]):
        w, own = weight[i], y[i]
        for c in range(members):
            target[c] = own
        _logistic(margin[i], target, p, value, members)
        for c in range(members):
            margin[i, c] = w * (p[c] - own)
        for c in range(members):
            loss[c] += w * value[c]


@kernel
def roots(slope, member, y, weight, out):  # type: ignore[no-untyped-def]
    """Set `out` (rows,) to the root of each row's weighted bend under one member, from its slope."""
    for i in range(slope.shape[0]):
        p = slope[i, member] / weight[i] + y[i]
        bend = p * (1.0 - p)
        out[i] = np.sqrt(weight[i] * max(bend, 1e-14))


@kernel
def weigh(Z, root, out):  # type: ignore[no-untyped-def]
    """Set each row of `out` to that of Z times its root."""
    for i in range(Z.shape[0]):
        r = root[i]
        for j in range(Z.shape[1]):
            out[i, j] = r * Z[i, j]
