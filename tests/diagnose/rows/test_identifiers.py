"""Identifiers are read again as groups of the training rows."""

from __future__ import annotations

import numpy as np

from justright.diagnose.rows.identifiers import set_aside


def test_equal_texts_have_equal_numbers_and_missing_ones_none(made):
    rng = np.random.default_rng(0)
    name = [f"N{i:04d}" for i in rng.integers(0, 50, 200)]
    target = rng.normal(size=200)
    target[3] = np.nan
    table = {"client_id": [None, *name[1:]], "x": rng.normal(size=200), "y": target}
    one = made(table, kinds={"client_id": "identifier"})
    got = set_aside(one.source, one.schema, one.data)["client_id"]
    kept = [text for row, text in enumerate(table["client_id"]) if row != 3]
    assert got[0] == -1
    assert len(got) == one.data.rows == 199
    for a in range(0, 199, 7):
        for b in range(1, 199, 5):
            assert (got[a] == got[b]) == (kept[a] == kept[b])


def test_table_without_identifiers_is_not_read(made):
    one = made({"x": np.arange(50.0) % 7, "y": np.arange(50.0)})
    assert set_aside(one.source, one.schema, one.data) == {}
