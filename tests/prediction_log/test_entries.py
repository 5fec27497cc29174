"""Entries: what of a request is logged, and that it comes back as it was sent."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.prediction_log.entries import Entry, encode, entry_of, row_ids
from justright.prediction_log.options import LogOptions
from justright.serve.exchange import Answers, Question

CELLS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()


def back(entry: Entry | None) -> Entry:
    assert entry is not None
    return msgspec.msgpack.decode(encode(entry), type=Entry)


def answers(rows: int) -> Answers:
    return Answers("m", "1", "id", "regression", prediction=np.arange(rows) / 4)


@given(st.lists(st.dictionaries(st.text(max_size=3), CELLS, max_size=4), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_rows_come_back_by_column(rows):
    entry = back(entry_of(Question(size=len(rows), rows=rows, id="r"), answers(len(rows)), 5.0, LogOptions()))
    assert entry.ids == tuple(row_ids("r", len(rows)))
    found = dict(zip(entry.names, entry.values, strict=True))
    assert set(found) == {name for row in rows for name in row}
    for name, values in found.items():
        assert values == [row.get(name) for row in rows]
    assert np.frombuffer(entry.prediction).tolist() == (np.arange(len(rows)) / 4).tolist()


def test_rows_and_columns_log_the_same():
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    columns = {"a": np.array([1, 2]), "b": ["x", None]}
    one = entry_of(Question(size=2, rows=rows, id="r"), answers(2), 1.0, LogOptions())
    other = entry_of(Question(size=2, columns=columns, id="r"), answers(2), 1.0, LogOptions())
    assert one is not None and other is not None
    assert encode(one) == encode(other)


def test_what_msgpack_cannot_hold_becomes_text():
    rows = [{"a": 10**30, "b": "\ud800", "c": {"d": object()}, "e": np.float32(0.5), "f": 2}]
    entry = back(entry_of(Question(size=1, rows=rows, id="\udfff"), answers(1), 1.0, LogOptions()))
    found = dict(zip(entry.names, (each[0] for each in entry.values), strict=True))
    assert (found["a"], found["b"], found["f"], entry.ids) == ("1" + "0" * 30, "?", 2, ("?",))
    assert str(found["c"]).startswith("{'d': <object")


def test_a_sample_depends_on_the_id_alone():
    options = LogOptions(share=0.25)
    rows = [{"a": i} for i in range(4_000)]
    whole = entry_of(Question(size=4_000, rows=rows, id="r"), answers(4_000), 1.0, options)
    again = entry_of(
        Question(size=4_000, columns={"a": list(range(4_000))}, id="r"), answers(4_000), 9.0, options
    )
    assert whole is not None and again is not None
    assert whole.ids == again.ids and whole.values == again.values
    assert 900 < len(whole.ids) < 1_100
    assert [f"r/{a}" for a in whole.values[0]] == list(whole.ids)
    np.testing.assert_array_equal(np.frombuffer(whole.prediction) * 4, whole.values[0])
    # A larger share holds the smaller one.
    half = entry_of(Question(size=4_000, rows=rows, id="r"), answers(4_000), 1.0, LogOptions(share=0.5))
    assert half is not None and set(whole.ids) < set(half.ids)
    alone = [entry_of(Question(size=1, rows=[{}], id=each), answers(1), 1.0, options) for each in half.ids]
    assert [each.ids[0] for each in alone if each is not None] == list(whole.ids)


def test_columns_are_left_out_or_hashed():
    options = LogOptions(leave_out=("name",), hashed=("city", "age"), key=b"k" * 16)
    rows = [
        {"name": "Ann", "city": "Basel", "age": 31, "n": 1},
        {"name": "Bo", "city": "Basel", "age": None, "n": 2},
        {"name": "Cy", "city": "Bern", "age": 31.0, "n": 3},
    ]
    data = encode(entry_of(Question(size=3, rows=rows, id="r"), answers(3), 1.0, options) or Entry)
    for secret in (b"Ann", b"Basel", b"Bern", b"name"):
        assert secret not in data
    entry = msgspec.msgpack.decode(data, type=Entry)
    cities, ages, numbers = entry.values
    assert numbers == [1, 2, 3]
    assert cities[0] == cities[1] != cities[2] and len(cities[0]) == 16
    assert ages[1] is None and ages[0] == ages[2]  # 31 and 31.0 are one value
    other = LogOptions(hashed=("city",), key=b"l" * 16)
    assert back(entry_of(Question(size=3, rows=rows, id="r"), answers(3), 1.0, other)).values[1] != cities


def test_only_the_columns_of_the_model_are_logged():
    question = Question(size=1, rows=[{"extra": 1, "b": 2, "a": 3}], id="r")
    columns = Question(size=1, columns={"extra": [1], "b": [2], "a": [3]}, id="r")
    for each in (question, columns):
        entry = back(entry_of(each, answers(1), 1.0, LogOptions(leave_out=("d",)), ("a", "b", "c", "d")))
        assert (entry.names, entry.values) == (("a", "b", "c"), ([3], [2], [None]))
    many = Question(size=1, rows=[{str(i): i for i in range(5_000)}], id="r")
    assert len(back(entry_of(many, answers(1), 1.0, LogOptions())).names) == 2_000


@pytest.mark.parametrize("size", [1, 3])
def test_ids_tell_rows_apart(size):
    assert len(set(row_ids("a", size))) == size
