from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import justright


def test_predictions_are_those_of_python(call: Any, run_folder: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    said = call("predict", run_folder, table, "--out", out, "--keep", "street")
    assert said.code == 0 and said.err == "" and said.out.startswith("240 of 240 rows scored: ")
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction"] for row in rows] == justright.load(run_folder / "model").predict(table).tolist()
    assert [row["street"] for row in rows[:2]] == ["street 0", "street 1"]
    assert all(abs(float(r["probability_no"]) + float(r["probability_yes"]) - 1) < 1e-9 for r in rows)


def test_a_bad_row_is_set_aside_and_said(call: Any, run_folder: Path, table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    lines[3] = "large,red,street 1,yes,1"
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join(lines) + "\n")
    said = call("predict", run_folder / "model", bad, "--out", tmp_path / "scores.jsonl", "--json")
    assert said.code == 0 and said.json["bad_rows"] == 1 and said.json["scored"] == 239
    error = json.loads(Path(said.json["errors"]).read_text())
    assert error["line"] == 4 and "size='large'" in error["reason"]
    shown = call("predict", run_folder, bad, "--out", tmp_path / "scores.csv").out
    assert "1 could not be scored, with their reasons: " in shown


def test_out_must_be_given_and_of_a_known_form(call: Any, run_folder: Path, table: Path) -> None:
    assert call("predict", run_folder, table).code == 2
    said = call("predict", run_folder, table, "--out", "scores.xls")
    assert said.code == 2 and ".csv, .parquet, .jsonl" in said.err


def test_a_missing_column_is_named(call: Any, run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("colour,street\nred,a\n")
    said = call("predict", run_folder, other, "--out", tmp_path / "scores.csv")
    assert said.code == 4 and "'size'" in said.err
    assert not (tmp_path / "scores.csv").exists()
