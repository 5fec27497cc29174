"""`justright export`, called as the parser would call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from justright.cli.export import export
from justright.errors import RecipeError
from justright.registry import open_registry


def test_a_run_becomes_an_image_that_trains(run_folder: Path, tmp_path: Path, capsys: Any) -> None:
    export(str(run_folder), container=tmp_path / "box")
    said = capsys.readouterr().out
    assert f"{tmp_path}/box: an image that serves and trains" in said
    assert f"next       docker build -t model {tmp_path}/box" in said


def test_a_name_of_the_registry(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    open_registry("models").register(run_folder, "sold", "champion")
    export("sold@champion", container=Path("box"), json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["trains"], found["folder"]) == ("sold", True, "box")
    assert "JUSTRIGHT_NAME=sold" in Path("box/Dockerfile").read_text()
    recipe = json.loads(Path("box/recipe.json").read_text())
    assert (recipe["target"], recipe["table"]) == ("sold", "")


def test_a_name_that_fits_into_no_route(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="name='a/b'"):
        export(str(run_folder), container=tmp_path / "box", name="a/b")
