"""`justright retrain`, called as the parser would call it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from justright.cli.register import register
from justright.cli.retrain import retrain
from justright.errors import StorageError


@pytest.fixture
def there(run_folder: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A champion `sold`, and 480 new rows: those of before, each a little larger."""
    monkeypatch.chdir(tmp_path)
    register(str(run_folder), name="sold", alias="champion")
    with table.open() as file:
        head, *rows = csv.reader(file)
    with (tmp_path / "new.csv").open("w", newline="") as file:
        more = [[f"{float(row[0]) + 0.01 * step:.2f}", *row[1:]] for step in (1, 2) for row in rows]
        csv.writer(file).writerows([head, *more])
    return tmp_path


def test_people_read_a_sentence_and_what_to_do_next(there: Path, capsys: Any) -> None:
    capsys.readouterr()
    retrain("sold", with_="new.csv", quiet=True)
    said = capsys.readouterr().out
    assert "log_loss of sold@2 less that of sold@1 (champion) is" in said
    assert "rows        240 old, 480 new\n" in said
    assert "judged by " in said and "challenger  sold@2 (linear)" in said
    assert "next        justright register sold@2 --alias " in said


def test_programs_read_one_object_and_another_registry_is_named(there: Path, capsys: Any) -> None:
    Path("models").rename("shelf")
    capsys.readouterr()
    retrain("sold", with_="new.csv", promote=True, margin=90.0, registry=Path("shelf"), json=True, quiet=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["promoted"], found["challenger"], found["rows"]["new"]) == (True, 2, 480)
    assert found["next"] == "justright register sold@champion --rollback --registry shelf"
    assert json.loads(Path("shelf/sold/aliases.json").read_text()) == {"champion": 2}


def test_no_such_model(there: Path) -> None:
    with pytest.raises(StorageError, match="no model is called"):
        retrain("solt", with_="new.csv", quiet=True)
