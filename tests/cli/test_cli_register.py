"""`justright register`, called as the parser would call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from justright.cli.register import register
from justright.errors import RecipeError, StorageError


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_gets_a_name(run_folder: Path, there: Path, capsys: Any) -> None:
    register(str(run_folder), name="sold", alias="champion")
    assert capsys.readouterr().out == "sold@1, champion: models/sold/versions/1\n"
    register(str(run_folder), name="sold", json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["version"], found["aliases"]) == ("sold", 1, ["champion"])


def test_the_record_holds_what_a_training_needs(run_folder: Path, table: Path, there: Path) -> None:
    register(str(run_folder), name="sold")
    record = json.loads(Path("models/sold/versions/1/record.json").read_text())
    assert record["recipe"] == json.loads((run_folder / "recipe.json").read_text())
    assert record["split"]["parts"]
    (kept,) = record["tables"]
    assert (kept["path"], kept["bytes"], kept["note"]) == (str(table), table.stat().st_size, "")
    assert record["rows"]["train"] + record["rows"]["test"] == 240
    assert record["run"] == str(run_folder)


def test_the_list(run_folder: Path, there: Path, capsys: Any) -> None:
    register()
    assert "no model in models: justright register RUN" in capsys.readouterr().out
    register(str(run_folder), name="sold", alias="champion", why="the first")
    capsys.readouterr()
    register()
    said = capsys.readouterr().out
    assert "sold@1  champion  linear" in said
    register("sold")
    assert "the first" in capsys.readouterr().out
    register("sold", json=True)
    found = json.loads(capsys.readouterr().out)
    assert [step["what"] for step in found["history"]] == ["register", "move"]
    assert found["versions"][0]["metric"] == "roc_auc"


def test_an_alias_moves_and_comes_back(run_folder: Path, there: Path, capsys: Any) -> None:
    register(str(run_folder), name="sold", alias="champion")
    register("sold@1", alias="stage")
    assert "sold@1, champion and stage" in capsys.readouterr().out
    with pytest.raises(StorageError, match="no place to go back to"):
        register("sold", rollback=True)
    with pytest.raises(RecipeError, match="--rollback of"):
        register("sold@1", rollback=True)


def test_what_does_not_go_together(run_folder: Path, there: Path) -> None:
    for given, said in (
        ({"rollback": True}, "--rollback without a name"),
        ({"alias": "champion"}, "no run"),
        ({"model": str(run_folder), "alias": "champion"}, "without a name.*--name churn --alias champion"),
        ({"model": str(run_folder), "name": "sold", "rollback": True}, "--rollback without a name"),
    ):
        with pytest.raises(RecipeError, match=said):
            register(**given)
