"""A full disk is said in one clear error, and neither it nor a neighbour harms a run that was there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from justright.errors import StorageError
from justright.workflow import load_run, train

TRAIN = """
import sys
{before}
from justright.cli import main
options = ["--no-baseline", "--family", "glass-box", "--json"]
sys.exit(main(["train", sys.argv[1], "--target", "y", "--out", sys.argv[2], *options]))
"""
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))"


def table(rows=200):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, rows))
    return {"x": x, "z": z, "y": np.where(x + rng.normal(size=rows) > 0, "yes", "no")}


def write(path: Path) -> Path:
    columns = table()
    lines = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *lines]))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def command(table: Path, out: Path, before: str = "") -> list[str]:
    return [sys.executable, "-c", TRAIN.format(before=before), str(table), str(out)]


def test_a_disk_that_fills_at_any_write_leaves_earlier_runs_whole(tmp_path, monkeypatch):
    first = train(table(), target="y", out=tmp_path, baseline=False, family="glass-box")
    before = contents(first.path)
    sync = os.fsync
    for allowed in range(40):
        left = [allowed]

        def fill(descriptor, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", fill)
        try:
            run = train(table(), target="y", out=tmp_path, baseline=False, family="glass-box")
        except StorageError as error:
            assert "No space left on device" in str(error)
            assert error.next_step
        else:
            break
        finally:
            monkeypatch.undo()
        assert contents(first.path) == before
    assert allowed > 8
    ended = [path for path in tmp_path.iterdir() if (path / "run.json").exists()]
    assert sorted(ended) == sorted([first.path, run.path])
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob(".model*"))
    assert load_run(first.path).summary == first.summary


def test_files_that_may_not_grow_end_in_one_clear_error(tmp_path):
    """The system's own refusal, in a fresh process, not a simulated one."""
    where, out = write(tmp_path / "t.csv"), tmp_path / "runs"
    first = train(where, target="y", out=out, baseline=False, family="glass-box")
    before = contents(first.path)
    done = subprocess.run(command(where, out, SMALL_FILES), capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert contents(first.path) == before
    assert len(load_run(first.path).model.predict(table())) == 200


def test_trainings_at_once_in_one_folder_do_not_meet(tmp_path):
    where, out = write(tmp_path / "t.csv"), tmp_path / "runs"
    running = [
        subprocess.Popen(command(where, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said.decode()
    runs = [load_run(path) for path in sorted(out.iterdir())]
    assert len(runs) == 2
    weights = [(run.path / "model" / "weights.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]
    assert runs[0].summary.metrics == runs[1].summary.metrics
    assert runs[0].summary.run != runs[1].summary.run


def test_a_folder_without_the_right_to_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a folder that can be written"):
        train(table(), target="y", out=tmp_path / "file", baseline=False, family="glass-box")
