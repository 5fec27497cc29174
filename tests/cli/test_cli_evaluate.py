from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any


def test_another_table(call: Any, run_folder: Path, table: Path) -> None:
    for model in (run_folder, run_folder / "model"):
        said = call("evaluate", model, table, "--json")
        assert said.code == 0 and said.err == ""
        assert (said.json["task"], said.json["rows"], said.json["look"]) == ("binary", 240, None)
        assert set(said.json["metrics"]["roc_auc"]) == {"value", "low", "high"}
    assert not (run_folder / "ledger.jsonl").exists()


def test_each_look_at_the_test_part_is_counted(call: Any, run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_folder, copy)
    first, second = (call("evaluate", copy, "--json").json for _ in range(2))
    assert (first["look"], second["look"]) == (1, 2)
    assert first["rows"] == json.loads((copy / "run.json").read_text())["rows"]["test"]
    assert second["level"] > first["level"] == 0.95
    assert [finding["id"] for finding in second["findings"]] == ["test-opened-again"]
    assert second["metrics"]["roc_auc"]["value"] == first["metrics"]["roc_auc"]["value"]
    assert len((copy / "ledger.jsonl").read_text().splitlines()) == 2
    shown = call("evaluate", copy).out
    assert (
        "number 3 at this test part" in shown
        and "[test-opened-again]" in shown
        and "of 1,000" in shown.lower()
    )


def test_without_a_test_part(call: Any, table: Path, tmp_path: Path) -> None:
    options = [
        "--target",
        "price",
        "--out",
        tmp_path,
        "--no-baseline",
        "--family",
        "glass-box",
        "--quiet",
        "--json",
    ]
    run = call("train", table, *options).json["run"]
    said = call("evaluate", run)
    assert said.code == 2 and "--test 10" in said.err


def test_a_table_without_the_target(call: Any, run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("size,colour,street\n30,red,a\n")
    said = call("evaluate", run_folder, other)
    assert said.code == 4 and "'sold'" in said.err
