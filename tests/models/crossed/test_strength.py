"""The Newton step of a term against dense algebra, and the choice of its strength against a slow copy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.models.crossed.strength import Sums, choose, first_strengths, near, newton
from justright.models.crossed.terms import Term

SPIKES = np.array([False, True, False, False, False, False, True])


def term_of(kind):
    if kind == "number":
        return Term((0,), (7,), (), (True,), SPIKES)
    if kind == "category":
        return Term((0,), (5,), (), (False,), np.zeros(0, bool))
    ordered = {"grid": (True, True), "curves": (True, False), "table": (False, False)}[kind]
    return Term((0, 1), (4, 5), (), ordered, np.zeros(0, bool))


def quadratic(term, bend, smooth, ridge, weight):
    """Return the matrix of bend and penalty of one column, written out."""
    cells = len(bend)
    total, A = bend.sum(), np.diag(bend).astype(float)
    unit, mean = total / weight, total / cells
    if len(term.fields) == 1 and not term.ordered[0]:
        return A + (ridge * unit + 1e-9 * unit) * np.eye(cells)
    if len(term.fields) == 1:
        chain = np.flatnonzero(~term.spikes)
        D = np.diff(np.eye(len(chain)), n=2, axis=0)
        few = 0.2 * unit
        ridge = mean * (1e-3 * min(smooth, 1.0) + 1e-9) + few * min(1.0, 0.01 / smooth)
        P = smooth * mean * D.T @ D + ridge * np.eye(len(chain))
        A[np.ix_(chain, chain)] += P
        A[term.spikes, term.spikes] += 0.01 * mean + few
        return A
    grid = np.eye(cells).reshape(cells, *term.shape)
    for axis, ordered in enumerate(term.ordered):
        D = np.diff(grid, axis=axis + 1).reshape(cells, -1).T
        A += smooth * unit * ordered * D.T @ D
    return A + (ridge + 1e-9) * unit * np.eye(cells)


@pytest.mark.parametrize("kind", ["number", "category", "grid", "curves", "table"])
def test_newton_is_the_optimum_of_the_penalised_quadratic(kind):
    term = term_of(kind)
    rng = np.random.default_rng(0)
    cells = term.cells
    slope, table = rng.normal(size=(cells, 3)), rng.normal(size=(cells, 3))
    bend = rng.uniform(0.0, 4.0, (cells, 3))
    bend[2] = 0.0  # an empty cell
    strength = np.array([[0.5, 2.0, 20.0], [0.2, 1.0, 30.0]])
    weight = np.array([10.0, 20.0, 5.0])
    found = newton(term, slope, bend, table, strength, weight)
    for _ in range(40):  # a grid is relaxed by some sweeps at a time
        found = newton(term, slope + bend * (found - table), bend, found, strength, weight)
    for c in range(3):
        A = quadratic(term, bend[:, c], strength[0, c], strength[1, c], weight[c])
        wanted = np.linalg.solve(A, bend[:, c] * table[:, c] - slope[:, c])
        np.testing.assert_allclose(found[:, c], wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["number", "category", "grid", "table"])
def test_the_held_out_sums_choose(kind):
    term = term_of(kind)
    rng = np.random.default_rng(1)
    sums = Sums(*(np.abs(rng.normal(size=(term.cells, 4))) if k % 2 else rng.normal(size=(term.cells, 4))
                  for k in range(4)))  # fmt: skip
    table, tried = 0.1 * rng.normal(size=(term.cells, 4)), first_strengths(term)
    weight = np.array([5.0, 6.0, 7.0, 8.0])
    found = choose(term, sums, table, tried, weight, 2.0)
    falls = []
    for strength in tried:
        made = newton(term, sums.slope, sums.bend, table, strength[:, None] * np.ones(4), weight)
        step = np.clip(made - table, -2.0, 2.0)
        fall = 0.0
        for cell in range(term.cells):
            for c in range(4):
                d = step[cell, c]
                fall -= sums.held_slope[cell, c] * d + 0.5 * sums.held_bend[cell, c] * d * d
        falls.append(fall)
    np.testing.assert_allclose(found.gain, falls, rtol=1e-9)
    assert found.best.tolist() == tried[int(np.argmax(falls))].tolist()
    assert found.error[int(np.argmax(falls))] == 0.0 and (found.error >= 0).all()


@pytest.mark.parametrize("kind", ["number", "category", "grid", "curves", "table"])
def test_strengths_around_a_choice_hold_it_and_are_few(kind):
    term = term_of(kind)
    path = first_strengths(term)
    assert 1 < len(path) <= 18 and (path >= 0).all()
    for strength in path:
        around = near(term, strength)
        assert 1 <= len(around) <= 18
        assert (np.abs(around - strength).sum(axis=1) < 1e-9 + 1e-9 * strength.sum()).any()
