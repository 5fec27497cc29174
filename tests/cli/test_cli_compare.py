"""`justright compare`, called as the parser would call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from justright.cli.compare import compare
from justright.errors import StorageError


@pytest.fixture(scope="module")
def without_size(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from justright.cli import main

    out = tmp_path_factory.mktemp("others")
    for drop in ("price", "size"):
        arguments = [
            "train",
            table,
            "--target",
            "sold",
            "--no-baseline",
            "--family",
            "glass-box",
            "--drop",
            "price",
            "--drop",
            drop,
        ]
        assert main([*map(str, arguments), "--out", str(out / drop), "--quiet"]) == 0
    return out


def test_people_read_a_sentence_and_a_table(without_size: Path, capsys: Any) -> None:
    one, other = (next((without_size / name).iterdir()) for name in ("price", "size"))
    capsys.readouterr()
    compare(str(one), str(other / "model"))
    said = capsys.readouterr().out
    assert said.startswith("The first run (linear) is better: roc_auc higher by ")
    assert "second - first" in said and "95 % interval" in said
    assert "rows      240 held out by both" in said


def test_programs_read_one_object(without_size: Path, capsys: Any) -> None:
    one, other = (next((without_size / name).iterdir()) for name in ("price", "size"))
    capsys.readouterr()
    compare(str(one), str(other), True)
    found = json.loads(capsys.readouterr().out)
    assert (found["better"], found["metric"], found["rows"]) == ("first", "roc_auc", 240)
    assert set(found["differences"][0]["difference"]) == {"value", "low", "high"}


def test_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="run="):
        compare(str(tmp_path), str(tmp_path))
