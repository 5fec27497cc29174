"""The loops over cells of additive models against dense solutions and sums written cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.kernels import cells as loops
from justright.kernels.additive import pair_histogram


@pytest.mark.parametrize("count", [1, 2, 3, 4, 17])
def test_solve_chain_is_the_dense_solution(count):
    rng = np.random.default_rng(count)
    bend, pull = rng.uniform(0.0, 3.0, (count, 3)), rng.normal(size=(count, 3))
    smooth, ridge = np.array([0.0, 1.0, 1e4]), np.array([0.1, 0.5, 1e-3])
    found = loops.solve_chain(bend, pull, smooth, ridge)
    turns = np.diff(np.eye(count), n=2, axis=0) if count > 2 else np.zeros((0, count))
    for c in range(3):
        A = np.diag(bend[:, c] + ridge[c]) + smooth[c] * turns.T @ turns
        np.testing.assert_allclose(found[:, c], np.linalg.solve(A, pull[:, c]), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (4, 6)])
def test_relax_converges_to_the_dense_solution_and_never_rises(shape):
    rng = np.random.default_rng(7)
    rows, columns = shape
    cells, members = rows * columns, 3
    bend, pull = rng.uniform(0.0, 3.0, (cells, members)), rng.normal(size=(cells, members))
    along, across = np.array([0.0, 2.0, 0.7]), np.array([1.0, 0.0, 0.7])
    ridge = np.array([0.3, 0.2, 0.5])
    grid = np.eye(cells).reshape(cells, rows, columns)
    first = np.diff(grid, axis=1).reshape(cells, -1).T
    second = np.diff(grid, axis=2).reshape(cells, -1).T

    def objective(u, m):
        value = 0.5 * (bend[:, m] * u * u).sum() - pull[:, m] @ u + 0.5 * ridge[m] * u @ u
        return value + 0.5 * along[m] * ((first @ u) ** 2).sum() + 0.5 * across[m] * ((second @ u) ** 2).sum()

    u = rng.normal(size=(cells, members))
    start = u.copy()
    for _ in range(3):
        better = loops.relax(bend, pull, shape, (along, across), ridge, 1, u)
        assert all(objective(better[:, m], m) <= objective(u[:, m], m) + 1e-12 for m in range(members))
        u = better
    found = loops.relax(bend, pull, shape, (along, across), ridge, 600, start)
    for m in range(members):
        A = np.diag(bend[:, m] + ridge[m]) + along[m] * first.T @ first + across[m] * second.T @ second
        np.testing.assert_allclose(found[:, m], np.linalg.solve(A, pull[:, m]), rtol=1e-8, atol=1e-8)


def purified(slope, bend):
    """Return slopes less what the best function of the row plus one of the column explain."""
    rows, columns = slope.shape
    design = np.zeros((rows * columns, rows + columns))
    for i in range(rows):
        for j in range(columns):
            design[i * columns + j, i] = design[i * columns + j, rows + j] = 1.0
    root = np.sqrt(bend.reshape(-1))
    values = np.where(root > 0, slope.reshape(-1) / np.maximum(root, 1e-300), 0.0)
    found = np.linalg.lstsq(design * root[:, None], values, rcond=None)[0]
    return slope - bend * (design @ found).reshape(rows, columns)


def gain_by_hand(slope, bend, spread, strengths, unit):
    """Return gain, z and freedom of the strength with the largest z, cell by cell."""
    folds, rows, columns = slope.shape
    clean = np.stack([purified(slope[f], bend[f]) for f in range(folds)])
    stiff, variance = bend.sum(axis=0), spread.sum(axis=0)
    noisy = variance.sum() / stiff.sum()
    best = None
    for strength in strengths:
        gain, pull, noise, two, three = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(rows):
            for j in range(columns):
                own = stiff[i, j]
                rest = stiff[i].sum() - own, stiff[:, j].sum() - own
                other = stiff.sum() - own - sum(rest)
                free = 1.0 / (1.0 + own / rest[0] + own / rest[1] + own / other)
                lack = max(noisy * own - variance[i, j], 0.0) / own
                shares = []
                for f in range(folds):
                    held = 1.0 / (own - bend[f, i, j] + strength * unit)
                    u = -sum(clean[k, i, j] for k in range(folds) if k != f) * held
                    pull -= clean[f, i, j] * u
                    gain -= clean[f, i, j] * u + 0.5 * bend[f, i, j] * u * u
                    shares.append((spread[f, i, j] + bend[f, i, j] * lack) * held)
                noise += free * sum(
                    shares[f] * shares[k] for f in range(folds) for k in range(folds) if f != k
                )
                share = max(variance[i, j], noisy * own) / ((own + strength * unit) * noisy)
                two, three = two + free * share**2, three + free * share**3
        z = pull / math.sqrt(2 * noise)
        if best is None or z > best[1]:
            best = gain, z, max(two**3 / three**2, 1.0)
    return best


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (6, 4)])
@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_cross_gain_is_the_slow_computation(shape, effect):
    rng = np.random.default_rng(11)
    n = 3000
    a, b = rng.integers(0, shape[0], n), rng.integers(0, shape[1], n)
    g = rng.normal(size=n) + 2.0 * a - effect * (a * b % 2)
    h = rng.uniform(0.5, 1.5, n)
    fold = (np.arange(n) % 5).astype(np.int16)
    codes = (each.astype(np.uint16) for each in (a, b))
    sums = pair_histogram(*codes, shape, fold, 5, g.astype(np.float32), h.astype(np.float32))
    strengths, unit = np.array([5.0, 20.0, 80.0]), float(h.mean())
    wanted = gain_by_hand(*(each.copy() for each in sums), strengths, unit)
    found = loops.cross_gain(*sums, strengths, unit)
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-2)
