"""Accepted baselines in service: the newest that fits is used, and what is broken changes nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from justright.errors import StorageError
from justright.monitor.accepted import Accepted, Following, newest, read_accepted
from justright.monitor.frame import Counts, Frame, counts_of, frame_of

OWN, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def frame(model) -> Frame:
    return frame_of(model.bundle.baseline, model.plan)


class Place:
    """The folder of a registered model, with what follows its baselines."""

    def __init__(self, folder: Path, frame: Frame, counts: Counts) -> None:
        (folder / "churn").mkdir()
        self.folder = folder / "churn" / "baselines"
        self.counts = counts
        self.events: list[dict] = []
        self.following = Following(self.folder, OWN, frame, self.events.append)

    def put(self, name: str, who: str = "me", model_id: str = OWN, **changes) -> Path:
        counts = msgspec.structs.replace(self.counts, **changes)
        accepted = Accepted(model_id, f"{name[:10]}T10:00:00Z", who, "moved", "", [], counts)
        return self.write(name, msgspec.json.encode(accepted))

    def write(self, name: str, data: bytes) -> Path:
        self.folder.mkdir(exist_ok=True)
        (self.folder / ".part").write_bytes(data)
        (self.folder / ".part").replace(self.folder / name)
        return self.folder / name

    def look(self) -> str:
        """Look, and say whose baseline is in use."""
        self.following.look()
        return self.following.accepted.who if self.following.accepted else ""

    def heard(self) -> list[str]:
        """Return the events since the last time."""
        told, self.events[:] = [event["event"] for event in self.events], []
        return told


@pytest.fixture
def place(tmp_path, frame, model) -> Place:
    return Place(tmp_path, frame, counts_of(model.bundle.baseline))


def test_the_newest_of_the_very_model_is_used_and_each_change_is_told_once(place):
    assert (place.look(), place.heard()) == ("", [])  # nothing was ever accepted
    place.put("2026-11-22.json", "first")
    assert (place.look(), place.look(), place.heard()) == ("first", "first", ["baseline"])
    place.put("2026-11-22-02.json", "second")
    assert place.look() == "second"
    place.put("2026-11-22-10.json", "tenth")
    place.put("2026-11-22-100.json", "hundredth")
    assert place.look() == "hundredth"
    place.put("2026-11-23.json", "stranger", OTHER)
    place.put("2025-01-01.json", "older")
    assert place.look() == "hundredth"
    place.put("2026-11-24.json", "last")
    assert place.look() == "last"
    assert place.heard() == ["baseline"] * 3
    assert place.events == []


def test_one_that_is_removed_gives_way_to_the_one_before_it_and_then_to_the_training_rows(place):
    first, second = place.put("2026-11-22.json", "first"), place.put("2026-11-23.json", "second")
    assert place.look() == "second"
    second.unlink()
    assert place.look() == "first"
    first.unlink()
    assert place.look() == ""
    assert place.heard() == ["baseline"] * 3


@pytest.mark.parametrize(
    "broken", [b"", b"{}", b"not json", b"[" * 100_000, b'{"model_id": 3}', b"\xff\xfe", b"null"]
)
def test_what_is_broken_changes_nothing_and_is_told_once(place, broken):
    own = place.put("2026-11-22.json", "first")
    assert (place.look(), place.heard()) == ("first", ["baseline"])
    place.write("2026-11-23.json", broken)
    assert (place.look(), place.look(), place.heard()) == ("first", "first", ["baseline-failed"])
    place.write(own.name, broken)  # the one in use, too
    assert (place.look(), place.look(), place.heard()) == ("first", "first", ["baseline-failed"])
    place.put("2026-11-23.json", "mended")
    assert (place.look(), place.heard()) == ("mended", ["baseline"])


def test_counts_that_do_not_fit_are_not_used(place, frame):
    numeric = place.counts.numeric
    for changes in (
        {"numeric": numeric[:1]},
        {"numeric": [each[:-1] for each in numeric]},
        {"missing": []},
        {"categorical": [[1.0]]},
        {"said": [[1.0, 2.0]]},
        {"terms": [[1.0]]},
        {"rows": 0.0},
        {"numeric": [[-each for each in every] for every in numeric]},
    ):
        path = place.put("2026-11-22.json", **changes)
        with pytest.raises(StorageError, match="counts other things"):
            read_accepted(path, OWN, frame)
        assert (place.look(), place.heard()) == ("", ["baseline-failed"])
    place.put("2026-11-22.json", said=[], terms=[])  # of a version that counted less
    assert place.look() == "me"


def test_a_folder_or_a_pipe_in_place_of_a_file(place):
    place.put("2026-11-22.json", "first")
    (place.folder / "2026-11-23.json").mkdir()
    os.mkfifo(place.folder / "2026-11-24.json")  # reading it would wait for ever
    (place.folder / "2026-11-25.json").symlink_to("nowhere")
    (place.folder / "notes.json").write_text("no baseline")
    assert (place.look(), place.look()) == ("first", "first")
    assert place.heard() == ["baseline-failed", "baseline-failed", "baseline"]


def test_a_disk_that_goes_away_and_comes_back(place, monkeypatch):
    place.put("2026-11-22.json", "first")
    assert (place.look(), place.heard()) == ("first", ["baseline"])
    away = place.folder.parents[1] / "away"
    place.folder.parent.rename(away)
    assert (place.look(), place.look(), place.heard()) == ("first", "first", ["baseline-failed"])
    away.rename(place.folder.parent)
    assert (place.look(), place.heard()) == ("first", [])
    read = Path.read_bytes

    def unread(path):
        raise OSError(5, "Input/output error")

    place.put("2026-11-23.json", "second")
    monkeypatch.setattr(Path, "read_bytes", unread)
    assert (place.look(), place.look(), place.look()) == ("first", "first", "first")
    monkeypatch.setattr(Path, "read_bytes", read)
    assert place.look() == "second"
    assert place.heard().count("baseline-failed") == 2  # a file each, however often it was tried


def test_a_monitor_refuses_what_a_server_passes_over(place, frame):
    bundle = place.folder.parent / "versions" / "3"
    assert newest(bundle, OWN, frame) is None
    place.put("2026-11-22.json", "first")
    assert newest(bundle, OWN, frame).who == "first"
    assert newest(bundle, OTHER, frame) is None
    place.write("2026-11-23.json", b"{}")
    with pytest.raises(StorageError, match="2026-11-23.json"):
        newest(bundle, OWN, frame)
    shutil.rmtree(place.folder.parent)
    with pytest.raises(StorageError, match="baselines"):
        newest(bundle, OWN, frame)
