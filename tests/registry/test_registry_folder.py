"""Versions stay, aliases move and move back, everything is written down, and nothing is left half."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from justright.bundle.predictor import load
from justright.errors import BundleError, RecipeError, StorageError
from justright.registry import Entry, Registry, open_registry


def says(entry: Entry) -> float:
    return load(entry.path).predict_rows([{}])[0]


def test_versions_count_up_and_are_the_models_that_were_given(models, make):
    for bias in (1.0, 2.0, 3.0):
        entry = models.register(make(bias), "churn")
        assert (entry.version, says(entry)) == (int(bias), bias)
    assert [each.version for each in models.versions("churn")] == [1, 2, 3]
    assert models.names() == ("churn",)


def test_the_same_model_twice_is_the_same_version(models, make):
    first = models.register(make(1.0), "churn")
    assert models.register(make(1.0), "churn") == first
    assert models.register(first.path, "churn") == first
    assert models.register(make(1.0), "other").version == 1
    assert [step.what for step in models.history("churn")] == ["register"]


def test_a_version_is_a_copy(models, make):
    source = make(1.0)
    entry = models.register(source, "churn")
    shutil.rmtree(source)
    assert says(entry) == 1.0


def test_a_name_means_its_champion_and_else_the_newest(models, make):
    for bias in (1.0, 2.0):
        models.register(make(bias), "churn")
    assert models.resolve("churn").version == 2
    models.move("churn", "champion", 1)
    assert models.resolve("churn").version == models.resolve("churn@champion").version == 1
    assert models.resolve("churn@2").aliases == ()
    assert models.resolve("churn@1").aliases == ("champion",)


def test_a_rollback_goes_back_step_by_step(models, make):
    for bias in (1.0, 2.0, 3.0):
        models.register(make(bias), "churn", "champion")
    assert [models.rollback("churn").version for _ in range(2)] == [2, 1]
    with pytest.raises(StorageError, match="which has no place to go back to"):
        models.rollback("churn")
    models.move("churn", "champion", 3)
    assert models.rollback("churn", why="worse").version == 1
    last = models.history("churn")[-1]
    assert (last.what, last.before, last.version, last.why) == ("rollback", 3, 1, "worse")
    assert (last.who, last.when) == ("ann", "2026-11-22T08:00:00Z")


def test_a_move_to_where_it_is_writes_nothing(models, make):
    models.register(make(1.0), "churn", "champion")
    before = models.history("churn")
    models.move("churn", "champion", 1)
    models.register(make(1.0), "churn", "champion")
    assert models.history("churn") == before


def test_a_note_changes_nothing(models, make):
    models.register(make(1.0), "churn", "champion")
    models.note("churn", 1, "judged, and not promoted")
    assert models.history("churn")[-1].why == "judged, and not promoted"
    assert models.aliases("churn") == {"champion": 1}


def test_the_aliases_are_another_file_after_a_move(models, make):
    for bias in (1.0, 2.0):
        models.register(make(bias), "churn", "champion")
    path = models.root / "churn" / "aliases.json"
    before = path.stat().st_ino
    with path.open("rb") as old:
        models.move("churn", "champion", 1)
        assert json.loads(old.read()) == {"champion": 2}  # who has it open reads the old one, whole
    assert path.stat().st_ino != before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chur", "no model is called.*one of: churn"),
        ("churn@stage", "an alias that is not set.*one of: champion.*churn@1 --alias stage"),
        ("churn@2", "a version that is not there.*versions 1"),
    ],
)
def test_what_is_not_there(models, make, text, said):
    models.register(make(1.0), "churn", "champion")
    with pytest.raises(StorageError, match=said):
        models.resolve(text)


def test_an_empty_registry_says_how_to_begin(models):
    assert models.names() == ()
    with pytest.raises(StorageError, match="justright register RUN --name churn --alias champion"):
        models.resolve("churn@champion")


@pytest.mark.parametrize("name", ["a/b", "../a", "a@b", "a:b", ""])
def test_names_never_leave_the_folder(models, make, name):
    with pytest.raises(RecipeError):
        models.register(make(1.0), name)
    with pytest.raises(RecipeError):
        models.versions(name)
    assert not models.root.exists()


def test_what_is_no_model(models, tmp_path):
    for path, said in ((tmp_path / "nothing", "not there"), (tmp_path, "holds no model")):
        with pytest.raises(StorageError, match=said):
            models.register(path, "churn")
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(StorageError, match="a run that has not ended.*--resume"):
        models.register(tmp_path, "churn")
    assert not models.root.exists()


def test_a_model_of_another_target_is_refused(models, make):
    models.register(make(1.0), "house")
    other = make(2.0, "rent")
    with pytest.raises(RecipeError, match=r"a regression of 'rent' under the name house; .* of 'price'"):
        models.register(other, "house", alias="champion")
    assert [each.version for each in models.versions("house")] == [1] and not models.aliases("house")
    assert models.register(other, "rents").version == 1


def test_a_damaged_model_is_refused(models, make):
    path = make(1.0)
    (path / "card.md").write_text("# Carb")
    with pytest.raises(BundleError, match="copy the bundle again"):
        models.register(path, "churn")
    assert not models.root.exists()


def test_a_full_disk_leaves_nothing(models, make, monkeypatch):
    models.register(make(1.0), "churn", "champion")
    before = sorted(each for each in models.root.rglob("*"))

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("justright.registry.storage.shutil.copyfileobj", full)
    with pytest.raises(
        StorageError, match="No space left on device while trying to register.*free some space"
    ):
        models.register(make(2.0), "churn", "champion")
    assert sorted(each for each in models.root.rglob("*")) == before


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(models, make):
    models.root.mkdir()
    models.root.chmod(0o500)
    with pytest.raises(StorageError, match="check the rights"):
        models.register(make(1.0), "churn")


def test_a_file_where_the_folder_should_be(models, make):
    models.root.write_text("")
    with pytest.raises(StorageError, match="hold the lock"):
        models.register(make(1.0), "churn")


def test_a_history_that_was_cut_short_goes_on(models, make):
    models.register(make(1.0), "churn", "champion")
    path = models.root / "churn" / "history.jsonl"
    with path.open("ab") as file:
        file.write(b'{"what":"move","wh')
    assert len(models.history("churn")) == 2
    models.register(make(2.0), "churn")
    assert [json.loads(line)["to"] for line in path.read_text().splitlines()] == [1, 1, 2]


def test_a_history_that_was_edited_is_said(models, make):
    models.register(make(1.0), "churn", "champion")
    (models.root / "churn" / "history.jsonl").write_text("what?\n")
    with pytest.raises(StorageError, match="a history that is damaged"):
        models.rollback("churn")


def test_a_number_is_never_given_twice(models, make):
    for bias in (1.0, 2.0):
        entry = models.register(make(bias), "churn")
    shutil.rmtree(entry.path)
    assert models.register(make(3.0), "churn").version == 3


CODE = """
import os
from justright.registry import open_registry
{before}
models = open_registry({root!r}, user="bob")
models.register({model!r}, "churn", "champion")
"""
# Ends the process, as kill -9 does, before the n-th call that asks something of the disk.
KILL = """
left = [{n}]
def counted(real):
    def call(*given, **named):
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        return real(*given, **named)
    return call
os.fsync, os.mkdir = counted(os.fsync), counted(os.mkdir)
os.rename, os.replace = counted(os.rename), counted(os.replace)
"""


def start(root: Path, model: Path, before: str = "") -> subprocess.Popen[bytes]:
    code = CODE.format(before=before, root=str(root), model=str(model))
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)


def whole(models: Registry, biases: tuple[float, ...]) -> None:
    """What every reader may rely on at any moment."""
    assert models.names() == (("churn",) if biases[0] else ())
    for entry in models.versions("churn"):
        assert says(entry) in biases
        assert models.record(entry).model_id == entry.model_id
    assert all(models.resolve(f"churn@{alias}") for alias in models.aliases("churn"))


def test_killed_at_any_step_it_is_whole_and_goes_on(models, make):
    models.register(make(1.0), "churn", "champion")
    clean = models.root.with_name("clean")
    shutil.copytree(models.root, clean)
    model = make(2.0)
    for n in range(1, 40):
        shutil.rmtree(models.root)
        shutil.copytree(clean, models.root)
        done = start(models.root, model, KILL.format(n=n))
        error = done.communicate()[1].decode()
        assert done.returncode in (0, 9), error
        whole(models, (1.0, 2.0))
        again = models.register(model, "churn", "champion")  # finishes what was begun
        assert (again.version, again.aliases, says(again)) == (2, ("champion",), 2.0)
        assert [(s.what, s.version) for s in models.history("churn")][2:] == [("register", 2), ("move", 2)]
        names = {each.name for each in (models.root / "churn").rglob(".*")}
        assert names == {".lock"}
        if done.returncode == 0:
            break
    assert 10 < n < 39


def test_kill_nine_at_once(models, make):
    models.register(make(1.0), "churn", "champion")
    for wait in (0.0, 0.15, 0.3):
        process = start(models.root, make(2.0))
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        whole(models, (1.0, 2.0))
    assert models.register(make(2.0), "churn", "champion").version == 2


def test_many_at_once_get_versions_of_their_own(models, make):
    biases = [float(n) for n in range(1, 7)]
    running = [start(models.root, make(bias)) for bias in biases]
    for process in running:
        error = process.communicate()[1].decode()
        assert process.returncode == 0, error
    entries = models.versions("churn")
    assert [entry.version for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert sorted(map(says, entries)) == biases
    steps = models.history("churn")
    assert len(steps) == 12
    assert models.aliases("churn")["champion"] == [s for s in steps if s.what == "move"][-1].version
    moves = [step for step in steps if step.what == "move"]
    assert [step.before for step in moves] == [0, *(step.version for step in moves[:-1])]


def test_who_and_when_have_a_default(tmp_path, make):
    models = open_registry(tmp_path / "models")
    entry = models.register(make(1.0), "churn")
    record = models.record(entry)
    assert record.who and record.when.endswith("Z") and record.run == ""


def test_a_decision_against_another_version_does_not_count(models, make):
    for bias in (1.0, 2.0, 3.0):
        models.register(make(bias), "churn")
    models.move("churn", "champion", 1)
    models.move("churn", "champion", 2, expected=1)
    with pytest.raises(StorageError, match="churn@champion at version 2, moved by somebody meanwhile"):
        models.move("churn", "champion", 3, expected=1)
    assert models.aliases("churn") == {"champion": 2}


def test_what_is_not_ours_stays(models, make):
    models.register(make(1.0), "churn", "champion")
    (models.root / "churn" / ".git").mkdir()
    (models.root / "churn" / "versions" / ".keep").write_text("")
    (models.root / "churn" / "versions" / ".2.abcd").mkdir()
    (models.root / "churn" / ".aliases.json.abcd").write_text("")
    models.register(make(2.0), "churn", "champion")
    names = {each.name for each in (models.root / "churn").rglob(".*")}
    assert names == {".lock", ".git", ".keep"}
