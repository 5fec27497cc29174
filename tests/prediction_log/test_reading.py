"""Reading: rows of a time, of a model, from journals and parts alike, joined with their labels."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from justright.errors import RecipeError, TableError
from justright.prediction_log import LogOptions, PredictionLog, add_labels, read_log
from justright.prediction_log.parts import make_parts
from justright.prediction_log.reading import damage_of
from justright.prediction_log.segments import journals_of, model_folder
from justright.prediction_log.tables import Notes, array_of, joined, logged_name, notes_of, table_of
from justright.serve.exchange import Answers, Question

QUICK = LogOptions(sync_seconds=0.005, make_parts=False)


def test_rows_of_a_time(tmp_path, asks):
    with PredictionLog(tmp_path, QUICK) as log:
        for number in range(10):
            log.record(*asks(str(number), [{"a": number}]), 100.0 + number)
    for _ in range(2):  # from the journal, then from its part
        assert read_log(tmp_path, 103, 105)["_id"].to_pylist() == ["3", "4"]
    assert read_log(tmp_path, until=datetime.fromtimestamp(101, UTC))["a"].to_pylist() == [0]
    assert read_log(tmp_path, since=datetime(1970, 1, 1, 0, 1, 49))["a"].to_pylist() == [9]
    with pytest.raises(TableError, match="without rows"):
        read_log(tmp_path, since=200)


def test_a_row_has_what_was_asked_and_answered(tmp_path, asks):
    with PredictionLog(tmp_path, QUICK) as log:
        log.record(*asks("r", [{"a": 1, "b": "x"}, {"a": 2.5}], version="7"), 1.5)
    row = read_log(tmp_path).to_pylist()[1]
    assert row.pop("_time") == datetime.fromtimestamp(1.5, UTC)
    assert row == {
        "_id": "r/1",
        "_version": "7",
        "_model_id": "ab12",
        "a": 2.5,
        "b": None,
        "_label": "yes",
        "_probability_no": pytest.approx(0.1),
        "_probability_yes": 0.9,
    }


def test_versions_with_other_columns_and_types_stand_in_one_table(tmp_path, asks):
    for number, row in enumerate([{"a": 1, "b": True}, {"a": 2.5, "c": "x"}, {"a": None, "b": "maybe"}]):
        with PredictionLog(tmp_path, QUICK) as log:
            log.record(*asks(str(number), [row], version=str(number)), float(number))
    table = read_log(tmp_path)
    assert table["a"].to_pylist() == [1.0, 2.5, None]
    assert table["b"].to_pylist() == ["true", None, "maybe"]
    assert table["c"].to_pylist() == [None, "x", None]


def test_a_regression_and_numpy_columns(tmp_path):
    with PredictionLog(tmp_path, QUICK) as log:
        columns = {"a": np.array([1.5, np.nan]), "_id": [1, 2]}
        answers = Answers("m", "1", "id", "regression", prediction=np.array([3.0, 4.0]))
        log.record(Question(size=2, columns=columns, id="r"), answers, 1.0)
    table = read_log(tmp_path)
    assert table["_prediction"].to_pylist() == [3.0, 4.0]
    assert table["_id"].to_pylist() == ["r/0", "r/1"] and table["_id_"].to_pylist() == [1, 2]
    assert str(table["a"].type) == "double"


def test_labels_are_joined_by_id(tmp_path, asks):
    with PredictionLog(tmp_path, QUICK) as log:
        for name in ("p", "q", "s"):
            log.record(*asks(name, [{"a": 1}]), 1.0)
    assert "_truth" not in read_log(tmp_path).column_names
    add_labels(tmp_path, [{"id": "q", "label": "no"}, {"id": "nobody", "label": "yes"}], 50.0)
    add_labels(tmp_path, [{"id": "q", "label": "yes"}, {"id": "s", "label": "no"}], 60.0)
    table = read_log(tmp_path)
    assert table["_truth"].to_pylist() == [None, "yes", "no"]
    assert table["_truth_time"].to_pylist()[1] == datetime.fromtimestamp(60, UTC)
    assert "_truth" not in read_log(tmp_path, labels=False).column_names


def test_damage_is_stepped_over_and_counted(tmp_path, asks):
    with PredictionLog(tmp_path, QUICK) as log:
        for number in range(5):
            log.record(*asks(str(number), [{"a": "x" * 50}]), float(number))
            log.flush()
    (journal,) = journals_of(model_folder(tmp_path, "churn"))
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 4
    journal.write_bytes(data)
    assert damage_of(tmp_path) == 1
    assert read_log(tmp_path)["_id"].to_pylist() == ["0", "1", "3", "4"]
    assert not journal.exists() and damage_of(tmp_path) == 1


def test_the_model_must_be_named_where_there_are_several(tmp_path, asks):
    with pytest.raises(TableError, match="holds no rows"):
        read_log(tmp_path)
    with PredictionLog(tmp_path, QUICK) as log:
        for name in ("one", "two"):
            log.record(*asks(name, [{}], name=name), 1.0)
    with pytest.raises(RecipeError, match="one of: one, two"):
        read_log(tmp_path)
    with pytest.raises(RecipeError, match="one of: two"):
        read_log(tmp_path, model="tvo")
    assert read_log(tmp_path, model="two")["_id"].to_pylist() == ["two"]


def test_values_become_columns_of_one_type():
    kinds = {
        "int64": [1, None, 2**60],
        "double": [1, 2.5, None],
        "bool": [True, None],
        "null": [None, None],
        "string": ["a", 1, 2.0, None, True, [1]],
    }
    for kind, values in kinds.items():
        assert str(array_of(values).type) == kind
    assert array_of(kinds["string"]).to_pylist() == ["a", "1", "2", None, "true", "[1]"]
    assert array_of([2**60 + 1, 0.5]).to_pylist() == [str(2**60 + 1), "0.5"]  # float64 would lose the 1
    assert joined([]).num_rows == 0
    assert table_of([]).num_rows == 0


@pytest.mark.parametrize("parts", [True, False])
def test_what_was_hashed_or_left_out_is_told_by_parts_and_journals_alike(tmp_path, asks, parts):
    rows = [{"_time": "noon", "city": "Basel", "name": "Ann"}, {"_time": "night", "city": None, "name": "Bo"}]
    options = LogOptions(make_parts=False, hashed=("city",), leave_out=("name",), key=b"k" * 16)
    with PredictionLog(tmp_path, options, columns={"churn": list(rows[0])}) as log:
        log.record(*asks("a", rows), 1.0)
    if parts:
        assert make_parts(tmp_path) == 1
    table = read_log(tmp_path)
    notes = notes_of(table)
    assert notes == Notes({"_time": "_time_"}, {"ab12": ["city"]}, {"ab12": ["name"]})
    assert table[logged_name("_time", notes)].to_pylist() == ["noon", "night"]
    assert table["city"].null_count == 1
    assert "name" not in table.column_names
