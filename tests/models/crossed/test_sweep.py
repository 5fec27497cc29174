"""Sweeps go down to the one optimum: its gradient vanishes, and scipy finds no lower place."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.models.crossed.fields import fit_fields
from justright.models.crossed.packed import counts_of, pack
from justright.models.crossed.sweep import Tables, losses, restore, sweep
from justright.models.crossed.terms import cross_term, single_term
from justright.schema import Member

ALONE = (Member(-1, 0, 1.0),)


def setting(table, loss, outputs=1, n=300, crosses=((0, 3), (3, 4)), members=ALONE):
    """Return spec, packed rows, terms, cells and tables of zeros with fixed strengths."""
    spec, blocks = table(n=n, loss=loss, outputs=outputs)
    fields = fit_fields(spec.plan, blocks, ())
    packed = pack(spec, blocks, members, fields, 1.0)
    counts = counts_of(packed, fields)
    terms = [single_term(place, field) for place, field in enumerate(fields)]
    terms += [cross_term(pair, fields, counts, 5) for pair in crosses]
    cells = [packed.cells(term) for term in terms]
    columns = packed.rows.g.shape[1]
    zeros = [np.zeros((term.cells, columns)) for term in terms]
    nothing = [np.full(each.shape, np.nan) for each in zeros]
    strength = [np.array([5.0, 3.0]) for _ in terms]
    own = [np.repeat(each[:, None], columns, axis=1) for each in strength]
    at = Tables(np.zeros(columns), zeros, nothing, strength, [np.zeros((0, 4)) for _ in terms], own)
    restore(spec, packed, terms, cells, at)
    return spec, packed, terms, cells, at


def run(spec, packed, terms, cells, at, sweeps, judged=None):
    factor = np.ones(packed.rows.g.shape[1])
    judged = np.zeros(0, np.int64) if judged is None else judged
    for _ in range(sweeps):
        for bend in at.bends:
            bend[:] = np.nan  # curvature anew: the test is of the optimum, not of the way
        restore(spec, packed, terms, cells, at)
        sweep(spec, packed, terms, cells, at, factor, judged, choosing=False)


def penalty(term, u, total, mean_weight):
    """Return the penalty of one column's table as the docstring of `strength` has it."""
    cells = len(u)
    unit, mean = total / mean_weight, total / cells
    if len(term.fields) == 1 and not term.ordered[0]:
        return 0.5 * 3.0 * unit * u @ u
    if len(term.fields) == 1:
        chain = u[~term.spikes]
        value = 0.5 * 5.0 * mean * (np.diff(chain, n=2) ** 2).sum()
        return value + 0.5 * mean * (1e-3 * chain @ chain + 0.01 * u[term.spikes] @ u[term.spikes])
    grid = u.reshape(term.shape)
    value = 0.5 * 3.0 * unit * u @ u
    for axis, ordered in enumerate(term.ordered):
        value += 0.5 * 5.0 * unit * ordered * (np.diff(grid, axis=axis) ** 2).sum()
    return value


def objective(spec, packed, terms, cells, intercept, tables, totals):
    """Return the whole objective of column 0 in float64."""
    margin = intercept + sum(table[code] for table, code in zip(tables, cells, strict=True))
    target = packed.rows.target.astype(float)[:, None, None]
    value = spec.loss.value(margin[:, None, None], target).sum()
    weight = float(packed.trained_weight[0])
    return value + sum(
        penalty(term, table, total, weight) for term, table, total in zip(terms, tables, totals, strict=True)
    )


@pytest.mark.parametrize("loss", ["squared", "logistic", "poisson"])
def test_the_gradient_vanishes_where_sweeps_end(table, loss):
    spec, packed, terms, cells, at = setting(table, loss)
    run(spec, packed, terms, cells, at, 400)
    totals = [float(bend[:, 0].sum()) for bend in at.bends]
    tables = [each[:, 0].copy() for each in at.tables]
    base = objective(spec, packed, terms, cells, at.intercept[0], tables, totals)
    rng = np.random.default_rng(0)
    for place, term in enumerate(terms):
        for cell in rng.choice(term.cells, 6):
            for move in (0.02, -0.02):
                # A step keeps the mean of a term: its level belongs to the intercept.
                shifted = [each.copy() for each in tables]
                shifted[place][cell] += move
                level = move * at.bends[place][cell, 0] / totals[place]
                shifted[place] -= level
                tried = objective(spec, packed, terms, cells, at.intercept[0] + level, shifted, totals)
                assert tried >= base - 2e-5 * abs(base) * abs(move), (term.fields, cell)


def test_scipy_finds_no_lower_place(table):
    from scipy.optimize import minimize

    spec, packed, terms, cells, at = setting(table, "logistic", n=120, crosses=((3, 4),))
    terms, cells = [terms[3], terms[4], terms[5]], [cells[3], cells[4], cells[5]]
    at = Tables(
        np.zeros(1),
        [np.zeros((term.cells, 1)) for term in terms],
        [np.full((term.cells, 1), np.nan) for term in terms],
        [np.array([5.0, 3.0])] * 3,
        [np.zeros((0, 4))] * 3,
        [np.array([[5.0], [3.0]])] * 3,
    )
    run(spec, packed, terms, cells, at, 300)
    totals = [float(bend.sum()) for bend in at.bends]
    ends = np.cumsum([term.cells for term in terms])[:-1]

    def whole(x):
        return objective(spec, packed, terms, cells, x[0], np.split(x[1:], ends), totals)

    ours = np.concatenate([at.intercept, *(each[:, 0] for each in at.tables)])
    found = minimize(whole, np.zeros(len(ours)), method="BFGS", options={"gtol": 1e-7, "maxiter": 2000})
    # Ours keeps the mean of every term at zero by its bends; without that next to nothing is gained.
    assert whole(ours) <= found.fun * (1 + 2e-4)
    margins = [
        x[0] + sum(t[c] for t, c in zip(np.split(x[1:], ends), cells, strict=True)) for x in (ours, found.x)
    ]
    assert np.abs(margins[0] - margins[1]).max() < 0.05


def test_members_together_are_members_alone(table):
    members = (Member(-1, 0, 1.0), *(Member(k, 0, 1.0) for k in range(5)))
    spec, packed, terms, cells, at = setting(table, "logistic", members=members)
    # On the way they differ a little: a small step of all members leaves the bends as they are.
    run(spec, packed, terms, cells, at, 60)
    for place, member in enumerate(members[:3]):
        alone = setting(table, "logistic", members=(member,))
        run(*alone, 60)
        # Levels may stand in the intercept or in a term; margins say which model it is.
        one, two = packed.rows.margin[:, place], alone[1].rows.margin[:, 0]
        np.testing.assert_allclose(one, two, atol=5e-4, rtol=1e-4)


@pytest.mark.parametrize(("loss", "outputs"), [("squared", 1), ("softmax", 3), ("huber", 1)])
def test_losses_are_weighted_means_by_role(table, tools, loss, outputs):
    members = tuple(Member(k, 0, 1.0) for k in range(-1, 3))
    made = "squared" if loss == "huber" else loss
    rng = np.random.default_rng(2)
    weight, fold = rng.uniform(0.1, 2, 200), rng.choice([-2, 0, 1, 2], 200)
    spec, blocks = table(n=200, loss=made, outputs=outputs, weight=weight, fold=fold)
    spec = tools["spec_of"](blocks, loss, outputs, sizes=(6, 5))
    packed = pack(spec, blocks, members, fit_fields(spec.plan, blocks, ()), 1.0)
    packed.rows.margin[:] = rng.normal(size=packed.rows.margin.shape)
    train, held = losses(spec, packed, len(members))
    for place, member in enumerate(members):
        margin = packed.rows.margin[:, place * outputs : (place + 1) * outputs].astype(float)[:, :, None]
        value = spec.loss.value(margin, packed.rows.target[:, None, None])[:, 0, 0]
        mine = fold == member.fold
        assert train[place] == pytest.approx(np.average(value[~mine], weights=weight[~mine]), rel=1e-4)
        if member.fold < 0:
            assert np.isnan(held[place])
        else:
            assert held[place] == pytest.approx(np.average(value[mine], weights=weight[mine]), rel=1e-4)
