from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from justright.cli import main


@pytest.fixture(scope="session")
def crossed_folder(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of an additive model with a cross that was asked for."""
    out = tmp_path_factory.mktemp("crossed")
    arguments = [
        "train",
        table,
        "--target",
        "price",
        "--drop",
        "sold",
        "--no-baseline",
        "--family",
        "glass-box",
        "--quiet",
    ]
    choices = ["--set", "family=crossed", "--set", 'crosses.pairs=[["size","colour"]]']
    assert main([*map(str, arguments), *choices, "--out", str(out)]) == 0
    return next(out.iterdir())


def test_what_moves_a_linear_model(call: Any, run_folder: Path) -> None:
    said = call("explain", run_folder)
    assert said.code == 0 and said.err == ""
    assert "logarithm of the odds of sold" in said.out and "standard error" in said.out
    found = call("explain", run_folder / "model", "--json").json
    names = [term["name"] for term in found["terms"]]
    assert set(names) == {"size", "colour", "street"} and names[0] == "size"
    (size,) = [term for term in found["terms"] if term["name"] == "size"]
    (one,) = size["coefficients"]
    assert one["low"] < one["value"] < one["high"] and one["error"] > 0
    ends = size["importance"]
    assert ends["low"] < ends["value"] < ends["high"]


def test_crosses_tried_kept_and_refused(call: Any, crossed_folder: Path) -> None:
    said = call("explain", crossed_folder)
    assert "3 tried, 1 kept, 2 refused" in said.out.replace("Crosses: ", "")
    assert "asked for" in said.out
    found = call("explain", crossed_folder, "--json").json
    summary = json.loads((crossed_folder / "run.json").read_text())["crosses"]
    assert (summary["tried"], summary["kept"], summary["refused"]) == (3, 1, 2)
    assert [pair["verdict"] for pair in summary["pairs"]] == ["kept", "refused", "refused"]
    assert len(found["pairs"]) == 3 and summary["seconds"] >= 0


def test_a_model_without_its_run_says_what_it_holds(call: Any, crossed_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(crossed_folder / "model", tmp_path / "alone")
    ranked = [term["name"] for term in call("explain", crossed_folder, "--json").json["terms"]]
    found = call("explain", tmp_path / "alone", "--json").json["importance"]
    assert sorted(found, key=lambda name: -found[name][0]) == ranked
    lines = call("explain", tmp_path / "alone").out.splitlines()
    assert lines[2].startswith(ranked[0])


@pytest.mark.parametrize("which", ["run_folder", "crossed_folder"])
def test_rows_in_words_and_in_json(
    call: Any, table: Path, which: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(which)
    said = call("explain", folder, table)
    assert said.code == 0 and said.out.count("mean row") == 5 and "size = " in said.out
    rows = call("explain", folder, table, "--json").json["rows"]
    assert len(rows) == 5
    for row in rows:
        total = row["intercept"] + sum(term["adds"] for term in row["terms"])
        assert total == pytest.approx(row["margin"], abs=1e-9)
        sizes = [abs(term["adds"]) for term in row["terms"]]
        assert sizes == sorted(sizes, reverse=True)


def test_all_rows_into_a_file(call: Any, crossed_folder: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "why.csv"
    said = call("explain", crossed_folder, table, "--out", out, "--keep", "street")
    assert said.code == 0 and said.out.startswith("240 of 240 rows explained: ")
    with out.open() as file:
        rows = list(csv.DictReader(file))
    names = ["intercept", "adds_size", "adds_colour", "adds_street", "adds_size x colour"]
    assert list(rows[0]) == ["street", "prediction", *names]
    for row in rows[:20]:
        added = sum(float(value) for name, value in row.items() if name not in ("street", "prediction"))
        assert added == pytest.approx(float(row["prediction"]), rel=1e-9)


def test_bad_calls(call: Any, run_folder: Path, table: Path, tmp_path: Path) -> None:
    assert call("explain", run_folder, "--out", tmp_path / "x.csv").code == 2
    assert call("explain", run_folder, table, "--keep", "street").code == 2
    empty = tmp_path / "empty.csv"
    empty.write_text("size,colour,street\n")
    assert call("explain", run_folder, empty).code == 4
    bad = tmp_path / "bad.csv"
    bad.write_text("size,colour,street\nlarge,red,street 1\n")
    said = call("explain", run_folder, bad)
    assert said.code == 4 and "size='large'" in said.err and "line 2" in said.err
