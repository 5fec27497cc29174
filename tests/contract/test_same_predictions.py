"""The same rows give the same predictions from every kind of table, and as JSON rows."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from justright.bundle.predictor import load

NAMES = ("age", "income", "seen", "colour", "shop", "member", "note")
ROWS = [
    dict(zip(NAMES, values, strict=True))
    for values in [
        (40, 2500.5, "2024-03-01", "red", "7", True, "A good one"),
        (30, None, "2024-03-01T18:30:00", " blue ", "07", False, "bon caf\u00e9"),
        (None, 1000.0, "2023-12-31T23:59:59", "mauve", "123456", True, "good, good \"bad\""),
        (-1, -0.0, None, "Red", "12", None, None),
        (2**40, 1e-9, "1969-07-20", None, None, False, "\u4f60\u597d"),
    ]
]  # fmt: skip


def columns() -> dict[str, list]:
    return {name: [row[name] for row in ROWS] for name in ROWS[0]}


def arrow() -> pa.Table:
    return pa.table(columns())


def with_comma(value):
    return None if value is None else str(value).replace(".", ",")


def as_csv(folder):
    comma = columns() | {"income": [with_comma(value) for value in columns()["income"]]}
    pyarrow.csv.write_csv(pa.table(comma), folder / "t.csv")
    return folder / "t.csv"


def as_parquet(folder):
    pq.write_table(arrow(), folder / "t.parquet")
    return folder / "t.parquet"


def as_json_lines(folder):
    lines = [json.dumps(row | {"income": with_comma(row["income"])}) + "\n" for row in ROWS]
    (folder / "t.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder / "t.jsonl"


FORMS = {
    "csv": as_csv,
    "parquet": as_parquet,
    "json lines": as_json_lines,
    "arrow": lambda folder: arrow(),
    "dictionary": lambda folder: arrow().set_column(3, "colour", arrow()["colour"].dictionary_encode()),
    "dict of columns": lambda folder: columns(),
    "list of rows": lambda folder: ROWS,
    "pandas": lambda folder: pd.DataFrame(columns()),
    "pandas nullable": lambda folder: pd.DataFrame(columns()).convert_dtypes(),
    "polars": lambda folder: pl.DataFrame(columns()),
    "other order, extra columns": lambda folder: (
        arrow().select([6, 5, 4, 3, 2, 1, 0]).append_column("x", [[1] * 5])
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_predictions_of_the_json_rows(tmp_path, bundle, form):
    model = load(bundle)
    expected = [
        list(answer["probabilities"].values()) for answer in model.predict_rows(json.loads(json.dumps(ROWS)))
    ]
    found = model.predict_proba(FORMS[form](tmp_path))
    # Codes, numbers and tokens are equal to the bit; the product of one row and of five may round apart.
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert len({tuple(row) for row in expected}) == len(ROWS)


@pytest.fixture
def bundle():
    from pathlib import Path

    return Path(__file__).parents[1] / "golden" / "bundle-1"
