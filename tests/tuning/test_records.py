from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from justright.errors import StorageError
from justright.tuning.records import HeldRows, Trial, TrialFile, read_trials, spread_of_mean

LINES = [
    Trial(0, 0, 1.0, {"a": [1, 2]}, "complete", 0.1 + 0.2),
    Trial(1, 0, 1.0, {"a": [3]}, "failed", why="x"),
]


def file_of(folder: Path) -> TrialFile:
    return TrialFile(folder, folder / "trials")


def test_what_is_written_is_read_to_the_bit(tmp_path: Path) -> None:
    records = file_of(tmp_path)
    assert records.trials() == () == read_trials(tmp_path)
    for line in LINES:
        records.append(line)
    assert list(file_of(tmp_path).trials()) == LINES == list(read_trials(tmp_path))


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_that_was_cut_short_is_dropped_and_written_over(tmp_path: Path, cut: int) -> None:
    records = file_of(tmp_path)
    for line in LINES:
        records.append(line)
    records.path.write_bytes(records.path.read_bytes()[:-cut])
    assert list(read_trials(tmp_path)) == LINES[:1] == list(records.trials())
    records.append(LINES[1])
    assert list(records.trials()) == LINES


def test_other_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(StorageError, match="no trials"):
        read_trials(tmp_path)


def test_losses_are_kept_whole(tmp_path: Path) -> None:
    records = file_of(tmp_path)
    rows = HeldRows(np.asarray([1.0, 2.0], np.float32), np.ones(2))
    records.keep(3, rows)
    found = records.kept(3)
    np.testing.assert_array_equal(found.loss, rows.loss)
    assert (found.mean, round(found.error, 6)) == (1.5, round(0.5 / 2**0.5, 6))
    with pytest.raises(StorageError, match="losses of trial 4"):
        records.kept(4)
    (tmp_path / "trials" / "losses-3.npz").write_bytes(b"PK no archive")
    with pytest.raises(StorageError, match="losses of trial 3"):
        records.kept(3)


def test_the_spread_of_a_mean_is_that_of_repeated_rows() -> None:
    value, weight = np.asarray([1.0, 4.0, 6.0]), np.asarray([2.0, 1.0, 3.0])
    one = np.repeat(value, weight.astype(int))
    plain = one.std() / len(one) ** 0.5
    grouped = (np.square(weight * (value - one.mean())).sum() ** 0.5) / weight.sum()
    assert spread_of_mean(value, weight) == pytest.approx(grouped)
    assert spread_of_mean(one, np.ones(6)) == pytest.approx(plain)


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    records = file_of(tmp_path / "gone")
    with pytest.raises(StorageError, match="--resume"):
        records.append(LINES[0])
