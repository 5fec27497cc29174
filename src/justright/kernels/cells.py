"""Loops over the cells of additive models: smooth solutions of a term, and the gain of a cross."""

from __future__ import annotations

import numpy as np

from justright.schema import FloatArray

__all__ = ["cross_gain", "relax", "solve_chain"]


def solve_chain(bend: FloatArray, pull: FloatArray, smooth: FloatArray, ridge: FloatArray) -> FloatArray:
    """Minimise, column by column, sum bend u^2 / 2 - pull u + smooth |D2 u|^2 / 2 + ridge |u|^2 / 2.

    Parameters
    ----------
    bend, pull : float64 (bins, C)
    smooth, ridge : float64 (C,)
        Strengths of the squared second differences of neighbours and of the squared values.

    Returns
    -------
    float64 (bins, C), exact; about 20 ns a bin and column.
    """
    from justright.kernels.compiled_cells import solve_chain as compiled

    out = np.empty_like(bend)
    compiled(bend, pull, smooth, ridge, np.empty((3, len(bend))), out)
    return out


def relax(
    bend: FloatArray,
    pull: FloatArray,
    shape: tuple[int, int],
    smooth: tuple[FloatArray, FloatArray],
    ridge: FloatArray,
    sweeps: int,
    start: FloatArray,
) -> FloatArray:
    """Improve a table of cells (rows * columns, C) by Gauss-Seidel sweeps from `start`; see the kernel.

    `smooth` holds the strengths along the first and the second axis, each (C,); 0 = not ordered.
    """
    from justright.kernels.compiled_cells import relax as compiled

    u, room = start.copy(), np.empty((2, start.shape[1]))
    compiled(bend, pull, shape[0], shape[1], smooth[0], smooth[1], ridge, sweeps, room, u)
    return u


def cross_gain(
    slope: FloatArray, bend: FloatArray, spread: FloatArray, strengths: FloatArray, unit: float
) -> tuple[float, float, float]:
    """Score a table of cells: fitted on all folds but one, judged on that one, every fold in turn.

    Parameters
    ----------
    slope, bend, spread : float64 (folds, rows, columns)
        Sums of g, h and g^2 over the rows of each fold and cell; changed in place.
    strengths : float64 (k,)
        Ridge strengths to try, in rows.
    unit : float
        Mean bend of a row.

    Returns
    -------
    gain : float
        Fall of the loss of the held-out rows, summed, beyond what the two main effects alone explain.
    z : float
        The same steps' first-order gain over its noise: without any effect mean 0, variance at most 1.
    freedom : float
        At least 1: degrees of freedom of the chi-square whose standardised law z has without effect,
        (chi2 - freedom) / sqrt(2 freedom).

    Notes
    -----
    Main effects are taken out of every fold's slopes by that fold alone, so that folds stay independent and
    the first-order gain, a sum over cells of products of slopes of different folds, has mean 0 without
    effect. Its variance is that of a sum of products (signs of the rows flipped at random: a Rademacher
    chaos), from the squares that each cell shows, or from the mean dispersion where a rare cell
    happens to show less. Main effects cost each cell a share of its freedom. Freedom by the third moment
    (Liu, Tang and Zhang 2009): a few cells with most of the variance have the long tail of few degrees.
    The gain itself is lower by what the steps cost.
    """
    from justright.kernels import compiled_cells as compiled

    out = np.array([-1e300, 0.0, 1.0])
    if min(slope.shape[1:]) < 2 or not unit > 0.0:
        return float(out[0]), float(out[1]), float(out[2])
    tiny = 1e-9 * unit + 1e-300
    total, stiff, variance = np.empty((3, *slope.shape[1:]))
    compiled.totals(slope, total)
    compiled.totals(bend, stiff)
    compiled.totals(spread, variance)
    first = total.copy()
    compiled.without_mains(first[None], stiff[None], 6, tiny)
    free = _freedom(stiff, tiny)
    noisy = float(variance.sum()) / max(float(stiff.sum()), 1e-300) + 1e-300
    compiled.share_noise(slope, bend, spread, total, first, stiff, variance, noisy)
    compiled.without_mains(slope, bend, 4, tiny)
    compiled.totals(slope, total)
    compiled.totals(spread, variance)
    compiled.score(slope, bend, spread, total, stiff, variance, free, strengths * unit, noisy, out)
    return float(out[0]), float(out[1]), float(out[2])


def _freedom(stiff: FloatArray, tiny: float) -> FloatArray:
    """Return the share of each cell's variance that main effects leave it, (rows, columns).

    Exact where rows and columns are independent; else of the table of this cell and the rest, an upper bound.
    """
    across, down, total = stiff.sum(axis=1, keepdims=True), stiff.sum(axis=0), stiff.sum()
    right, below = np.maximum(across - stiff, 0.0) + tiny, np.maximum(down - stiff, 0.0) + tiny
    rest = np.maximum(total - across - down + stiff, 0.0) + tiny
    return np.asarray(1.0 / (1.0 + stiff * (1.0 / right + 1.0 / below + 1.0 / rest)))
