"""Labels: added by several processes, the last one counts, what is no label is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest

from justright.errors import RowError, StorageError
from justright.prediction_log import add_labels, labels, read_labels
from justright.prediction_log.segments import labels_folder


def test_the_last_label_counts(tmp_path):
    assert add_labels(tmp_path, [{"id": "a", "label": 1}, {"id": "b", "label": "no"}], 10.0) == 2
    add_labels(tmp_path, [{"id": "a", "label": 2}, {"id": "a", "label": 3}], 10.0)
    add_labels(tmp_path, [{"id": "b", "label": "older"}], 9.0)
    assert add_labels(tmp_path, []) == 0
    found = read_labels(tmp_path)
    assert {name: label.label for name, label in found.items()} == {"a": 3, "b": "no"}


def test_a_torn_tail_is_cut_and_the_file_goes_on(tmp_path):
    add_labels(tmp_path, [{"id": "a", "label": 1}])
    path = labels_folder(tmp_path) / "labels.journal"
    with path.open("ab") as file:
        file.write(path.read_bytes()[12:30])
    add_labels(tmp_path, [{"id": "b", "label": True}])
    assert {name: label.label for name, label in read_labels(tmp_path).items()} == {"a": 1, "b": True}
    path.write_bytes(b"JR")  # killed while the file was new
    add_labels(tmp_path, [{"id": "c", "label": 2.5}])
    assert list(read_labels(tmp_path)) == ["c"]


def test_long_files_are_put_away_and_read_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "_FILE_BYTES", 60)
    for number in range(30):
        add_labels(tmp_path, [{"id": str(number % 7), "label": number}], 5.0)
    assert len(list(labels_folder(tmp_path).glob("*.journal"))) > 3
    assert {label.label for label in read_labels(tmp_path).values()} == set(range(23, 30))


def test_two_processes_add_at_once(tmp_path):
    code = (
        "import sys; from justright.prediction_log import add_labels\n"
        "for n in range(60): add_labels(sys.argv[1], [{'id': f'{sys.argv[2]}{n}', 'label': n}])"
    )
    made = [subprocess.Popen([sys.executable, "-c", code, tmp_path, name]) for name in "ab"]
    assert [process.wait() for process in made] == [0, 0]
    assert set(read_labels(tmp_path)) == {f"{name}{n}" for name in "ab" for n in range(60)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([], "an object"),
        ({"id": "a"}, "without 'label'"),
        ({"label": 1}, "without 'id'"),
        ({"id": 5, "label": 1}, "id=5"),
        ({"id": "", "label": 1}, "id=''"),
        ({"id": "x" * 2000, "label": 1}, "id="),
        ({"id": "a", "label": None}, "label=None"),
        ({"id": "a", "label": [1]}, "label="),
        ({"id": "a", "label": float("nan")}, "label=nan"),
        ({"id": "a", "label": 10**30}, "label=1"),
        ({"id": "\ud800", "label": 1}, "UTF-8"),
    ],
)
def test_what_is_no_label_is_refused_with_its_row(tmp_path, row, message):
    with pytest.raises(RowError, match=message) as error:
        add_labels(tmp_path, [{"id": "good", "label": 1}, row])
    assert error.value.where == "row 1"
    assert read_labels(tmp_path) == {}


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "labels").write_text("")
    with pytest.raises(StorageError, match="prediction log"):
        add_labels(tmp_path, [{"id": "a", "label": 1}])
