"""MLflow: its four JSON forms, CSV and Parquet hold one table; its errors have its codes and no trace."""

import io
import json

import numpy as np
import pytest

from justright.errors import JustrightError, RecipeError
from justright.serve.dialects.mlflow import PING, media_of, read, refuse, unsupported, version, write
from justright.serve.exchange import Answers, Contributions, Question


def columns(body, described, media="json"):
    found = read(body, described, media)
    assert set(map(len, found.columns.values())) == {found.size}
    return {name: list(values) for name, values in found.columns.items()}


@pytest.mark.parametrize(
    "body",
    [
        b'{"dataframe_split": {"columns": ["c", "x"], "index": [0, 1], "data": [["a", 1], [null, 2.5]]}}',
        b'{"dataframe_split": {"columns": ["c", "z", "x"], "data": [["a", 0, 1], [NaN, 0, 2.5]]}}',
        b'{"dataframe_split": {"data": [[1, "a"], [2.5, null]]}}',
        b'{"dataframe_records": [{"x": 1, "c": "a"}, {"x": 2.5}], "params": {"t": 1}}',
        b'{"dataframe_records": [{"x": 1, "c": "a"}, {"x": 2.5, "c": NaN}]}',
        b'{"params": null, "dataframe_records": [{"x": 1, "c": "a"}, {"x": 2.5}]}',
        b'{"instances": [{"x": 1, "c": "a"}, {"x": 2.5}]}',
        b'{"instances": [[1, "a"], [2.5, NaN]]}',
        b'{"inputs": {"x": [1, 2.5], "c": ["a", null]}}',
        b'{"inputs": [{"x": 1, "c": "a"}, {"x": 2.5}]}',
        b'{"inputs": [[1, "a"], [2.5, null]]}',
    ],
)
def test_one_table_in_every_form(body, two):
    assert columns(body, two) == {"x": [1, 2.5], "c": ["a", None]}


def test_csv(two):
    texts = {"x": ["1", "2.5"], "c": ["a", None]}
    for body in (
        b"x,c\n1,a\n2.5,\n",
        b"\xef\xbb\xbfc,x\r\na,1\r\n,2.5",
        b",c,x\n0,a,1\n1,,2.5\n\n",
        b'"x","c"\n"1","a"\n2.5,""\n',
    ):
        assert columns(body, two, "csv") == texts
    assert columns(b'x,c\n1,"a,\n""b"\n', two, "csv")["c"] == ['a,\n"b']


def test_parquet(two):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def packed(table) -> bytes:
        out = io.BytesIO()
        parquet.write_table(table, out)
        return out.getvalue()

    table = pa.table({"c": pa.array(["a", None]).dictionary_encode(), "z": [[1], [2]], "x": [1.0, 2.5]})
    assert columns(packed(table), two, "parquet") == {"x": [1, 2.5], "c": ["a", None]}
    bodies = {
        b"": "not Parquet",
        b"PAR1 nothing PAR1": "not Parquet",
        packed(table)[:-9]: "not Parquet",
        packed(table.slice(0, 0)): "a Parquet file of 0 rows",
        packed(table.select(["c"])): "a table without 'x', with one of: c",
        packed(pa.table({"x": [[1], [2]]})): r"x=\[1\] \(in row 0\)",
    }
    for body, message in bodies.items():
        with pytest.raises(JustrightError, match=message):
            read(body, two, "parquet")
    with pytest.raises(JustrightError, match="received 2 rows; allowed: at most 1 at once"):
        read(packed(table), two, "parquet", most_rows=1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "a body that is a list"),
        (b"{}", "0 forms: none"),
        (b'{"instances": [{"x": 1}], "inputs": {"x": [1]}}', "2 forms: instances, inputs"),
        (b'{"instances": [{"x": 1}], "signature_name": "s"}', "the key 'signature_name'"),
        (b'{"dataframe_records": {"x": 1}}', "dataframe_records that are an object"),
        (b'{"dataframe_records": []}', "no dataframe_records"),
        (b'{"dataframe_records": [{"x": 1}, [1, 2]]}', r"a list \(in row 1\)"),
        (b'{"dataframe_records": [{"x": 1}, {}]}', r"a row without 'x', with no key \(in row 1\)"),
        (b'{"dataframe_records": [{"x": 1, "c": {"a": 1}}]}', r"c={'a': 1} \(in row 0\)"),
        (b'{"dataframe_records": [{"x": 1, "x": 1}]}', "the key 'x' twice"),
        (b'{"dataframe_split": {"columns": ["x"], "data": [[1], [1, 2]]}}', r"2 values \(in row 1\)"),
        (b'{"dataframe_split": {"columns": ["x"], "data": [[1], [[2]]]}}', r"data\[1\]\[0\]"),
        (b'{"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}}', "the column 'x' twice"),
        (b'{"dataframe_split": {"columns": ["c"], "data": [["a"]]}}', "a table without 'x', with one of: c"),
        (b'{"dataframe_split": {"columns": ["x"], "data": []}}', "without data"),
        (b'{"dataframe_split": {"columns": ["x"], "data": [[1]], "index": [1, 2]}}', "an index of 2"),
        (b'{"dataframe_split": {"columns": ["x"], "data": [[1]], "dtype": 1}}', "unknown field `dtype`"),
        (b'{"dataframe_split": [[1]]}', "a dataframe_split that is not one"),
        (b'{"inputs": {"x": [1, 2], "c": ["a"]}}', "1 values of 'c' and 2 of 'x'"),
        (b'{"inputs": 3}', "inputs that are a number"),
        (b'{"inputs": {"x": [1e400]}}', "the number 1e400"),
        (b'{"inputs": {"x": [1], "c": ["\\udc00"]}}', "the lone surrogate"),
    ],
)
def test_what_is_no_request_is_refused(body, message, two):
    with pytest.raises(JustrightError, match=message):
        read(body, two)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "CSV without rows"),
        (b"x,c\n", "CSV without rows"),
        (b"x,c\n1\n", r"a line of 1 values \(in row 0\)"),
        (b"x,c\n1,a\n1,a,b\n", r"a line of 3 values \(in row 1\)"),
        (b"x,x\n1,2\n", "the column 'x' twice"),
        (b"c\na\n", "a table without 'x', with one of: c"),
        (b'x,c\n1,"a\n', "not CSV"),
        (b"x\n\xff\n", "not CSV"),
        (b"x\n" + b"9" * 200_000, "not CSV"),
    ],
)
def test_what_is_no_csv_is_refused(body, message, two):
    with pytest.raises(JustrightError, match=message):
        read(body, two, "csv")


def test_wishes(two):
    body = b'{"dataframe_records": [{"x": 1}], "params": {"interval": true, "contributions": true}}'
    found = read(body, two, request_id="r")
    assert (found.level, found.explain, found.id) == (0.9, True, "r")
    with pytest.raises(RecipeError, match="parameters that are a number"):
        read(b'{"dataframe_records": [{"x": 1}], "params": 3}', two)


def test_answers():
    classes = Answers(
        "m", "1", "ab", "binary", ("no", "yes"), labels=[True], probabilities=np.array([[0.25, 0.75]])
    )
    record = {"prediction": True, "probability_no": 0.25, "probability_yes": 0.75}
    assert json.loads(write(Question(1), classes)) == {"predictions": [record]}
    adds = Contributions(("intercept",), np.array([[1.0], [1.0]]))
    number = Answers("m", "1", "ab", "regression", prediction=np.array([1.5, 2.0]), contributions=adds)
    records = [{"prediction": 1.5, "intercept": 1.0}, {"prediction": 2.0, "intercept": 1.0}]
    assert json.loads(write(Question(2), number)) == {"predictions": records}


def test_small_things():
    assert media_of("application/json; charset=UTF-8") == media_of("Application/JSON") == "json"
    assert media_of("application/vnd.apache.parquet") == "parquet"
    for other in ("", "text/plain", "application/json; charset=latin-1", "text/csv; header=present"):
        assert media_of(other) is None
        assert b"Got '" in unsupported(other)
    assert (PING, version("1.2")) == (b"\n", b"1.2")
    codes = {400: "BAD_REQUEST", 404: "ENDPOINT_NOT_FOUND", 413: "BAD_REQUEST", 429: "RESOURCE_EXHAUSTED"}
    for status, code in (codes | {500: "INTERNAL_ERROR", 501: "NOT_IMPLEMENTED"}).items():
        assert json.loads(refuse(status, "no")) == {"error_code": code, "message": "no"}
