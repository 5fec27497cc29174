"""Rows that judge are told from rows that teach, where they are of another law."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.parts import parts

ROWS = 1500


def folds(inside):
    return np.where(inside, 1, 0).astype(np.int8)


def table(seed=0):
    rng = np.random.default_rng(seed)
    return rng, {"x": rng.normal(size=ROWS), "z": rng.normal(size=ROWS), "y": rng.normal(size=ROWS)}


@pytest.mark.parametrize("seed", range(5))
def test_random_parts_cannot_be_told(made, seed):
    rng, columns = table(seed)
    one = made(columns)
    assert parts(one.sample, one.look.design, folds(rng.random(ROWS) < 0.2), forward=False) == []


@pytest.mark.parametrize(("forward", "severity"), [(False, "warning"), (True, "info")])
def test_part_of_another_law_is_told_by_its_column(made, forward, severity):
    rng, columns = table()
    inside = rng.random(ROWS) < 0.2
    columns["z"] = columns["z"] + 1.5 * inside
    one = made(columns)
    found = parts(one.sample, one.look.design, folds(inside), forward=forward)
    assert [(f.id, f.severity) for f in found] == [("parts-differ", severity)]
    assert found[0].evidence["columns"][0] == "z"
    # Two normals 1.5 apart: Phi(1.5 / sqrt 2) = 0.856.
    assert found[0].evidence["low"] < 0.856 < found[0].evidence["high"] + 0.02


def test_copies_are_one_observation(made):
    rng, columns = table()
    kinds = rng.integers(0, 12, ROWS)
    level = rng.normal(size=(2, 12))
    columns |= {"x": level[0][kinds], "z": level[1][kinds]}
    one = made(columns)
    # Whole kinds stand in the part: three observations say nothing, whatever their number of rows.
    assert parts(one.sample, one.look.design, folds(kinds < 3), forward=False) == []
