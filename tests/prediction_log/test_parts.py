"""Parts: ended at any step and begun again, every row is there once; old parts go."""

from __future__ import annotations

import os
import time

import pyarrow.parquet as pq
import pytest

from justright.errors import StorageError
from justright.prediction_log import LogOptions, PredictionLog, add_labels, parts, read_log
from justright.prediction_log.parts import make_parts, retire, tidy
from justright.prediction_log.segments import Journal, journals_of, labels_folder, model_folder, parts_in

QUICK = LogOptions(sync_seconds=0.005, make_parts=False)


def fill(folder, asks, names, model="churn") -> None:
    for name in names:
        with PredictionLog(folder, QUICK) as log:
            log.record(*asks(name, [{"a": 1}, {"a": 2}], name=model), 1.0)


def test_closed_journals_become_parts_and_open_ones_stay(tmp_path, asks):
    fill(tmp_path, asks, ["x", "y"])
    folder = model_folder(tmp_path, "churn")
    held = Journal(folder, "held", 1)
    assert make_parts(tmp_path) == 2
    assert journals_of(folder) == [held.path] and len(parts_in(folder)) == 2
    assert make_parts(tmp_path) == 0
    held.close()
    assert make_parts(tmp_path) == 0 and not journals_of(folder)  # no rows, no part
    assert sorted(read_log(tmp_path)["_id"].to_pylist()) == ["x/0", "x/1", "y/0", "y/1"]


@pytest.mark.parametrize("step", ["write_table", "fsync", "rename", "unlink"])
def test_a_process_that_ends_at_any_step_is_made_good(tmp_path, asks, monkeypatch, step):
    fill(tmp_path, asks, ["x", "y"])
    folder = model_folder(tmp_path, "churn")

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    place = {
        "write_table": (pq, "write_table"),
        "fsync": (os, "fsync"),
        "rename": (parts.Path, "rename"),
        "unlink": (parts.Path, "unlink"),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(*place, stop)
        with pytest.raises(KeyboardInterrupt):
            make_parts(tmp_path)
    (folder / ".part-rest.parquet").write_text("of a killed process")
    (folder / ".w-000001.journal.ab").write_text("of another")
    os.utime(folder / ".w-000001.journal.ab", (0, 0))
    for _ in range(2):
        assert sorted(read_log(tmp_path)["_id"].to_pylist()) == ["x/0", "x/1", "y/0", "y/1"]
    assert len(list(folder.iterdir())) == len(parts_in(folder)) == 2


def test_old_parts_go_and_new_ones_stay(tmp_path, asks):
    fill(tmp_path, asks, ["a", "b", "c"])
    make_parts(tmp_path)
    files = parts_in(model_folder(tmp_path, "churn"))
    now = time.time()
    os.utime(files[0], (now - 10 * 86_400,) * 2)
    assert retire(tmp_path, 11, None, now) == []
    assert retire(tmp_path, 9, None, now) == [files[0]]
    assert retire(tmp_path, None, files[1].stat().st_size, now) == [files[1]]
    assert read_log(tmp_path)["_id"].to_pylist() == ["c/0", "c/1"]
    assert retire(tmp_path, None, 1, now) == [files[2]]


def test_old_labels_go_with_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("justright.prediction_log.labels._FILE_BYTES", 10)
    for number in range(3):
        add_labels(tmp_path, [{"id": str(number), "label": 1}])
    old, newer, _ = sorted(labels_folder(tmp_path).glob("*.journal"))
    os.utime(old, (0, 0))
    assert retire(tmp_path, 5, None, time.time()) == [old]
    assert newer.exists()


def test_one_process_at_a_time(tmp_path, asks):
    fill(tmp_path, asks, ["x"])
    with parts.only_one(tmp_path) as mine:
        assert mine
        assert tidy(tmp_path) == 0
    assert tidy(tmp_path, 100, 1e9) == 1
    with pytest.raises(StorageError):
        tidy(tmp_path / "nowhere")
