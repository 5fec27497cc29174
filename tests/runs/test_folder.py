"""A run folder is written whole or not at all, and is never shared."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from justright.errors import StorageError
from justright.recipe import Recipe
from justright.runs import create, open_run


@pytest.fixture
def folder(tmp_path):
    return create(tmp_path / "runs")


def test_names_sort_by_age_and_are_never_shared(tmp_path):
    found = []

    def many():
        found.extend(create(tmp_path / "runs").path for _ in range(20))

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 80 == len(list((tmp_path / "runs").iterdir()))
    assert all(path.is_dir() for path in found)


def test_a_name_that_is_taken_is_not_used(tmp_path, monkeypatch):
    tokens = iter(["aaaaaa", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr("justright.runs.folder.secrets.token_hex", lambda n: next(tokens))
    monkeypatch.setattr("justright.runs.folder.time.strftime", lambda *given: "20260101-000000")
    first, second = create(tmp_path), create(tmp_path)
    assert [p.path.name for p in (first, second)] == ["20260101-000000-aaaaaa", "20260101-000000-bbbbbb"]


def test_values_there_and_back(folder):
    recipe = Recipe(target="y", drop=("a",))
    folder.write("recipe.json", recipe)
    assert folder.read("recipe.json", Recipe) == recipe
    assert open_run(folder.path).path == folder.path
    assert sorted(p.name for p in folder.path.iterdir()) == ["recipe.json"]


def test_it_has_ended_when_the_summary_is_there(folder):
    assert not folder.ended
    folder.write("run.json", {})
    assert folder.ended


def test_a_folder_without_a_recipe_is_no_run(tmp_path):
    with pytest.raises(StorageError, match=r"a run folder \(with a recipe.json\)"):
        open_run(tmp_path)
    with pytest.raises(StorageError):
        open_run(tmp_path / "nowhere")


@pytest.mark.parametrize("text", [b"", b"{", b'{"target": 3}', b"\xff\xfe"])
def test_a_damaged_file_is_said(folder, text):
    (folder.path / "recipe.json").write_bytes(text)
    with pytest.raises(StorageError, match=r"recipe.json: .*the folder of a finished run"):
        folder.read("recipe.json", Recipe)


def test_a_full_disk_leaves_the_old_file(folder, monkeypatch):
    folder.write("run.json", {"a": 1})

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("justright.runs.folder.os.fsync", full)
    with pytest.raises(
        StorageError, match="bytes for run.json.*No space left on device.*free some disk space"
    ):
        folder.write("run.json", {"a": 2})
    monkeypatch.undo()
    assert folder.read("run.json", dict) == {"a": 1}
    assert [p.name for p in folder.path.iterdir()] == ["run.json"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a folder that can be written"):
        create(tmp_path / "file" / "runs")


def test_cleaning_takes_what_only_training_needs(folder):
    folder.checkpoint.write_bytes(b"x")
    folder.scratch.mkdir()
    (folder.scratch / "numeric.bin").write_bytes(b"x")
    folder.write("run.json", {})
    folder.clean()
    folder.clean()
    assert [p.name for p in folder.path.iterdir()] == ["run.json"]


def test_what_a_killed_training_left_is_cleared(folder):
    folder.write("recipe.json", {})
    folder.checkpoint.write_bytes(b"x")
    for name in ("model", ".model.0123", "blocks"):
        (folder.path / name).mkdir()
        (folder.path / name / "file").write_bytes(b"x")
    for name in (".run.json.part", "checkpoint.safetensors.part"):
        (folder.path / name).write_bytes(b"x")
    folder.clear_unfinished()
    assert sorted(p.name for p in folder.path.iterdir()) == ["checkpoint.safetensors", "recipe.json"]


def test_an_ended_run_is_not_cleared(folder):
    folder.model.mkdir()
    folder.write("run.json", {})
    folder.clear_unfinished()
    assert folder.model.is_dir()


def test_where_things_lie(folder):
    names = {p.name for p in (folder.checkpoint, folder.scratch, folder.model, folder.report)}
    assert names == {"checkpoint.safetensors", "blocks", "model", "report.html"}
