"""Drift along a column of time, of the target and of the columns."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.drift import drift

ROWS = 1500


def table(seed=0, target=0.0, column=0.0):
    rng = np.random.default_rng(seed)
    along = np.linspace(-0.5, 0.5, ROWS)
    x, z = rng.normal(size=(2, ROWS))
    day = np.datetime64("2020-01-01") + np.arange(ROWS)
    order = rng.permutation(ROWS)  # the file is in no order: the dates are
    made = {"day": np.array([str(d) for d in day]), "x": x + column * along, "z": z}
    made["y"] = x + target * along + rng.normal(size=ROWS)
    return {name: values[order] for name, values in made.items()}


@pytest.mark.parametrize("seed", range(5))
def test_without_drift_nothing_is_said(made, seed):
    assert drift(made(table(seed)).look, ()) == []


def test_target_that_moves_is_named(made):
    found = drift(made(table(target=3.0)).look, ())
    assert [f.id for f in found] == ["target-drifts"]
    assert found[0].evidence["last"] - found[0].evidence["first"] == pytest.approx(2.7, abs=0.5)


def test_column_that_moves_is_named_and_the_date_is_not(made):
    found = drift(made(table(column=3.0)).look, ())
    assert [f.id for f in found] == ["columns-drift"]
    assert found[0].evidence["columns"][0] == "x"


def test_table_without_time_has_no_drift(made):
    columns = table(target=3.0, column=3.0)
    del columns["day"]
    assert drift(made(columns).look, ()) == []
