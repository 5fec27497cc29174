"""The hidden folder is gone whatever happens, and the audit comes last."""

import pytest

from justright.errors import StorageError
from justright.split.part_files import write_parts


def fill(folder, text):
    for name in ("train.parquet", "audit.json"):
        (folder / name).write_text(text)


def test_files_appear_only_at_the_end(tmp_path):
    with write_parts(tmp_path / "a" / "b", ["train"]) as folder:
        fill(folder, "new")
        assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == [folder.name]
        assert folder.name.startswith(".")
    assert {p.name: p.read_text() for p in (tmp_path / "a" / "b").iterdir()} == {
        "train.parquet": "new",
        "audit.json": "new",
    }


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_body_leaves_the_old_files(tmp_path, error):
    fill(tmp_path, "old")
    with pytest.raises(error), write_parts(tmp_path, ["train"]) as folder:
        fill(folder, "new")
        raise error
    assert sorted(p.read_text() for p in tmp_path.iterdir()) == ["old", "old"]


def test_a_part_that_was_not_written(tmp_path):
    with pytest.raises(StorageError, match="No such file"), write_parts(tmp_path, ["train"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_a_part(tmp_path):
    (tmp_path / "train.parquet").mkdir()
    with pytest.raises(StorageError, match="out="), write_parts(tmp_path, ["train"]) as folder:
        fill(folder, "new")
