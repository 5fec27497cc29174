"""Compiled loops of additive models; see `kernels.additive` for the shapes and the numpy twins.

Columns (an output of a member each) are the last axis and come in lanes of eight, one 64-byte line of
float64: a code is read once for all of them. Loops over a lane have a constant length, so that the
compiler turns them into vector instructions.
"""

from __future__ import annotations

import math

import numpy as np

from justright.kernels.jit import kernel

__all__ = [
    "bin_codes",
    "cross_gain",
    "derive",
    "gather",
    "histogram",
    "nudge",
    "pair_histogram",
    "relax",
    "slopes",
    "solve_chain",
    "step",
]

_LANE = 8
_ROWS = 64  # rows at a time: their margins stay in the nearest cache
_FLAT = 1e-6  # least curvature of a probability
_HIGH = 80.0  # largest margin of a rate: its slope times a weight stays within float32


@kernel
def bin_codes(values, edges, out):  # type: ignore[no-untyped-def]
    """Set `out` to the number of edges <= each value; NaN gets one more than the highest bin."""
    count = edges.shape[0]
    for i in range(values.shape[0]):
        value = values[i]
        if value != value:
            out[i] = count + 1
            continue
        low, left = 0, count
        while left > 0:
            half = left >> 1
            right = edges[low + half] <= value
            low = low + half + 1 if right else low
            left = left - half - 1 if right else half
        out[i] = low


@kernel
def histogram(codes, group, g, h, trains, held, begin, end, slope, bend, held_slope, held_bend):  # type: ignore[no-untyped-def]
    """Add rows begin..end to the sums by code: training rows of each column, and its held-out rows."""
    columns = g.shape[1]
    if columns == 1:
        for i in range(begin, end):
            b, r = codes[i], group[i]
            slope[b, 0] += g[i, 0] * trains[r, 0]
            bend[b, 0] += h[i, 0] * trains[r, 0]
        return
    for i in range(begin, end):
        b, r = codes[i], group[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                slope[b, lane + m] += g[i, lane + m] * trains[r, lane + m]
            for m in range(_LANE):
                bend[b, lane + m] += h[i, lane + m] * trains[r, lane + m]
        for j in range(held.shape[1]):
            c = held[r, j]
            if c < 0:
                break
            held_slope[b, c] += g[i, c]
            held_bend[b, c] += h[i, c]


@kernel
def slopes(codes, group, g, trains, begin, end, slope):  # type: ignore[no-untyped-def]
    """Add the slopes of rows begin..end to the sums by code of the columns that they train."""
    columns = g.shape[1]
    if columns == 1:
        for i in range(begin, end):
            slope[codes[i], 0] += g[i, 0] * trains[group[i], 0]
        return
    for i in range(begin, end):
        b, r = codes[i], group[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                slope[b, lane + m] += g[i, lane + m] * trains[r, lane + m]


@kernel
def gather(codes, table, begin, end, margin):  # type: ignore[no-untyped-def]
    """Add each row's line of the table to its margins."""
    columns = margin.shape[1]
    if columns == 1:
        for i in range(begin, end):
            margin[i, 0] += table[codes[i], 0]
        return
    for i in range(begin, end):
        b = codes[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                margin[i, lane + m] += table[b, lane + m]


@kernel
def _powers(buffer, count, low, high):  # type: ignore[no-untyped-def]
    """Replace x by exp(x), 1e-14 absolute for the logistic; x is cut to low..high, within 100 of 0.

    exp(x / 256) by its series, squared eight times: no branch and no call, so eight at a time.
    """
    for k in range(count):
        x = buffer[k]
        x = max(x, low)
        x = min(x, high)
        x = x * (1.0 / 256.0)
        r = 1.0 / 720 + x * (1.0 / 5040 + x * (1.0 / 40320))
        r = 1.0 + x * (1.0 + x * (1.0 / 2 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x * r)))))
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        buffer[k] = r


@kernel
def _shares(buffer, count):  # type: ignore[no-untyped-def]
    """Replace a margin by the probability that it stands for."""
    for k in range(count):
        buffer[k] = -buffer[k]
    _powers(buffer, count, -40.0, 40.0)
    for k in range(count):
        buffer[k] = 1.0 / (1.0 + buffer[k])


@kernel
def _softmax(first, count, outputs, target, weight, buffer, margin, g, h):  # type: ignore[no-untyped-def]
    """Set slope and bend of some rows for the cross-entropy; columns run over outputs first, then members."""
    members = margin.shape[1] // outputs
    used = members * outputs
    k = 0
    for i in range(first, first + count):
        for begin in range(0, used, outputs):
            top = margin[i, begin]
            for c in range(begin + 1, begin + outputs):
                top = max(top, margin[i, c])
            for c in range(begin, begin + outputs):
                buffer[k + c] = margin[i, c] - top
        k += used
    _powers(buffer, k, -80.0, 0.0)
    k = 0
    for i in range(first, first + count):
        w, own = weight[i], int(target[i])
        for begin in range(0, used, outputs):
            total = 0.0
            for c in range(begin, begin + outputs):
                total += buffer[k + c]
            for c in range(begin, begin + outputs):
                p = buffer[k + c] / total
                g[i, c] = w * p
                # 2 p (1 - p) bounds the coupled curvature from above: all classes may step at once.
                h[i, c] = w * max(2.0 * p * (1.0 - p), _FLAT)
            g[i, begin + own] -= w
        k += used


@kernel
def derive(loss, outputs, target, weight, begin, end, margin, g, h):  # type: ignore[no-untyped-def]
    """Set slope and bend of rows begin..end: loss 0 squared, 1 logistic, 2 Poisson, 3 softmax."""
    columns = margin.shape[1]
    buffer = np.empty(_ROWS * columns)
    # The bend as a polynomial of the prediction p: 1, p (1 - p) or p.
    flat, line, square = 1.0 * (loss == 0), 1.0 * (loss != 0), -1.0 * (loss == 1)
    for first in range(begin, end, _ROWS):
        count = min(_ROWS, end - first)
        if loss == 3:
            _softmax(first, count, outputs, target, weight, buffer, margin, g, h)
            continue
        k = 0
        for i in range(first, first + count):
            for c in range(columns):
                buffer[k + c] = margin[i, c]
            k += columns
        if loss == 1:
            _shares(buffer, k)
        elif loss == 2:
            _powers(buffer, k, -40.0, _HIGH)
        k = 0
        for i in range(first, first + count):
            w, y = weight[i], target[i]
            for c in range(columns):
                p = buffer[k + c]
                g[i, c] = w * (p - y)
                h[i, c] = w * max(_FLAT, flat + p * (line + square * p))
            k += columns


@kernel
def step(loss, outputs, codes, table, target, weight, begin, end, margin, g, h):  # type: ignore[no-untyped-def]
    """Add each row's line of the table to its margins, and set slope and bend anew."""
    for first in range(begin, end, _ROWS):
        last = min(first + _ROWS, end)
        gather(codes, table, first, last, margin)
        derive(loss, outputs, target, weight, first, last, margin, g, h)


@kernel
def nudge(codes, table, begin, end, margin, g, h):  # type: ignore[no-untyped-def]
    """Add each row's line of the table to its margins, and to its slope what a constant bend makes of it."""
    columns = margin.shape[1]
    if columns == 1:
        for i in range(begin, end):
            t = table[codes[i], 0]
            margin[i, 0] += t
            g[i, 0] += h[i, 0] * t
        return
    for i in range(begin, end):
        b = codes[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                t = table[b, lane + m]
                margin[i, lane + m] += t
                g[i, lane + m] += h[i, lane + m] * t


@kernel
def pair_histogram(first, second, width, fold, g, h, begin, end, slope, bend, spread):  # type: ignore[no-untyped-def]
    """Add rows begin..end to the sums by fold and pair of codes: slope, bend, squared slope."""
    for i in range(begin, end):
        cell = first[i] * width + second[i]
        f = fold[i]
        slope[f, cell] += g[i]
        bend[f, cell] += h[i]
        spread[f, cell] += g[i] * g[i]


@kernel
def solve_chain(bend, pull, smooth, ridge, out):  # type: ignore[no-untyped-def]
    """Set `out` to the minimiser of sum bend u^2 / 2 - pull u + penalties, by column; LDL' of a band of five.

    Arrays (bins, columns); `smooth` of the second differences and `ridge` are (columns,).
    """
    count, columns = bend.shape
    diagonal, upper, far = np.empty(count), np.empty(count), np.empty(count)
    for c in range(columns):
        s = smooth[c] if count > 2 else 0.0
        for i in range(count):
            out[i, c] = pull[i, c]
            inner = 1.0 if 1 <= i <= count - 2 else 0.0
            first = 1.0 if i <= count - 3 else 0.0
            last = 1.0 if i >= 2 else 0.0
            diagonal[i] = bend[i, c] + ridge[c] + s * (first + 4.0 * inner + last)
            upper[i] = -2.0 * s * (first + inner)
            far[i] = s * first
        for i in range(count):
            if i + 1 < count:
                ratio = upper[i] / diagonal[i]
                diagonal[i + 1] -= ratio * upper[i]
                upper[i + 1] -= ratio * far[i]
                out[i + 1, c] -= ratio * out[i, c]
            if i + 2 < count:
                ratio = far[i] / diagonal[i]
                diagonal[i + 2] -= ratio * far[i]
                out[i + 2, c] -= ratio * out[i, c]
        for i in range(count - 1, -1, -1):
            total = out[i, c]
            if i + 1 < count:
                total -= upper[i] * out[i + 1, c]
            if i + 2 < count:
                total -= far[i] * out[i + 2, c]
            out[i, c] = total / diagonal[i]


@kernel
def relax(bend, pull, rows, columns, smooth_rows, smooth_columns, ridge, sweeps, u):  # type: ignore[no-untyped-def]
    """Gauss-Seidel sweeps, there and back, on a grid of cells for every member; u (rows * columns, members).

    Minimises sum bend u^2 / 2 - pull u + ridge |u|^2 / 2 + smooth / 2 times the squared differences of
    neighbours along rows and along columns; strengths are (members,).
    """
    members = u.shape[1]
    cells = rows * columns
    total, weight = np.empty(members), np.empty(members)
    for sweep in range(sweeps):
        for k in range(cells):
            cell = k if sweep % 2 == 0 else cells - 1 - k
            row, column = cell // columns, cell % columns
            for m in range(members):
                total[m] = pull[cell, m]
                weight[m] = bend[cell, m] + ridge[m]
            if row > 0:
                _join(smooth_rows, u, cell - columns, total, weight)
            if row < rows - 1:
                _join(smooth_rows, u, cell + columns, total, weight)
            if column > 0:
                _join(smooth_columns, u, cell - 1, total, weight)
            if column < columns - 1:
                _join(smooth_columns, u, cell + 1, total, weight)
            for m in range(members):
                u[cell, m] = total[m] / weight[m]


@kernel
def _join(smooth, u, neighbour, total, weight):  # type: ignore[no-untyped-def]
    """Add the pull of a neighbouring cell."""
    for m in range(total.shape[0]):
        total[m] += smooth[m] * u[neighbour, m]
        weight[m] += smooth[m]


@kernel
def _totals(values, total):  # type: ignore[no-untyped-def]
    """Set `total` (rows, columns) to the sum of values (folds, rows, columns)."""
    folds, rows, columns = values.shape
    for i in range(rows):
        for j in range(columns):
            total[i, j] = 0.0
            for f in range(folds):
                total[i, j] += values[f, i, j]


@kernel
def _without_mains(slope, bend, sweeps, tiny):  # type: ignore[no-untyped-def]
    """Take out of slopes (rows, columns) what a function of the row and one of the column explain."""
    rows, columns = slope.shape
    for _ in range(sweeps):
        for i in range(rows):
            a, b = 0.0, tiny
            for j in range(columns):
                a += slope[i, j]
                b += bend[i, j]
            for j in range(columns):
                slope[i, j] -= bend[i, j] * (a / b)
        for j in range(columns):
            a, b = 0.0, tiny
            for i in range(rows):
                a += slope[i, j]
                b += bend[i, j]
            for i in range(rows):
                slope[i, j] -= bend[i, j] * (a / b)


@kernel
def _freedom(stiff, tiny, free):  # type: ignore[no-untyped-def]
    """Set `free` to the share of each cell's variance that main effects leave it.

    Exact where rows and columns are independent; else of the table of this cell and the rest, an upper bound.
    """
    rows, columns = stiff.shape
    down, total = np.zeros(columns), 0.0
    for i in range(rows):
        for j in range(columns):
            down[j] += stiff[i, j]
            total += stiff[i, j]
    for i in range(rows):
        across = 0.0
        for j in range(columns):
            across += stiff[i, j]
        for j in range(columns):
            own = stiff[i, j]
            right, below = max(across - own, 0.0) + tiny, max(down[j] - own, 0.0) + tiny
            rest = max(total - across - down[j] + own, 0.0) + tiny
            free[i, j] = 1.0 / (1.0 + own / right + own / below + own / rest)


@kernel
def cross_gain(slope, bend, spread, strengths, unit, out):  # type: ignore[no-untyped-def]
    """Score a table of cells by the folds; see `kernels.additive.cross_gain`.

    `slope`, `bend`, `spread` are (folds, rows, columns) and changed: main effects are taken out of the slope.
    """
    folds, rows, columns = slope.shape
    out[0], out[1], out[2] = -1e300, 0.0, 1.0
    if rows < 2 or columns < 2 or not unit > 0.0:
        return
    tiny = 1e-9 * unit + 1e-300
    total, stiff = np.zeros((rows, columns)), np.zeros((rows, columns))
    variance, free = np.zeros((rows, columns)), np.zeros((rows, columns))
    first = np.zeros((rows, columns))
    _totals(slope, total)
    _totals(slope, first)
    _totals(bend, stiff)
    _totals(spread, variance)
    _without_mains(first, stiff, 6, tiny)
    _freedom(stiff, tiny, free)
    noisy, all_stiff = 0.0, 0.0
    for i in range(rows):
        for j in range(columns):
            noisy += variance[i, j]
            all_stiff += stiff[i, j]
    noisy = noisy / max(all_stiff, 1e-300) + 1e-300
    for i in range(rows):
        for j in range(columns):
            shift = (total[i, j] - first[i, j]) / (stiff[i, j] + 1e-300)
            lack = max(noisy * stiff[i, j] - variance[i, j], 0.0) / (stiff[i, j] + 1e-300)
            for f in range(folds):
                slope[f, i, j] -= bend[f, i, j] * shift
                spread[f, i, j] += bend[f, i, j] * lack
    for f in range(folds):
        _without_mains(slope[f], bend[f], 4, tiny)
    _totals(slope, total)
    _totals(spread, variance)
    for s in range(strengths.shape[0]):
        ridge = strengths[s] * unit
        gain, pull, noise, sum2, sum3 = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(rows):
            for j in range(columns):
                square, single = 0.0, 0.0
                for f in range(folds):
                    held = 1.0 / (stiff[i, j] - bend[f, i, j] + ridge)
                    u = -(total[i, j] - slope[f, i, j]) * held
                    pull -= slope[f, i, j] * u
                    gain -= slope[f, i, j] * u + 0.5 * bend[f, i, j] * u * u
                    part = spread[f, i, j] * held
                    square += part
                    single += part * part
                noise += free[i, j] * (square * square - single)
                share = variance[i, j] / ((stiff[i, j] + ridge) * noisy)
                sum2 += free[i, j] * share * share
                sum3 += free[i, j] * share * share * share
        if sum2 < 1e-6:
            continue  # columns that copy each other: main effects leave nothing
        z = pull / math.sqrt(2.0 * noise + 1e-300)
        if z > out[1] or out[0] == -1e300:
            out[0], out[1], out[2] = gain, z, max(sum2 * sum2 * sum2 / (sum3 * sum3), 1.0)
