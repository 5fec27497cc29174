"""All dialects at once: one table gives one answer through each, and no body gives another exception."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.errors import JustrightError, TableError, http_code
from justright.serve.dialects import mlflow, openinference, tfserving, vertex
from justright.serve.dialects.table import PLAIN
from justright.serve.exchange import Asked, Described, Question

RELAXED = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
DATES = st.dates(date(1990, 1, 1), date(2030, 1, 1)).map(str)
ROWS = st.fixed_dictionaries(
    {
        "age": st.none() | st.floats(-1e6, 1e6) | st.integers(-(2**60), 2**60),
        "income": st.none() | st.integers(-9999, 9999),
        "seen": st.none() | DATES,
        "colour": st.none() | st.sampled_from(["red", "blue", "mauve", " red", "Red"]) | TEXTS,
        "shop": st.none() | st.integers(0, 9),
        "member": st.none() | st.booleans(),
        "note": st.none() | st.sampled_from(["A good one", "bad; very bad", '"'] + ["a,b\nc"]) | TEXTS,
    }
)


def tensor(name, values):
    kinds = {type(value) for value in values} - {type(None)}
    names = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}
    datatype = names[kinds.pop()] if len(kinds) == 1 else "FP64" if kinds else "BYTES"
    return {"name": name, "shape": [len(values), 1], "datatype": datatype, "data": values}


def frame_json(name, values):
    data = [json.dumps(value) for value in values]
    return tensor(name, data) | {"datatype": "BYTES", "parameters": {"content_type": "pd_json"}}


def as_csv(rows) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(rows[0])
    writer.writerows([["" if cell is None else cell for cell in row.values()] for row in rows])
    return out.getvalue().encode()


def as_parquet(columns) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    out = io.BytesIO()
    types = {"age": pa.float64(), "income": pa.int64(), "shop": pa.int8(), "member": pa.bool_()}
    floats = columns | {"age": [None if value is None else float(value) for value in columns["age"]]}
    arrays = {name: pa.array(values, types.get(name, pa.string())) for name, values in floats.items()}
    parquet.write_table(pa.table(arrays), out)
    return out.getvalue()


def questions(rows, described):
    """Ask for the same rows in every form of every dialect."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    lists = [list(row.values()) for row in rows]
    split = {"columns": list(columns), "data": lists}
    shuffled = [dict(reversed(row.items())) for row in rows]
    nan = json.dumps({"instances": rows}).replace("null", "NaN")
    bodies = {
        "tf rows": (tfserving, {"instances": rows}, ()),
        "tf lists": (tfserving, {"instances": lists}, ()),
        "tf NaN": (tfserving, nan, ()),
        "tf columns": (tfserving, {"inputs": columns}, ()),
        "tf nested columns": (tfserving, {"inputs": {n: [[v] for v in vs] for n, vs in columns.items()}}, ()),
        "tf classify": (tfserving, {"examples": rows}, ("classify",)),
        "vertex": (vertex, {"instances": shuffled, "parameters": {}}, ()),
        "records": (mlflow, {"dataframe_records": shuffled}, ()),
        "split": (mlflow, {"dataframe_split": split}, ()),
        "instances": (mlflow, {"instances": rows}, ()),
        "inputs": (mlflow, {"inputs": columns}, ()),
        "csv": (mlflow, as_csv(rows), ("csv",)),
        "parquet": (mlflow, as_parquet(columns), ("parquet",)),
        "v2": (openinference, {"inputs": [tensor(n, v) for n, v in columns.items()]}, ()),
        "v2 json": (openinference, {"inputs": [frame_json(n, v) for n, v in columns.items()]}, ()),
    }
    for name, (dialect, body, more) in bodies.items():
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        yield name, dialect, dialect.read(body, described, *more)


@RELAXED
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_a_table_gives_one_answer_through_all(plane, rows):
    pytest.importorskip("pyarrow")
    described = plane.described("buys")
    rows = [{name: row[name] for name in described.names} for row in rows]
    expected = plane.predict("buys", rows)
    shares = np.array([list(row["probabilities"].values()) for row in expected])
    for name, dialect, question in questions(rows, described):
        assert list(question.columns) == list(described.names), name
        answers = plane.answer("buys", question)
        assert answers.labels == [row["label"] for row in expected], name
        assert np.array_equal(answers.probabilities, shares), name
        told = json.loads(dialect.write(question, answers))
        assert json.dumps(shares[0][0].item()) in json.dumps(told), name


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just("9" * 5000),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "c", "b64"]), inner, max_size=2)
    ),
    max_leaves=5,
)
KEYS = [
    "instances",
    "inputs",
    "examples",
    "context",
    "dataframe_split",
    "dataframe_records",
    "params",
    "parameters",
    "signature_name",
    "id",
    "outputs",
]
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "c", "y"]),
        "shape": st.lists(st.integers(-1, 3), max_size=3),
        "datatype": st.sampled_from(["FP64", "INT8", "BOOL", "BYTES", "FLOAT"]),
    },
    optional={"data": CELLS, "parameters": CELLS},
)
SPLITS = st.fixed_dictionaries({}, optional={"columns": CELLS, "data": CELLS, "index": CELLS})
ROW_LISTS = st.lists(st.dictionaries(st.sampled_from(["x", "c", "z"]), CELLS, max_size=3) | CELLS, max_size=3)
BODIES = st.dictionaries(
    st.sampled_from(KEYS),
    ROW_LISTS | st.lists(TENSORS, max_size=3) | SPLITS | CELLS,
    max_size=3,
)
READERS = [
    (tfserving, ()),
    (tfserving, ("regress",)),
    (vertex, ()),
    (mlflow, ()),
    (mlflow, ("csv",)),
    (mlflow, ("parquet",)),
    (openinference, ()),
]
GOOD = [
    b'{"instances": [{"x": 1, "c": "a"}], "parameters": {"interval": 0.9}}',
    b'{"inputs": {"x": [1, 2], "c": ["a", null]}}',
    b'{"dataframe_split": {"columns": ["x", "c"], "data": [[1, "a"]]}}',
    b'{"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2]}], "id": "a"}',
    b'x,c\n1,"a"\n2,\n',
]


def check(body: bytes, described) -> None:
    """Every reader gives a question of the promised form, or one of our errors in its protocol's form."""
    for dialect, more in READERS:
        try:
            question = dialect.read(body, described, *more)
        except JustrightError as error:
            assert http_code(error) in (400, 501)
            told = json.loads(dialect.refuse(http_code(error), str(error)))
            assert list(told) in (["error"], ["error_code", "message"])
            assert "Traceback" not in str(told)
            continue
        assert isinstance(question, Question)
        assert list(question.columns) == list(described.names)
        assert {len(values) for values in question.columns.values()} == {question.size}
        assert all(type(cell) in PLAIN for values in question.columns.values() for cell in values)


@settings(RELAXED, max_examples=100)
@given(BODIES)
def test_odd_json_is_refused_in_the_form_of_the_protocol(two, body):
    check(json.dumps(body).encode("utf-8", "surrogatepass"), two)


@settings(RELAXED, max_examples=60)
@given(st.sampled_from(GOOD), st.binary(max_size=12), st.integers(0, 70), st.integers(0, 12))
def test_odd_bytes_are_refused_in_the_form_of_the_protocol(two, whole, noise, begin, cut):
    check(whole[:begin] + noise + whole[begin + cut :], two)


@settings(RELAXED, max_examples=25)
@given(st.binary(max_size=12), st.integers(0, 400), st.integers(0, 12))
def test_a_damaged_parquet_file_is_refused(buys, noise, begin, cut):
    whole = as_parquet({"seen": ["2024-01-01"], "colour": ["red"], "age": [1.0]})
    try:
        question = mlflow.read(whole[:begin] + noise + whole[begin + cut :], buys, "parquet")
    except JustrightError as error:
        assert http_code(error) == 400
    else:
        assert question.size == 1


@settings(RELAXED, max_examples=40)
@given(st.binary(max_size=24), st.integers(-1, 30), st.sampled_from(["FP64", "INT8", "BOOL", "BYTES"]))
def test_odd_binary_tensors_are_refused(two, tail, size, datatype):
    x = {"name": "x", "shape": [1], "datatype": datatype, "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [x]}).encode()
    try:
        question = openinference.read(head + tail, two, json_size=len(head))
    except JustrightError as error:
        assert http_code(error) == 400
    else:
        assert question.size == 1


def test_too_many_rows_are_refused_by_every_reader(two):
    columns = {"x": [1] * 12, "c": ["a"] * 12}
    rows = [{"x": 1, "c": "a"}] * 12
    table = {"columns": ["x", "c"], "data": [[1, "a"]] * 12}
    cases = [
        (tfserving, {"instances": rows}, ()),
        (tfserving, {"instances": [*rows, [1, "a"]]}, ()),
        (tfserving, {"inputs": columns}, ()),
        (tfserving, {"inputs": columns | {"c": [["a"]] * 12}}, ()),
        (tfserving, {"examples": rows}, ("regress",)),
        (vertex, {"instances": rows}, ()),
        (mlflow, {"dataframe_split": table}, ()),
        (mlflow, {"dataframe_records": rows}, ()),
        (mlflow, as_csv(rows), ("csv",)),
        (openinference, {"inputs": [tensor(n, v) for n, v in columns.items()]}, ()),
    ]
    for dialect, body, more in cases:
        whole = body if isinstance(body, bytes) else json.dumps(body).encode()
        assert dialect.read(whole, two, *more).size >= 12
        with pytest.raises(TableError, match=r"received 1[123] rows; allowed: at most 10 at once"):
            dialect.read(whole, two, *more, most_rows=10)


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b'{"examples":[' + b"{}," * 400_000 + b"{}]}", (tfserving, "regress")),
        (b"[" * 40 + b'"' + b'\\"' * 200_000, (vertex,)),
        (b'{"instances":[{' + b",".join(b'"%d":1' % (i % 20_000) for i in range(21_000)) + b"}]}", (vertex,)),
        (b'"' * 200_000, (openinference,)),
        (b"," * 200_000 + b"\n,", (mlflow, "csv")),
    ],
    ids=["rows", "escapes", "keys", "quotes", "names"],
)
def test_bodies_made_to_take_long_do_not(two, body, more):
    """Some of them took minutes before they were refused in linear time; the clock is not asserted."""
    with pytest.raises(JustrightError):
        more[0].read(body, two, *more[1:])


@pytest.mark.parametrize(
    "odd", ['a"b', "c\\d", "e\nf", "\x01", "", "\u00e9", "rows", "f0", "instances", '":']
)
def test_columns_may_have_any_name(odd):
    asked = (Asked("x", "numeric", "number"), Asked(odd, "categorical", "text", True))
    described = Described("m", "1", "", "regression", asked)
    rows = [{"x": 1.5, odd: "a"}, {"x": 2, odd: None}]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    found = [
        tfserving.read(json.dumps({"instances": rows}).encode(), described),
        tfserving.read(json.dumps({"inputs": columns}).encode(), described),
        tfserving.read(json.dumps({"examples": rows}).encode(), described, "regress"),
        vertex.read(json.dumps({"instances": rows}).encode(), described),
        mlflow.read(json.dumps({"dataframe_records": rows}).encode(), described, "json"),
        openinference.read(
            json.dumps({"inputs": [tensor(name, values) for name, values in columns.items()]}).encode(),
            described,
        ),
    ]
    for question in found:
        told = {name: list(values) for name, values in question.columns.items()}
        assert told == {"x": [1.5, 2], odd: ["a", None]}
