"""Folders: a part for each file, bad rows in errors parts, a job that was killed goes on, nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.bundle import scoring_folder
from justright.bundle.scoring import score_file
from justright.bundle.scoring_folder import score_folder
from justright.errors import ColumnError, RecipeError, StorageError, TableError


def rows_of(rng: np.random.Generator, rows: int) -> pa.Table:
    return pa.table(
        {
            "id": rng.integers(0, 10**9, rows),
            "age": rng.normal(40, 9, rows),
            "income": pa.array([f"{each:.2f}".replace(".", ",") for each in rng.normal(2000, 900, rows)]),
            "seen": pa.array(rng.integers(1_600_000_000, 1_800_000_000, rows), pa.timestamp("s")),
            "colour": pa.array(["red", "blue", "mauve"]).take(pa.array(rng.integers(0, 3, rows))),
            "shop": rng.integers(0, 9, rows),
            "member": rng.random(rows) < 0.5,
            "note": pa.array(["good", "bad one", None]).take(pa.array(rng.integers(0, 3, rows))),
        }
    )


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Three files, one in a folder of its own, one without rows; the second has two rows that are none."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "in"
    (folder / "day=2").mkdir(parents=True)
    pq.write_table(rows_of(rng, 90), folder / "day=2" / "c.parquet", row_group_size=40)
    (folder / "day=1").mkdir()
    second = rows_of(rng, 60)
    ages = second["age"].to_pylist()
    ages[7], ages[30] = float("inf"), float("-inf")
    second = second.set_column(1, "age", pa.array(ages))
    pq.write_table(rows_of(rng, 50), folder / "day=1" / "a.parquet")
    pq.write_table(second, folder / "day=1" / "b.parquet")
    pq.write_table(second.slice(0, 0), folder / "day=1" / "none.parquet")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def whole(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.ParquetFile(path).read() for path in sorted(folder.rglob("*.parquet"))])


PARTS = ["day=1/a.parquet", "day=1/b.parquet", "day=1/errors_b.jsonl", "day=2/c.parquet"]
DONE = ["_done/.lock", *(f"_done/{name}.json" for name in PARTS if not name.endswith("l"))]


@pytest.mark.parametrize("threads", [1, 3])
def test_parts_hold_what_one_file_would(tmp_path, model, inputs, threads):
    report = score_folder(model, inputs, tmp_path / "out", keep=["id", "day"], threads=threads)
    assert names(tmp_path / "out") == sorted(PARTS + DONE)
    score_file(model, inputs, tmp_path / "one.parquet", keep=["id", "day"])
    assert whole(tmp_path / "out").equals(pq.ParquetFile(tmp_path / "one.parquet").read())
    assert (report.rows, report.scored, report.bad_rows) == (200, 198, 2)
    assert (report.parts, report.kept, report.removed) == (3, 0, 0)
    assert report.errors == (str(tmp_path / "out" / "day=1" / "errors_b.jsonl"),)
    assert report.columns == ("id", "day", "prediction", "probability_no", "probability_yes")


def test_bad_rows_are_written_with_their_reason(tmp_path, model, inputs):
    score_folder(model, inputs, tmp_path / "out", keep=["id"])
    lines = (tmp_path / "out" / "day=1" / "errors_b.jsonl").read_text().splitlines()
    first, second = (json.loads(line) for line in lines)
    table = pq.ParquetFile(inputs / "day=1" / "b.parquet").read()
    assert (first["file"], first["row"], second["row"]) == ("day=1/b.parquet", 8, 31)
    assert first["error"] == {"code": 3, "message": "cannot read age=inf"}
    assert first["instance"]["id"] == table["id"][7].as_py()
    assert first["instance"]["income"] == table["income"][7].as_py()
    part = pq.ParquetFile(tmp_path / "out" / "day=1" / "b.parquet").read()["prediction"]
    assert part.null_count == 2 and part[7].as_py() is None and part[30].as_py() is None


def test_the_list_of_bad_rows_is_bounded(tmp_path, model, inputs, monkeypatch):
    monkeypatch.setattr(scoring_folder, "MAX_ERRORS", 1)
    assert score_folder(model, inputs, tmp_path / "out").bad_rows == 2
    assert len((tmp_path / "out" / "day=1" / "errors_b.jsonl").read_text().splitlines()) == 1


def test_what_is_done_is_kept_and_what_changed_is_made_again(tmp_path, model, inputs):
    out, done = tmp_path / "out", []
    first = score_folder(model, inputs, out)
    before = {name: (out / name).stat().st_mtime_ns for name in PARTS}
    second = score_folder(model, inputs, out, on_rows=done.append)
    assert (second.kept, second.rows, second.bad_rows, done) == (3, first.rows, 2, [200])
    assert second.errors == first.errors
    assert {name: (out / name).stat().st_mtime_ns for name in PARTS} == before
    pq.write_table(rows_of(np.random.default_rng(6), 10), inputs / "day=1" / "b.parquet")
    third = score_folder(model, inputs, out)
    assert (third.kept, third.rows, third.bad_rows, third.errors) == (2, 150, 0, ())
    assert names(out) == sorted([name for name in PARTS if "errors" not in name] + DONE)
    assert score_folder(model, inputs, out, keep=["id"]).kept == 0  # other options, other parts


def test_parts_without_input_go(tmp_path, model, inputs):
    score_folder(model, inputs, tmp_path / "out")
    (inputs / "day=1" / "b.parquet").unlink()
    report = score_folder(model, inputs, tmp_path / "out")
    assert (report.removed, report.kept, report.parts, report.rows) == (1, 2, 2, 140)
    assert not [name for name in names(tmp_path / "out") if "b." in name]


def test_a_part_that_was_damaged_is_made_again(tmp_path, model, inputs):
    out = tmp_path / "out"
    score_folder(model, inputs, out)
    expected = whole(out)
    (out / PARTS[0]).write_bytes(b"PAR1")
    (out / "_done" / f"{PARTS[3]}.json").write_text("{")
    (out / PARTS[1]).unlink()
    assert score_folder(model, inputs, out).kept == 0
    assert whole(out).equals(expected)


def test_one_file_becomes_one_part(tmp_path, model, inputs):
    report = score_folder(model, inputs / "day=2" / "c.parquet", tmp_path / "out")
    assert (report.parts, report.rows) == (1, 90)
    assert names(tmp_path / "out") == ["_done/.lock", "_done/c.parquet.json", "c.parquet"]


def test_wrong_requests_are_refused_and_leave_nothing(tmp_path, model, inputs):
    (tmp_path / "t.csv").write_text("age\n1\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("")
    before = names(tmp_path)
    for out in (inputs, inputs / "out", tmp_path):
        with pytest.raises(RecipeError, match="not part of the table"):
            score_folder(model, inputs, out)
    with pytest.raises(RecipeError, match=r"holds 'mine\.txt'"):
        score_folder(model, inputs, tmp_path / "other")
    with pytest.raises(RecipeError, match="is a file"):
        score_folder(model, inputs, tmp_path / "t.csv")
    with pytest.raises(StorageError, match="does not exist"):
        score_folder(model, tmp_path / "nowhere", tmp_path / "out")
    assert names(tmp_path) == before
    with pytest.raises(RecipeError, match="a table of CSV"):
        score_folder(model, tmp_path / "t.csv", tmp_path / "out")
    with pytest.raises(ColumnError, match="one of: id"):
        score_folder(model, inputs, tmp_path / "out", keep=["ID"])
    score_folder(model, inputs, tmp_path / "out")
    (tmp_path / "out" / "mine.parquet").write_text("")
    with pytest.raises(RecipeError, match=r"holds 'mine\.parquet'"):
        score_folder(model, inputs, tmp_path / "out")


def test_two_jobs_at_once_are_refused(tmp_path, model, inputs):
    def again(rows: int) -> None:
        with pytest.raises(StorageError, match="another job"):
            score_folder(model, inputs, tmp_path / "out")

    score_folder(model, inputs, tmp_path / "out", on_rows=again)


@pytest.mark.parametrize("place", ["os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_keeps_what_is_done(tmp_path, model, inputs, monkeypatch, place):
    score_folder(model, inputs, tmp_path / "whole")
    calls = iter(range(100))

    def full(*arguments):
        if next(calls) >= 3:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    real = os.fsync if place == "os.fsync" else Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(place, full)
        with pytest.raises(StorageError, match="No space left"):
            score_folder(model, inputs, tmp_path / "out")
    report = score_folder(model, inputs, tmp_path / "out")
    assert report.kept == 1
    assert names(tmp_path / "out") == names(tmp_path / "whole")


def test_a_damaged_file_is_named_and_its_neighbours_can_be_done_later(tmp_path, model, inputs):
    path = inputs / "day=2" / "c.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(1_500) + data[1_504:])
    with pytest.raises(TableError, match=r"c\.parquet"):
        score_folder(model, inputs, tmp_path / "out", threads=1)
    path.write_bytes(data)
    assert score_folder(model, inputs, tmp_path / "out").rows == 200


# One interpreter that forks a job for each line it reads; a job says nothing and may be killed.
FORKER = """
import os, sys
from justright.bundle.predictor import load
from justright.bundle.scoring_folder import score_folder
model, inputs, out = load(sys.argv[1]), sys.argv[2], sys.argv[3]
for line in sys.stdin:
    child = os.fork()
    if not child:
        score_folder(model, inputs, out, threads=1)
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_killed_jobs_go_on_and_end_in_the_same_parts(tmp_path, model, folder):
    rng, chance = np.random.default_rng(8), random.Random(8)
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for number in range(24):
        pq.write_table(rows_of(rng, 20), inputs / f"{number:02d}.parquet")
    score_folder(model, inputs, tmp_path / "whole")
    command = [sys.executable, "-c", FORKER, folder, inputs, out]
    kills, kept = 0, [0]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forker:
        assert forker.stdin is not None and forker.stdout is not None
        while True:
            forker.stdin.write("\n")
            forker.stdin.flush()
            child = int(forker.stdout.readline())
            time.sleep(0.05 + chance.random() * 0.1)
            if kills < 8:
                os.kill(child, signal.SIGKILL)
            status = int(forker.stdout.readline())
            kills += status != 0
            kept.append(len(list((out / "_done").rglob("*.json"))))
            if not status:
                break
        forker.stdin.close()
    assert kept == sorted(kept) and kept[-1] == 24
    assert kills >= 1
    assert names(out) == names(tmp_path / "whole")
    for path in sorted((tmp_path / "whole").glob("*.parquet")):
        assert pq.read_table(out / path.name).equals(pq.read_table(path))
    assert score_folder(model, inputs, out).kept == 24
