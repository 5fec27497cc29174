"""Infinities mean the same in every form: missing in a feature, refused in the target."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import ColumnError
from justright.workflow import evaluate_model, train

ROWS = 200


def table():
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=(2, ROWS)).round(3)
    y = (3 * x + z + rng.normal(0, 0.3, ROWS)).round(3)
    x = np.where(np.arange(ROWS) % 6 == 0, np.where(np.arange(ROWS) % 12 == 0, np.inf, -np.inf), x)
    return {"x": x.tolist(), "z": z.tolist(), "y": y.tolist()}


def text_of(value, place):
    if math.isfinite(value):
        return str(value)
    signs = ("inf", "Infinity", "1e400", "INF") if value > 0 else ("-inf", "-Infinity", "-1e400", "-INF")
    return signs[place % 4]


def as_csv(folder, columns):
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(text_of(v, i) for v in row) + "\n" for i, row in enumerate(rows)]
    (folder / "t.csv").write_text(",".join(columns) + "\n" + "".join(lines))
    return folder / "t.csv"


def as_json(folder, columns):
    rows = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows]
    lines = [line.replace("-Infinity", "-1e400") if i % 4 else line for i, line in enumerate(lines)]
    (folder / "t.jsonl").write_text("".join(lines))
    return folder / "t.jsonl"


def as_parquet(folder, columns):
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


FORMS = {
    "csv": as_csv,
    "parquet": as_parquet,
    "json lines": as_json,
    "pandas": lambda folder, columns: pd.DataFrame(columns),
    "polars": lambda folder, columns: pl.DataFrame(columns),
    "columns": lambda folder, columns: columns,
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The model of the same rows with nothing where an infinity was."""
    columns = table()
    columns["x"] = [value if math.isfinite(value) else None for value in columns["x"]]
    return train(columns, target="y", out=tmp_path_factory.mktemp("runs"), baseline=False, family="glass-box")


@pytest.mark.parametrize("form", FORMS)
def test_in_a_feature_they_are_missing(tmp_path, expected, form):
    given = FORMS[form](tmp_path, table())
    run = train(given, target="y", out=tmp_path / "runs", baseline=False, family="glass-box")
    (found,) = [finding for finding in run.findings if finding.id.startswith("values-")]
    assert (found.id, found.severity) == ("values-infinite", "warning")
    assert found.evidence == {"column": "x", "values": 34, "share": 34 / ROWS}
    assert run.summary.validation == expected.summary.validation
    weights = [(r.path / "model" / "weights.safetensors").read_bytes() for r in (run, expected)]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("form", FORMS)
def test_in_the_target_they_are_refused_with_the_row(tmp_path, expected, form):
    columns = table()
    columns["y"][7], columns["y"][9] = math.inf, -math.inf
    given = FORMS[form](tmp_path, columns)
    place = 9 if form == "csv" else 8  # the header is a line
    for refused in (
        lambda: train(given, target="y", out=tmp_path / "runs"),
        lambda: evaluate_model(expected.path, given),
    ):
        with pytest.raises(ColumnError, match="target='y' with .*the first of 2 infinities") as told:
            refused()
        assert told.value.where.endswith(f" {place}")
    assert not (tmp_path / "runs").exists()
