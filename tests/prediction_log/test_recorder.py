"""The recorder: everything once, memory bounded, and a disk that is slow or full stops nobody."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from justright.errors import StorageError
from justright.prediction_log import LogOptions, PredictionLog, read_log, segments
from justright.prediction_log.segments import model_folder, parts_in
from justright.serve.exchange import Recorder

QUICK = LogOptions(sync_seconds=0.01, make_parts=False)


def ids(folder, **choices) -> list[str]:
    return read_log(folder, **choices)["_id"].to_pylist()


def until(true, seconds=10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_it_is_a_recorder_and_logs_all_once(tmp_path, asks):
    with PredictionLog(tmp_path, QUICK) as log:
        recorder: Recorder = log
        for number in range(300):
            recorder.record(*asks(f"r{number}", [{"a": number}, {"a": None}]), 1000.0 + number)
        assert log.flush()
        assert log.status().logged == 600 and log.status().waiting == 0
        # While it is being written the log can be read.
        assert len(ids(tmp_path)) == 600
    assert sorted(ids(tmp_path)) == sorted(f"r{n}/{i}" for n in range(300) for i in range(2))
    log.record(*asks("late", [{"a": 1}]), 1.0)
    assert log.status().dropped == 1


def test_rows_after_somebody_removed_the_folder_are_in_a_new_one(tmp_path, asks):
    folder = tmp_path / "log"
    with PredictionLog(folder, QUICK) as log:
        log.record(*asks("before", [{"a": 1}]), 1.0)
        assert log.flush()
        shutil.rmtree(folder)
        log.record(*asks("after", [{"a": 2}]), 2.0)
        assert log.flush()
        assert log.status().logged == 2
        assert ids(folder) == ["after"]


def test_a_slow_disk_bounds_the_memory_and_drops_are_counted(tmp_path, asks, monkeypatch):
    gate = threading.Event()
    sync = os.fdatasync
    options = LogOptions(sync_seconds=0.01, queue_bytes=20_000, queue_rows=500, make_parts=False)
    log = PredictionLog(tmp_path, options)
    log.record(*asks("first", [{"a": "x" * 100}]), 0.0)
    assert log.flush()

    def slow(handle: int) -> None:
        gate.wait(20)
        sync(handle)

    monkeypatch.setattr(segments.os, "fdatasync", slow)
    begin = time.perf_counter()
    sent = 0
    while log.status().dropped < 3_000:
        log.record(*asks(f"r{sent}", [{"a": "x" * 100}] * 10), 1.0)
        sent += 1
        assert sent < 100_000
    # 20 kB may wait to be written and 500 rows to be encoded; nobody waited for the disk.
    assert log.status().waiting * 100 < 20_000 + 500 * 100
    assert time.perf_counter() - begin < 20
    gate.set()
    log.close()
    status = log.status()
    assert status.logged + status.dropped == 10 * sent + 1
    assert len(ids(tmp_path)) == status.logged


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_full_disk_stops_the_log_and_room_starts_it_again(tmp_path, asks, monkeypatch, call):
    full = threading.Event()
    real = getattr(os, call)

    def refuse(*arguments):
        if full.is_set():
            if call == "write":  # a part of it still finds room
                real(arguments[0], bytes(arguments[1])[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(segments.os, call, refuse)
    monkeypatch.setattr("justright.prediction_log.recorder._RETRY_SECONDS", 0.02)
    with PredictionLog(tmp_path, QUICK) as log:
        log.record(*asks("before", [{"a": 1}]), 1.0)
        assert log.flush()
        full.set()
        log.record(*asks("meanwhile", [{"a": 2}]), 2.0)
        until(lambda: log.status().trouble)
        assert "No space left on device" in log.status().trouble
        time.sleep(0.1)
        # What was written and not yet forced to disk may be seen until it is taken back; it does not count.
        assert log.status().logged == 1 and ids(tmp_path) in (["before"], ["before", "meanwhile"])
        full.clear()
        assert log.flush()
        assert log.status().trouble == "" and log.status().dropped == 0
    assert ids(tmp_path) == ["before", "meanwhile"]


LIMITED = """
import resource, signal, sys, time
import numpy as np
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from justright.prediction_log import LogOptions, PredictionLog
from justright.serve.exchange import Answers, Question
log = PredictionLog(sys.argv[1], LogOptions(sync_seconds=0.005, make_parts=False))
resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))
for number in range(200):
    answers = Answers("m", "1", "id", "regression", prediction=np.zeros(1))
    log.record(Question(size=1, rows=[{"a": "x" * 60}], id=str(number)), answers, float(number))
    time.sleep(0.001)
print(bool(log.status().trouble))
log.close(3)
status = log.status()
print(status.logged, status.dropped)
"""


def test_a_file_that_the_system_refuses_to_grow_keeps_what_it_had(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=True
    )
    said, counts = done.stdout.splitlines()
    logged, dropped = map(int, counts.split())
    assert said == "True" and logged + dropped == 200 and 0 < logged < 200
    assert len(set(ids(tmp_path))) == len(ids(tmp_path)) == logged


def test_journals_are_closed_by_size_and_by_age(tmp_path, asks):
    options = LogOptions(sync_seconds=0.005, segment_bytes=2_000, make_parts=False)
    with PredictionLog(tmp_path / "size", options) as log:
        for number in range(20):
            log.record(*asks(str(number), [{"a": "x" * 500}]), float(number))
            log.flush()
    assert 4 <= len(list(model_folder(tmp_path / "size", "churn").iterdir())) <= 8
    with PredictionLog(
        tmp_path / "age", LogOptions(sync_seconds=0.005, segment_seconds=0.03, make_parts=False)
    ) as log:
        for number in range(3):
            log.record(*asks(str(number), [{}]), float(number))
            log.flush()
            time.sleep(0.08)
        assert len(list(model_folder(tmp_path / "age", "churn").iterdir())) == 3
    assert ids(tmp_path / "age") == ["0", "1", "2"]


def test_parts_are_made_by_another_process(tmp_path, asks):
    options = LogOptions(sync_seconds=0.005, segment_bytes=10)
    with PredictionLog(tmp_path, options) as log:
        log.record(*asks("r", [{"a": 1}]), 1.0)
        until(lambda: parts_in(model_folder(tmp_path, "churn")), 30)
        until(lambda: log._journals._parts is None, 30)
        assert log.status().failed_parts == 0
    assert ids(tmp_path) == ["r"]


def test_models_have_folders_of_their_own_whatever_their_names(tmp_path, asks):
    names = ["a/b", "..", "c d", "é"]
    with PredictionLog(tmp_path, QUICK) as log:
        for name in names:
            log.record(*asks(name, [{"a": 1}], name=name), 1.0)
    for name in names:
        assert ids(tmp_path, model=name) == [name]
    assert {path.name for path in tmp_path.iterdir()} <= {"rows", ".lock"}


def test_a_row_that_cannot_be_written_is_counted_and_stops_nothing(tmp_path, asks):
    question, answers = asks("good", [{"a": 1}])
    with PredictionLog(tmp_path, QUICK) as log:
        log.record(question, object(), 1.0)  # type: ignore[arg-type]
        log.record(question, answers, 1.0)
        assert log.flush()
        assert (log.status().logged, log.status().dropped) == (1, 1)


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="prediction log"):
        PredictionLog(tmp_path / "file" / "log")


LIGHT = """
import sys
import numpy as np
from justright.prediction_log import LogOptions, PredictionLog, add_labels
from justright.serve.exchange import Answers, Question
with PredictionLog(sys.argv[1], LogOptions(sync_seconds=0.005, segment_bytes=10)) as log:
    answers = Answers("m", "1", "id", "regression", prediction=np.zeros(1))
    log.record(Question(size=1, rows=[{"a": 1}], id="r"), answers, 1.0)
    assert log.flush()
add_labels(sys.argv[1], [{"id": "r", "label": 1}])
print(sorted({"pyarrow", "pandas", "scipy", "numba"} & {name.partition(".")[0] for name in sys.modules}))
"""


def test_a_process_that_logs_holds_no_heavy_library(tmp_path):
    command = [sys.executable, "-c", LIGHT, tmp_path]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
