"""Which crosses enter, at which grain, and what one is worth that is already in."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.kernels.additive import histogram
from justright.models.crossed import guard
from justright.models.crossed.fields import fit_fields
from justright.models.crossed.packed import counts_of, pack
from justright.models.crossed.search import Candidate
from justright.models.crossed.terms import cross_term
from justright.schema import Member

MEMBERS = tuple(Member(k, 0, 1.0) for k in range(-1, 5))
JUDGED = np.arange(1, 6)


def packed_of(table, effect=None, n=4000):
    spec, blocks = table(n=n, effect=effect)
    fields = fit_fields(spec.plan, blocks, ())
    packed = pack(spec, blocks, MEMBERS, fields, 1.0)
    packed.rows.h[:] = 1.0
    return spec, packed, fields, counts_of(packed, fields)


def test_only_those_above_their_noise_that_gain_enter_and_no_more_than_asked():
    found = [
        Candidate(0, 1, 9.0, 9.0, 1e-9),
        Candidate(0, 2, 8.0, 3.0, 0.06),
        Candidate(1, 2, 7.0, 9.0, 0.0499),
        Candidate(1, 3, -1.0, 9.0, 1e-9),
        Candidate(2, 3, 0.0, 9.0, float("nan")),
    ]
    assert guard.accepted(found, 8) == [found[0], found[2]]
    assert guard.accepted(found, 1) == [found[0]]
    assert guard.accepted([], 8) == []


def test_sums_of_fine_cells_are_those_of_coarse_ones(table):
    _, packed, fields, counts = packed_of(table)
    packed.rows.g[:] = np.random.default_rng(0).normal(size=packed.rows.g.shape)
    fine = cross_term((0, 3), fields, counts, guard.GRAINS[-1])
    for grain in guard.GRAINS:
        coarse = cross_term((0, 3), fields, counts, grain)
        wanted = histogram(packed.rows, packed.cells(coarse), coarse.cells)
        found = histogram(packed.rows, packed.cells(fine), fine.cells)
        for one, two in zip(found, wanted, strict=True):
            np.testing.assert_allclose(guard._together(one, fine, coarse), two, atol=1e-9)


def test_a_coarse_truth_gets_a_coarse_table_and_a_fine_one_a_fine(table):
    grains = []
    for waves in (1.0, 40.0):
        spec, packed, fields, counts = packed_of(table, n=60_000)
        x = np.concatenate([packed.codes[0][:, None], packed.codes[1][:, None]], axis=1) / 256
        effect = np.sign(np.sin(waves * x[:, 0]) * np.sin(waves * x[:, 1]))
        noise = np.random.default_rng(1).normal(size=len(x))
        packed.rows.g[:] = (-0.5 * effect + noise)[:, None]
        term = guard.best_grain(spec, packed, fields, counts, (0, 1), JUDGED)
        grains.append(term.shape[0])
    assert grains[0] <= 17 < 60 < grains[1]


def test_without_judges_the_coarsest(table):
    spec, packed, fields, counts = packed_of(table, n=400)
    term = guard.best_grain(spec, packed, fields, counts, (0, 1), np.zeros(0, np.int64))
    assert max(term.shape) <= guard.GRAINS[0] + 1
    assert guard.gain_of_keeping(packed, term, np.zeros((term.cells, 8)), np.zeros(0, np.int64)) == np.inf


def test_the_gain_of_keeping_is_the_rise_of_the_held_out_loss(table):
    spec, packed, fields, counts = packed_of(table, n=900)
    rng = np.random.default_rng(2)
    term = cross_term((0, 3), fields, counts, 5)
    values = rng.normal(size=(term.cells, 8))
    cells = packed.cells(term)
    rest = rng.normal(size=(900, 8))
    packed.rows.margin[:] = rest + values[cells]
    packed.rows.g[:] = packed.rows.margin - packed.rows.target[:, None]
    found = guard.gain_of_keeping(packed, term, values, JUDGED)
    wanted = 0.0
    for i in range(900):
        c = 1 + int(packed.fold[i])
        with_it = (rest[i, c] + values[cells[i], c] - packed.rows.target[i]) ** 2 / 2
        wanted += (rest[i, c] - packed.rows.target[i]) ** 2 / 2 - with_it
    assert found == pytest.approx(wanted, rel=1e-4)
