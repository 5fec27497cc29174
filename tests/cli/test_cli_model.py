from __future__ import annotations

from pathlib import Path

import pytest

from justright.cli.model import model_path, run_path
from justright.errors import RecipeError, StorageError
from justright.registry import open_registry


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


@pytest.fixture
def named(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of version 1 of `sold`, the champion, seen from the folder above the registry."""
    monkeypatch.chdir(tmp_path)
    open_registry("models").register(run_folder, "sold", "champion")
    return Path("models/sold/versions/1")


@pytest.mark.parametrize("text", ["sold", "sold@champion", "sold@1", "models/sold", "models/sold@1"])
def test_a_name_of_the_registry(named: Path, run_folder: Path, text: str) -> None:
    assert model_path(text) == named
    assert run_path(text) == run_folder


def test_another_registry_is_named_before_it(named: Path, tmp_path: Path) -> None:
    (tmp_path / "models").rename(tmp_path / "other")
    assert model_path(f"{tmp_path}/other/sold@1") == tmp_path / "other/sold/versions/1"


def test_a_folder_comes_before_a_name(named: Path, run_folder: Path) -> None:
    Path("sold").symlink_to(run_folder)
    assert model_path("sold") == Path("sold/model")
    assert model_path("sold@1") == named


def test_names_that_are_not_there(named: Path) -> None:
    for text, said in (
        ("solt", "which is not there.*or one of: sold"),
        ("solt@champion", "no model is called"),
        ("sold@stage", "an alias that is not set"),
        ("sold@2", "a version that is not there; allowed: versions 1|versions 1"),
    ):
        for find in (model_path, run_path):
            with pytest.raises(StorageError, match=said):
                find(text)
    with pytest.raises(RecipeError, match="NAME@ALIAS or NAME@VERSION"):
        model_path("sold@")


def test_a_run_that_is_gone(named: Path, run_folder: Path, tmp_path: Path) -> None:
    record = named / "record.json"
    record.write_text(record.read_text().replace(str(run_folder), str(tmp_path / "nowhere")))
    with pytest.raises(StorageError, match="run of sold@1, which is gone"):
        run_path("sold")
    assert model_path("sold") == named


def test_a_model_that_was_registered_alone(named: Path, run_folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(run_folder / "model", tmp_path / "alone")
    open_registry("models").register(tmp_path / "alone", "alone")
    with pytest.raises(StorageError, match="registered as a model alone"):
        run_path("alone")
