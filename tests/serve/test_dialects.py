"""Wire formats: known bodies, odd numbers, and any bytes give rows or one of our errors."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import JustrightError, RowError, TableError
from justright.serve.dialects import (
    read_instances,
    write_error,
    write_json,
    write_predictions,
    write_status,
)

COLUMNS = ("x", "c")


def test_objects_and_lists_are_rows():
    body = b'{"signature_name": "s", "parameters": {"a": [1]}, "instances": [{"x": 1, "z": 2}, [2.5, "a"]]}'
    assert read_instances(body, COLUMNS) == [{"x": 1, "z": 2}, {"x": 2.5, "c": "a"}]


def test_nan_and_infinity_are_missing():
    body = (
        b'{"instances": [{"x": NaN, "c": "NaN"}, [-Infinity, "Infinity"], {"x": Infinity, "c": "\\u00e9"}]}'
    )
    rows = [{"x": None, "c": "NaN"}, {"x": None, "c": "Infinity"}, {"x": None, "c": "\u00e9"}]
    assert read_instances(body, COLUMNS) == rows


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"x=1&y=2", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[1]", "a body that is a list"),
        (b"null", "a body that is null"),
        (b"true", "a body that is true or false"),
        (b"1e3", "a body that is a number"),
        (b"{}", "no instances"),
        (b'{"instances": []}', "no instances"),
        (b'{"instances": null}', "no instances"),
        (b'{"instances": {"x": 1}}', "instances that are an object"),
        (b'{"instances": "x"}', "instances that are a text"),
        (b'{"inputs": {"x": [1]}}', "the key 'inputs'"),
        (b'{"instances": [{"x": 1}], "rows": 1}', "the key 'rows'"),
        (b'{"instances": [{"x": 1e999, "c": NaN}]}', "the number 1e999"),
        (b'{"instances": [{"x": 1e999}]}', "the number 1e999"),
        (b'{"instances": [{"c": "\\ud800"}]}', "not JSON"),
        (b"[" * 1_000_000, "nested"),
        (b'{"instances":[NaN,' + b"[" * 1_000_000, "not JSON"),
        (b'{"instances": [[1]]}', "a list of 1 values"),
        (b'{"instances": [[1, 2], [1, 2, 3]]}', "a list of 3 values.*row 1"),
    ],
)
def test_what_is_no_request_is_refused(body, message):
    with pytest.raises((TableError, RowError), match=message):
        read_instances(body, COLUMNS)


@given(st.binary(max_size=80) | st.binary(max_size=40).map(lambda b: b'{"instances": [' + b + b"]}"))
def test_any_bytes_give_rows_or_our_error(body):
    try:
        rows = read_instances(body, COLUMNS)
    except JustrightError as error:
        write_error(str(error))
        return
    assert rows
    assert not any(isinstance(row, list) for row in rows)


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**70), 2**70)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_numbers_arrive_to_the_bit(numbers):
    rows = read_instances(json.dumps({"instances": [{"x": n} for n in numbers]}).encode(), COLUMNS)
    found = [row["x"] for row in rows]
    assert found == [n if not isinstance(n, float) or math.isfinite(n) else None for n in numbers]


def test_answers_are_json():
    predictions = [1.5, {"label": "a", "probabilities": {"a": 0.1 + 0.2, "b": 1e-300}}]
    assert json.loads(write_predictions(predictions)) == {"predictions": predictions}
    status = json.loads(write_status("7"))["model_version_status"]
    assert status == [
        {"version": "7", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
    assert write_json({"a": None}) == b'{"a":null}'


def test_an_error_holds_any_text():
    assert json.loads(write_error('a "quoted"\nline \u00e9')) == {"error": 'a "quoted"\nline \u00e9'}
    assert json.loads(write_error("lone \ud800")) == {"error": "lone \\ud800"}
