"""kill -9 at any moment: nothing that was acknowledged as logged is lost, nothing is there twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from justright.prediction_log import read_log
from justright.prediction_log.segments import journals_of, model_folder, parts_in

# One interpreter that forks a writer for each line it reads: it logs without end, rows in order, and notes
# after each group how many of its rows are safe.
FORKER = """
import os, signal, sys, time
import numpy as np
from justright.prediction_log import LogOptions, PredictionLog
from justright.serve.exchange import Answers, Question

def write(folder, name, parts):
    notes = os.open(os.path.join(folder, name + ".notes"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    options = LogOptions(sync_seconds=0.001, segment_bytes=3_000, make_parts=parts == "parts")
    log = PredictionLog(folder, options)
    answers = Answers("m", "1", "id", "regression", prediction=np.zeros(1))
    said = number = 0
    while True:
        for _ in range(5):
            rows = [{"a": number, "b": "x" * 40}]
            log.record(Question(size=1, rows=rows, id=f"{name}-{number}"), answers, number / 1e3)
            number += 1
        time.sleep(0.0005)
        if log.status().logged != said:
            said = log.status().logged
            os.write(notes, b"%d\\n" % said)

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if not child:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        write(*line.split())
    print(child, flush=True)
"""


def acknowledged(notes: Path) -> int:
    """Return the last count that a writer noted."""
    whole = notes.read_bytes().rpartition(b"\n")[0] if notes.exists() else b""
    return int(whole.splitlines()[-1]) if whole else 0


def wait_for(true: Callable[[], bool]) -> None:
    """Wait until something is so, at most a minute."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def check(folder: Path, safe: dict[str, int]) -> None:
    """All that was acknowledged is there, once, with its values."""
    table = read_log(folder)
    found = table["_id"].to_pylist()
    assert len(set(found)) == len(found)
    for name, count in safe.items():
        assert {f"{name}-{number}" for number in range(count)} <= set(found)
    assert all(text.endswith(f"-{a}") for text, a in zip(found, table["a"].to_pylist(), strict=True))


def test_killed_writers_lose_and_double_nothing(tmp_path):
    chance = random.Random(7)
    safe: dict[str, int] = {}
    command = [sys.executable, "-c", FORKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forker:
        assert forker.stdin is not None and forker.stdout is not None
        for turn in range(12):
            children = {}
            for worker in range(3):
                name = f"t{turn}w{worker}"
                parts = "parts" if turn % 6 == worker == 0 else "no"
                forker.stdin.write(f"{tmp_path} {name} {parts}\n")
                forker.stdin.flush()
                children[name] = int(forker.stdout.readline())
            if turn % 2:  # the others are killed wherever their start has come to
                wait_for(lambda: all(acknowledged(tmp_path / f"{name}.notes") for name in children))  # noqa: B023
            time.sleep(chance.random() * 0.2)
            for name, child in children.items():
                os.kill(child, signal.SIGKILL)
                safe[name] = acknowledged(tmp_path / f"{name}.notes")
            if turn % 4 == 3 and any(safe.values()):
                check(tmp_path, safe)
        forker.stdin.close()
    assert len(safe) == 36 and sum(count > 0 for count in safe.values()) >= 18
    check(tmp_path, safe)
    folder = model_folder(tmp_path, "m")
    deadline = time.monotonic() + 30
    while journals_of(folder) and time.monotonic() < deadline:  # a writer just killed may still go
        check(tmp_path, safe)
        time.sleep(0.05)
    assert parts_in(folder) and not journals_of(folder)
    check(tmp_path, safe)  # all of it from parts
