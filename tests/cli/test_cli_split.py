from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest


def test_parts_and_audit(call: Any, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    said = call("split", table, "--by", "street", "--shares", "60/20/20", "--out", out)
    assert said.code == 0, said.err
    streets = {name: set(pq.read_table(out / f"{name}.parquet")["street"].to_pylist()) for name in NAMES}
    assert not streets["train"] & streets["test"] and not streets["train"] & streets["validation"]
    assert sum(pq.read_table(out / f"{name}.parquet").num_rows for name in NAMES) == 240
    assert "train" in said.out and str(out / "audit.json") in said.out


NAMES = ("train", "validation", "test")


def test_json_is_the_audit(call: Any, table: Path, tmp_path: Path) -> None:
    options = ["--by", "street", "--by", "colour", "--shares", "80/20", "--salt", "a", "--sample", "0.5"]
    said = call("split", table, *options, "--out", tmp_path, "--json")
    assert said.json == json.loads((tmp_path / "audit.json").read_text())
    made = said.json["definition"]
    assert (made["by"], made["salt"], made["sample"]) == (["street", "colour"], "a", 0.5)
    assert said.json["unused"] > 0 and len(said.json["parts"]) == 2


def test_by_time(call: Any, tmp_path: Path) -> None:
    table = tmp_path / "days.csv"
    table.write_text(
        "day,x\n" + "".join(f"2024-{m:02}-{d:02},{d}\n" for m in range(1, 11) for d in range(1, 11))
    )
    said = call("split", table, "--time", "day", "--out", tmp_path / "parts", "--json")
    assert said.code == 0 and [part["rows"] for part in said.json["parts"]] == [80, 10, 10]


def test_the_query_of_the_same_split(call: Any, table: Path) -> None:
    said = call("split", table, "--by", "street", "--salt", "s", "--print-sql")
    assert said.code == 0 and "FARM_FINGERPRINT" in said.out and "FROM `houses`" in said.out
    whole = call("split", table, "--print-sql").out
    assert whole.index("`colour`") < whole.index("`price`") < whole.index("`size`") < whole.index("`street`")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "--out DIR, or --print-sql"),
        (["--print-sql", "--time", "size"], 2, "--print-sql with --time"),
        (["--out", "{out}", "--shares", "0/0"], 2, "shares='0/0'"),
        (["--out", "{out}", "--by", "stret"], 4, "street"),
        (["--out", "{out}", "--by", "street", "--time", "size"], 2, "one of them"),
        (["--out", "{out}", "--sample", "2"], 2, "sample"),
    ],
)
def test_refusals(options: list[str], code: int, said: str, call: Any, table: Path, tmp_path: Path) -> None:
    found = call("split", table, *[each.format(out=tmp_path / "parts") for each in options])
    assert found.code == code and said in found.err and found.out == ""
    assert not (tmp_path / "parts").exists()


def test_findings_are_shown(call: Any, table: Path, tmp_path: Path) -> None:
    said = call("split", table, "--by", "street", "--out", tmp_path)
    assert said.code == 0 and "[split-lumpy]" in said.out and "next: " in said.out


@pytest.mark.parametrize("json_", [True, False])
def test_a_finding_that_is_an_error_is_told_by_the_code(json_: bool, call: Any, tmp_path: Path) -> None:
    table = tmp_path / "two.csv"
    table.write_text("k,x\n" + "".join(f"{'ab'[i % 2]},{i}\n" for i in range(100)))
    said = call("split", table, "--by", "k", "--out", tmp_path / "parts", *(["--json"] if json_ else []))
    assert said.code == 4
    assert said.err.startswith("error: received a split that must not be used: No row fell into validation")
    assert "Next: use a finer key" in said.err and said.err.count("\n") == 1
    if json_:  # the object is whole, so that a script can say why
        assert [found["severity"] for found in said.json["findings"]] == ["error"]
    else:
        assert "[split-lumpy]" in said.out
    assert (tmp_path / "parts" / "audit.json").is_file()
