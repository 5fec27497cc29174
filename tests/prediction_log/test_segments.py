"""The journal of a worker: locked while it is written, whole again after a write that failed."""

import pytest

from justright.prediction_log import segments
from justright.prediction_log.frames import frame, read_frames
from justright.prediction_log.segments import Journal, is_closed, model_folder, model_names, writer_name


def test_a_journal_is_closed_when_nobody_holds_it(tmp_path):
    journal = Journal(tmp_path / "rows" / "m", "w", 1)
    assert not is_closed(journal.path)
    journal.append(frame(b"one", journal.seed) + frame(b"two", journal.seed))
    journal.close()
    assert is_closed(journal.path)
    assert read_frames(journal.path.read_bytes()).records == [b"one", b"two"]
    assert not is_closed(tmp_path / "gone.journal")
    assert [path.name for path in journal.path.parent.iterdir()] == ["w-000001.journal"]


def test_a_write_that_failed_is_taken_back(tmp_path, monkeypatch):
    journal = Journal(tmp_path, "w", 1)
    journal.append(frame(b"one", journal.seed))

    def fail(handle):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(segments.os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input"):
            journal.append(frame(b"lost", journal.seed))
    assert not journal.broken and journal.path.stat().st_size == journal.size
    journal.append(frame(b"two", journal.seed))
    assert read_frames(journal.path.read_bytes()) == ([b"one", b"two"], 0, 0)
    with monkeypatch.context() as patch:
        patch.setattr(segments.os, "fdatasync", fail)
        patch.setattr(segments.os, "ftruncate", lambda handle, size: fail(handle))
        with pytest.raises(OSError, match="Input"):
            journal.append(frame(b"lost", journal.seed))
    assert journal.broken


def test_a_journal_that_cannot_be_begun_leaves_nothing(tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segments.os, "fdatasync", fail)
    with pytest.raises(OSError, match="No space"):
        Journal(tmp_path, "w", 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["churn", "..", ".", "a/b", "../../etc", "C:\\x", "%2E"])
def test_the_folder_of_a_model_lies_in_the_log(tmp_path, name):
    folder = model_folder(tmp_path, name)
    folder.mkdir(parents=True)
    assert folder.resolve().parent == (tmp_path / "rows").resolve()
    assert model_names(tmp_path) == (name,)


def test_writers_have_names_of_their_own():
    assert len({writer_name() for _ in range(100)}) == 100
