"""Scoring files: every format holds the same answers, bad rows are set aside, nothing half-written stays."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.bundle import scoring
from justright.bundle.scoring import score_file
from justright.errors import ColumnError, RecipeError, StorageError, TableError

HEADER = "id,age,income,seen,colour,shop,member,note\n"
LINES = [
    '1,40,"2500,5",2024-03-01,red,7,yes,A good one\n',
    "2,30,?,2024-03-01T18:30:00,blue,7,yes,\n",
    "3,,1000,,mauve,123456,no,good good bad\n",
]


def write_csv(path: Path, lines: list[str]) -> Path:
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def read(path: Path) -> list[dict]:
    """The output as dicts, whatever its format."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def errors_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("extension", [".csv", ".parquet", ".jsonl", ".CSV"])
def test_every_format_holds_what_the_predictor_says(tmp_path, model, extension):
    table = write_csv(tmp_path / "t.csv", LINES)
    out = tmp_path / f"scores{extension}"
    report = score_file(model, table, out, keep=["id"])
    shares = model.predict_proba(table)
    found = read(out.rename(out.with_suffix(extension.lower())))
    assert [str(row["id"]) for row in found] == ["1", "2", "3"]
    assert [row["prediction"] for row in found] == model.predict(table).tolist()
    assert [float(row["probability_no"]) for row in found] == shares[:, 0].tolist()
    assert [float(row["probability_yes"]) for row in found] == shares[:, 1].tolist()
    assert report.columns == ("id", "prediction", "probability_no", "probability_yes") == tuple(found[0])
    assert (report.rows, report.scored, report.bad_rows, report.bad_lines) == (3, 3, 0, 0)
    assert report.errors is None
    assert report.model_id == model.model_id


def test_bad_rows_keep_their_line_and_are_named(tmp_path, model, folder):
    lines = LINES * 30
    lines[10] = "x,old,?,2024-03-01,red,7,yes,fine\n"
    lines[20] = "x,40,many,never,red,7,yes,fine\n"
    lines[50] = "too,few\n"
    table = write_csv(tmp_path / "t.csv", lines)
    report = score_file(folder, table, tmp_path / "scores.csv", keep=["id"])
    assert (report.rows, report.scored, report.bad_rows, report.bad_lines) == (89, 87, 2, 1)
    found = read(tmp_path / "scores.csv")
    assert len(found) == 89
    assert [i for i, row in enumerate(found) if row["prediction"] == ""] == [10, 20]
    assert [i for i, row in enumerate(found) if row["probability_yes"] == ""] == [10, 20]
    errors = errors_of(tmp_path / "scores.errors.jsonl")
    assert report.errors == str(tmp_path / "scores.errors.jsonl")
    assert [error["line"] for error in errors] == [12, 22, 52]
    assert errors[0]["reason"] == "cannot read age='old'"
    assert "income='many'" in errors[1]["reason"]
    assert "seen='never'" in errors[1]["reason"]
    assert errors[2]["text"].startswith("too,few")


def test_rows_of_parquet_are_counted_as_rows(tmp_path, model):
    columns = {name: [None, None] for name in model.columns} | {
        "age": ["old", "1"],
        "seen": ["2024-01-01"] * 2,
    }
    pq.write_table(
        pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()}), tmp_path / "t.parquet"
    )
    score_file(model, tmp_path / "t.parquet", tmp_path / "s.jsonl")
    assert errors_of(tmp_path / "s.errors.jsonl")[0]["row"] == 1
    assert [row["prediction"] is None for row in read(tmp_path / "s.jsonl")] == [True, False]


def test_many_batches_equal_one(tmp_path, model):
    n = 150_000
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "age": rng.normal(40, 9, n),
            "income": rng.normal(2000, 900, n),
            "seen": pa.array(rng.integers(1_600_000_000, 1_800_000_000, n), pa.timestamp("s")),
            "colour": pa.array(["red", "blue", "mauve"]).take(pa.array(rng.integers(0, 3, n))),
            "shop": rng.integers(0, 99, n),
            "member": rng.random(n) < 0.5,
            "note": pa.array(["good", "bad one", None]).take(pa.array(rng.integers(0, 3, n))),
        }
    )
    done: list[int] = []
    score_file(model, table, tmp_path / "s.parquet", on_rows=done.append)
    found = pq.read_table(tmp_path / "s.parquet")
    assert done[-1] == n
    assert len(done) == 3
    np.testing.assert_array_equal(found["probability_yes"].to_numpy(), model.predict_proba(table)[:, 1])


def test_the_errors_file_of_an_earlier_run_goes(tmp_path, model):
    bad = write_csv(tmp_path / "bad.csv", [*LINES, "x,old,?,2024-03-01,red,7,yes,fine\n"])
    good = write_csv(tmp_path / "good.csv", LINES)
    score_file(model, bad, tmp_path / "s.csv")
    assert (tmp_path / "s.errors.jsonl").exists()
    score_file(model, good, tmp_path / "s.csv")
    assert not (tmp_path / "s.errors.jsonl").exists()
    assert len(read(tmp_path / "s.csv")) == 3


def test_the_list_of_errors_is_bounded(tmp_path, model, monkeypatch):
    monkeypatch.setattr(scoring, "MAX_ERRORS", 5)
    table = write_csv(tmp_path / "t.csv", ["x,old,?,2024-03-01,red,7,yes,fine\n"] * 40)
    report = score_file(model, table, tmp_path / "s.csv")
    assert report.bad_rows == 40
    assert len(errors_of(tmp_path / "s.errors.jsonl")) == 5


@pytest.mark.parametrize(
    ("out", "keep", "error", "message"),
    [
        ("s.xlsx", (), RecipeError, r"\.csv, \.parquet, \.jsonl"),
        ("s", (), RecipeError, "out="),
        ("t.csv", (), RecipeError, "the table itself"),
        ("s.csv", ("ID",), ColumnError, "one of: id"),
        ("s.csv", ("id", "id"), ColumnError, "already"),
        ("no/s.csv", (), StorageError, "No such file"),
    ],
)
def test_wrong_requests_are_refused_and_leave_nothing(tmp_path, model, out, keep, error, message):
    table = write_csv(tmp_path / "t.csv", LINES)
    with pytest.raises(error, match=message):
        score_file(model, table, tmp_path / out, keep=keep)
    assert [path.name for path in tmp_path.glob("[!m]*")] == ["t.csv"]


def test_a_table_without_the_columns_is_refused(tmp_path, model):
    (tmp_path / "t.csv").write_text("a,age\n1,2\n2,3\n")
    with pytest.raises(ColumnError, match=r"without 'income'.*extra columns: 'a'"):
        score_file(model, tmp_path / "t.csv", tmp_path / "s.csv")


@pytest.mark.parametrize("extension", [".csv", ".parquet", ".jsonl"])
def test_a_failure_on_the_way_keeps_the_earlier_file(tmp_path, model, monkeypatch, extension):
    table = write_csv(tmp_path / "t.csv", LINES)
    out = tmp_path / f"s{extension}"
    out.write_text("earlier")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        score_file(model, table, out)
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", out.name, "t.csv"]


def test_an_interrupt_leaves_nothing(tmp_path, model):
    table = write_csv(tmp_path / "t.csv", LINES)

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_file(model, table, tmp_path / "s.csv", on_rows=stop)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "t.csv"]


def test_a_table_that_cannot_be_read_is_a_table_error(tmp_path, model):
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(TableError):
        score_file(model, tmp_path / "t.csv", tmp_path / "s.csv")
