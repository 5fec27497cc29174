"""Compiled loops over cells of additive models; see `kernels.cells` for what they return.

Working arrays come from the caller: numba's own `np.zeros` in a kernel costs 0.1 s of compiling each.
"""

from __future__ import annotations

import math

from justright.kernels.jit import inner, kernel

__all__ = ["relax", "score", "share_noise", "solve_chain", "totals", "without_mains"]


@kernel
def solve_chain(bend, pull, smooth, ridge, band, out):  # type: ignore[no-untyped-def]
    """Set `out` to the minimiser of sum bend u^2 / 2 - pull u + penalties, by column; LDL' of a band of five.

    Arrays (bins, columns); `smooth` of the second differences and `ridge` are (columns,); `band` is room
    (3, bins).
    """
    count, columns = bend.shape
    diagonal, upper, far = band[0], band[1], band[2]
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
def relax(bend, pull, rows, columns, smooth_rows, smooth_columns, ridge, sweeps, room, u):  # type: ignore[no-untyped-def]
    """Gauss-Seidel sweeps, there and back, on a grid of cells for every member; u (rows * columns, members).

    Minimises sum bend u^2 / 2 - pull u + ridge |u|^2 / 2 + smooth / 2 times the squared differences of
    neighbours along rows and along columns; strengths are (members,), `room` is (2, members).
    """
    members = u.shape[1]
    cells = rows * columns
    total, weight = room[0], room[1]
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


@inner
def _join(smooth, u, neighbour, total, weight):  # type: ignore[no-untyped-def]
    """Add the pull of a neighbouring cell."""
    for m in range(total.shape[0]):
        total[m] += smooth[m] * u[neighbour, m]
        weight[m] += smooth[m]


@kernel
def totals(values, total):  # type: ignore[no-untyped-def]
    """Set `total` (rows, columns) to the sum of values (folds, rows, columns)."""
    folds, rows, columns = values.shape
    for i in range(rows):
        for j in range(columns):
            total[i, j] = 0.0
            for f in range(folds):
                total[i, j] += values[f, i, j]


@kernel
def without_mains(slope, bend, sweeps, tiny):  # type: ignore[no-untyped-def]
    """Take out of every fold's slopes what a function of the row and one of the column explain."""
    folds, rows, columns = slope.shape
    for f in range(folds):
        for _ in range(sweeps):
            for i in range(rows):
                a, b = 0.0, tiny
                for j in range(columns):
                    a += slope[f, i, j]
                    b += bend[f, i, j]
                for j in range(columns):
                    slope[f, i, j] -= bend[f, i, j] * (a / b)
            for j in range(columns):
                a, b = 0.0, tiny
                for i in range(rows):
                    a += slope[f, i, j]
                    b += bend[f, i, j]
                for i in range(rows):
                    slope[f, i, j] -= bend[f, i, j] * (a / b)


@kernel
def share_noise(slope, bend, spread, total, first, stiff, variance, noisy):  # type: ignore[no-untyped-def]
    """Take the common main effects out of every fold, and give cells that show too little noise the mean."""
    folds, rows, columns = slope.shape
    for i in range(rows):
        for j in range(columns):
            own = stiff[i, j] + 1e-300
            shift = (total[i, j] - first[i, j]) / own
            lack = max(noisy * stiff[i, j] - variance[i, j], 0.0) / own
            for f in range(folds):
                slope[f, i, j] -= bend[f, i, j] * shift
                spread[f, i, j] += bend[f, i, j] * lack


@kernel
def score(slope, bend, spread, total, stiff, variance, free, ridges, noisy, out):  # type: ignore[no-untyped-def]
    """Judge the step of every cell on the fold it was not fitted on; set gain, z and freedom of the best."""
    folds, rows, columns = slope.shape
    out[0], out[1], out[2] = -1e300, 0.0, 1.0
    for s in range(ridges.shape[0]):
        ridge = ridges[s]
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
