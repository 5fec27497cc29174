import errno
import json
import subprocess
import sys

import msgspec
import pytest

from justright.errors import RecipeError, StorageError
from justright.evaluate.ledger import level_after, open_test, read_ledger

LOOK = {"model_id": "m1", "test_id": "t1", "rows": 100, "time": "2026-11-21T09:00:00Z", "user": "ann"}


def look(path, **changes):
    return open_test(path, **{**LOOK, "metrics": {"rmse": 1.5}, **changes})


MANY = """
import sys
from justright.evaluate.ledger import open_test
look = dict(model_id="m", test_id="t1", rows=1, metrics={"rmse": 1.5}, time="", user="")
print([open_test(sys.argv[1], **look).number for _ in range(25)])
"""


def test_looks_are_numbered_and_kept(tmp_path):
    path = tmp_path / "deep" / "ledger.jsonl"
    assert look(path).number == 1
    assert look(path, model_id="m2", metrics={"rmse": 1.25}).number == 2
    looks, findings = read_ledger(path)
    assert [(each.number, each.model_id, each.metrics["rmse"]) for each in looks] == [
        (1, "m1", 1.5),
        (2, "m2", 1.25),
    ]
    assert (looks[0].time, looks[0].user, findings) == (LOOK["time"], "ann", ())


def test_intervals_widen_with_the_looks(tmp_path):
    path = tmp_path / "ledger.jsonl"
    levels = [look(path).level for _ in range(10)]
    assert levels == pytest.approx([1 - 0.05 / k for k in range(1, 11)])
    assert look(path, test_id="other").level == pytest.approx(0.95)


def test_the_first_look_is_silent_and_later_ones_are_said(tmp_path):
    path = tmp_path / "ledger.jsonl"
    assert look(path).findings == ()
    (finding,) = look(path).findings
    assert (finding.id, finding.severity, finding.evidence["looks"]) == ("test-opened-again", "info", 2)
    for _ in range(3):
        look(path)
    assert look(path).findings[0].severity == "warning"


def test_only_ever_appended(tmp_path):
    path = tmp_path / "ledger.jsonl"
    look(path)
    before = path.read_bytes()
    look(path)
    assert path.read_bytes().startswith(before)


def test_a_damaged_last_line_is_dropped_and_said(tmp_path):
    path = tmp_path / "ledger.jsonl"
    look(path)
    look(path)
    path.write_bytes(path.read_bytes()[:-20])
    looks, (finding,) = read_ledger(path)
    assert len(looks) == 1
    assert finding.id == "ledger-damaged" and finding.evidence["last_line_dropped"]
    again = look(path)
    assert again.number == 2
    assert {f.id for f in again.findings} == {"ledger-damaged", "test-opened-again"}
    assert [each.number for each in read_ledger(path)[0]] == [1, 2]
    assert read_ledger(path)[1] == ()


def test_a_damaged_line_in_the_middle_still_counts(tmp_path):
    path = tmp_path / "ledger.jsonl"
    look(path)
    path.write_bytes(b"{}\n\xff\xfe\n" + path.read_bytes())
    opened = look(path)
    assert opened.number == 4
    assert opened.findings[0].evidence["unreadable_lines"] == 2


def test_processes_at_once_get_different_numbers(tmp_path):
    path = tmp_path / "ledger.jsonl"
    command = [sys.executable, "-c", MANY, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    numbers = sorted(n for process in running for n in json.loads(process.communicate()[0]))
    assert numbers == list(range(1, 76))
    assert [each.number for each in read_ledger(path)[0]] == numbers


def test_nan_is_written_as_null(tmp_path):
    path = tmp_path / "ledger.jsonl"
    look(path, metrics={"roc_auc": float("nan"), "rmse": None})
    assert msgspec.json.decode(path.read_bytes())["metrics"] == {"roc_auc": None, "rmse": None}


def test_a_ledger_that_cannot_be_written_keeps_the_test_closed(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="the test set stays closed"):
        look(blocked / "ledger.jsonl")
    with pytest.raises(StorageError, match="ledger="):
        look(tmp_path)


def test_a_full_disk_is_a_clear_error_and_nothing_is_shown(tmp_path, monkeypatch):
    def full(number):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "ledger.jsonl"
    monkeypatch.setattr("justright.evaluate.ledger.os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        look(path)


def test_the_level_needs_a_look():
    with pytest.raises(RecipeError, match="looks=0"):
        level_after(0)


def test_looks_in_other_ledgers_count(tmp_path):
    opened = look(tmp_path / "ledger.jsonl", elsewhere=3)
    assert opened.number == 4
    assert opened.level == level_after(4)
    assert opened.findings[0].id == "test-opened-again"


def test_a_model_that_is_no_better_leaves_no_figures(tmp_path):
    path = tmp_path / "ledger.jsonl"
    assert look(path, loss=1.0).released
    second = look(path, model_id="m2", loss=0.99, best="run-1")
    assert not second.released
    assert "not better than run-1 beyond the noise" in second.findings[0].sentence
    first, closed = read_ledger(path)[0]
    assert (first.released, first.loss, first.metrics) == (True, 1.0, {"rmse": 1.5})
    assert (closed.released, closed.loss, closed.metrics) == (False, None, {})


def test_a_ledger_of_before_is_read(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"number":1,"model_id":"m1","test_id":"t1","rows":100,"metrics":{"rmse":1.5}}\n')
    (old,), findings = read_ledger(path)
    assert old.released and old.loss is None and findings == ()
    assert look(path).number == 2
