from __future__ import annotations

from pathlib import Path

import pytest

from justright.cli.model import model_path, run_path
from justright.errors import StorageError


def test_a_run_and_its_model_are_the_same_model(run_folder: Path) -> None:
    assert model_path(str(run_folder)) == model_path(str(run_folder / "model")) == run_folder / "model"


def test_a_run_and_its_model_are_the_same_run(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_path(str(run_folder)) == run_path(str(run_folder / "model")) == run_folder
    monkeypatch.chdir(run_folder)
    assert run_path("model").resolve() == run_folder.resolve()


def test_what_is_not_there() -> None:
    with pytest.raises(StorageError, match="which is not there; allowed: the folder of a finished run"):
        model_path("/nowhere/at/all")


def test_a_file(table: Path) -> None:
    with pytest.raises(StorageError, match="which is a file"):
        model_path(str(table))


def test_a_run_that_has_not_ended(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    for find in (model_path, run_path):
        with pytest.raises(StorageError, match="justright train --resume"):
            find(str(tmp_path))


def test_a_folder_of_runs_names_the_newest(run_folder: Path) -> None:
    with pytest.raises(StorageError, match=f"holds 1 runs.*the newest is {run_folder}"):
        model_path(str(run_folder.parent))


def test_another_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="which is neither"):
        run_path(str(tmp_path))
