"""Rows as codes, and who trains on which rows."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.models.base import training_rows
from justright.models.crossed.fields import fit_fields
from justright.models.crossed.packed import columns_of, counts_of, pack
from justright.models.crossed.terms import cross_term
from justright.schema import Member


def test_columns_are_padded_to_lanes_of_eight_or_alone():
    assert [columns_of(1, 1), columns_of(6, 1), columns_of(8, 1), columns_of(3, 3)] == [1, 8, 8, 16]


@pytest.mark.parametrize("forward", [False, True])
def test_roles_are_those_of_the_contract(table, tools, forward):
    rng = np.random.default_rng(0)
    fold = rng.choice([-2, 0, 1, 2], (300, 1 if forward else 2))
    spec, blocks = table(n=300, fold=fold, weight=rng.uniform(0.1, 2, 300))
    members = [Member(-1, 0, 1.0), *(Member(k, 0, 1.0, forward=forward) for k in range(3))]
    if not forward:
        members += [Member(k, 0, 1.0, repeat=1) for k in range(3)]
    fields = fit_fields(spec.plan, blocks, ())
    packed = pack(spec, blocks, members, fields, 1.0)
    rows = packed.rows
    wanted = np.concatenate([training_rows(block, members) for block in blocks])
    found = rows.trains[rows.group][:, : len(members)] * rows.weight[:, None]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    np.testing.assert_allclose(packed.trained_weight[: len(members)], wanted.sum(axis=0), rtol=1e-5)
    whole = np.concatenate([block.fold for block in blocks])
    for place, member in enumerate(members):
        judged = (whole[:, member.repeat] == member.fold) & (member.fold >= 0)
        mine = np.array([place in rows.held[group].tolist() for group in rows.group])
        assert np.array_equal(mine, judged)
        assert packed.held_weight[place] == pytest.approx(rows.weight[judged].sum(), rel=1e-5)


def test_codes_counts_and_cells_are_those_of_the_rows(table):
    spec, blocks = table(n=500)
    fields = fit_fields(spec.plan, blocks, (("x0", "x1"),))
    packed = pack(spec, blocks, [Member(-1, 0, 1.0)], fields, 1.0)
    numeric, codes = (np.concatenate([getattr(b, name) for b in blocks]) for name in ("numeric", "codes"))
    for place in range(3):
        wanted = np.searchsorted(fields[place].edges, numeric[:, place], side="right")
        assert np.array_equal(packed.codes[place], wanted)
    assert np.array_equal(packed.codes[3], codes[:, 0]) and np.array_equal(packed.codes[4], codes[:, 1])
    product = np.searchsorted(fields[5].edges, numeric[:, 0] * numeric[:, 1], side="right")
    assert np.array_equal(packed.codes[5], product)
    counts = counts_of(packed, fields)
    assert [count.sum() for count in counts] == [500.0] * 6
    term = cross_term((0, 3), fields, counts, 8)
    first, second = term.maps[0][packed.codes[0]], term.maps[1][packed.codes[3]]
    assert np.array_equal(packed.cells(term), first * term.shape[1] + second)


def test_a_sample_is_the_rows_with_the_smallest_fingerprints(table):
    spec, blocks = table(n=4000)
    fields = fit_fields(spec.plan, blocks, ())
    members = [Member(-1, 0, 1.0)]
    half = pack(spec, blocks, members, fields, 0.5)
    key = np.concatenate([block.key for block in blocks])
    target = np.concatenate([block.target for block in blocks])
    assert np.array_equal(half.rows.target, target[key < np.uint64(2**63)])
    quarter = pack(spec, blocks, members, fields, 0.25)
    assert set(quarter.rows.target.tolist()) <= set(half.rows.target.tolist())
