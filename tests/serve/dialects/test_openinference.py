"""Open Inference v2: one input a column, flat or nested, JSON or binary; outputs, metadata, errors."""

import json
import struct

import numpy as np
import pytest

from justright.errors import JustrightError
from justright.serve.dialects.openinference import (
    Route,
    live,
    metadata,
    read,
    ready,
    refuse,
    route,
    server,
    write,
)
from justright.serve.exchange import Answers, Contributions


def one(name, datatype, data, **more):
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data} | more


X, C = one("x", "FP64", [1, 2.5]), one("c", "BYTES", ["a", None])


def columns(request, described):
    found = read(json.dumps(request).encode(), described)
    assert set(map(len, found.columns.values())) == {found.size}
    return {name: list(values) for name, values in found.columns.items()}


@pytest.mark.parametrize(
    "inputs",
    [
        [X, C],
        [C, X, one("other", "BOOL", [True, False])],
        [X | {"shape": [2, 1]}, C],
        [X | {"shape": [2, 1], "data": [[1], [2.5]]}, C | {"data": ["a", float("nan")]}],
        [X, one("c", "BYTES", ["YQ==", None], parameters={"content_type": "base64"})],
        [X, one("c", "BYTES", ['"a"', "null"], parameters={"content_type": "pd_json"})],
        [X, one("c", "BYTES", ['"a"', "NaN"], parameters={"content_type": "pd_json"})],
        [X, C | {"parameters": {"content_type": "str", "own": {"deep": [1]}}}],
    ],
)
def test_one_table_in_every_form(inputs, two):
    assert columns({"inputs": inputs}, two) == {"x": [1, 2.5], "c": ["a", None]}


def test_an_absent_optional_column_is_missing(two):
    assert columns({"inputs": [X]}, two)["c"] == [None, None]


def test_a_matrix_is_the_columns_in_order(two):
    matrix = {"name": "predict", "shape": [2, 2], "datatype": "FP32"}
    flat, nested = [1, 2, 3, 4], [[1, 2], [3, 4]]
    for data in (flat, nested):
        assert columns({"inputs": [matrix | {"data": data}]}, two) == {"x": [1, 3], "c": [2, 4]}
    for bad in (flat[:3], [*flat, 5]):
        with pytest.raises(JustrightError, match=r"shape \[2, 2\] of 'predict' with"):
            columns({"inputs": [matrix | {"data": bad}]}, two)


def test_binary_tensors(two):
    head = json.dumps(
        {
            "inputs": [
                {"name": "c", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": 10}},
                {"name": "x", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}},
            ]
        }
    ).encode()
    tail = struct.pack("<I1sI1s", 1, b"a", 1, b"b") + np.array([1, np.nan]).tobytes()
    found = read(head + tail, two, json_size=len(head))
    assert {name: list(values) for name, values in found.columns.items()} == {
        "x": [1, None],
        "c": ["a", "b"],
    }
    for bad, message in (
        (tail[:-1], "binary_data_size=16 of 'x' with 15 bytes left"),
        (tail + b"x", "1 bytes behind the tensors"),
        (b"\x09" + tail[1:], "'c' with texts cut off"),
        (tail[:4] + b"\xff" + tail[5:], r"c: 'utf-8' .*row 0"),
    ):
        with pytest.raises(JustrightError, match=message):
            read(head + bad, two, json_size=len(head))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ([], "a body that is a list"),
        ({}, "missing required field `inputs`"),
        ({"inputs": []}, "no inputs"),
        ({"inputs": [{"name": "x"}]}, r"missing required field `shape` - at `\$.inputs\[0\]`"),
        ({"inputs": [X | {"data": None}]}, "the input 'x' without data"),
        ({"inputs": [X | {"datatype": "FLOAT"}]}, "datatype='FLOAT' of 'x'"),
        ({"inputs": [X, X]}, "the input 'x' twice"),
        ({"inputs": [X | {"shape": [3]}]}, r"shape \[3\] of 'x'"),
        ({"inputs": [X | {"shape": [2, 2]}, C]}, r"shape \[2, 2\] of 'x'"),
        ({"inputs": [X, one("c", "BYTES", ["a"])]}, "1 values of 'c' and 2 of 'x'"),
        ({"inputs": [one("x", "FP64", [])]}, "inputs without a value"),
        ({"inputs": [C]}, "a table without 'x', with one of: c"),
        ({"inputs": [one("x", "INT64", [1, 1.5])]}, r"x=1.5 \(in row 1\); allowed: INT64 or null"),
        ({"inputs": [one("x", "UINT8", [1, 256])]}, r"x=256 \(in row 1\); allowed: 0 to 255"),
        ({"inputs": [one("x", "BOOL", [True, 1])]}, r"x=1 \(in row 1\); allowed: BOOL"),
        ({"inputs": [one("x", "FP32", ["1"])]}, r"x='1' \(in row 0\); allowed: FP32"),
        ({"inputs": [one("x", "FP64", [{"a": 1}])]}, r"x={'a': 1} \(in row 0\)"),
        ({"inputs": [X, C | {"parameters": {"content_type": "base64"}, "data": ["a", "?"]}]}, "row 0"),
        ({"inputs": [X, C | {"parameters": {"content_type": "pd_json"}, "data": ["[1]", "1"]}]}, "row 0"),
        ({"inputs": [X, C | {"parameters": {"content_type": "pd_json"}, "data": ["1", "{"]}]}, "row 1"),
        ({"inputs": [X], "outputs": [{"name": "predicton"}]}, "the output 'predicton'; allowed: one of: pre"),
        ({"inputs": [X], "id": 7}, r"got `int` - at `\$.id`"),
        ({"inputs": [X], "parameters": {"interval": "wide"}}, "interval='wide'"),
    ],
)
def test_what_is_no_request_is_refused(request_, message, two):
    with pytest.raises(JustrightError, match=message):
        read(json.dumps(request_).encode(), two)


def test_doubled_keys_and_odd_bytes_are_refused(two):
    whole = json.dumps({"inputs": [X, C]}).encode()
    for bad, message in (
        (whole.replace(b'"name": "x"', b'"name": "x", "name": "x"'), "the key 'name' twice"),
        (whole.replace(b"2.5", b"1e400"), "the number 1e400"),
        (whole[:-1], "not JSON"),
        (whole.replace(b"2.5", b"[" * 40 + b"]" * 40), "nested 44 deep"),
    ):
        with pytest.raises(JustrightError, match=message):
            read(bad, two)


CLASSES = Answers(
    "buys", "2", "ab", "binary", ("no", "yes"), labels=["yes"], probabilities=np.array([[0.25, 0.75]])
)


def test_answers_echo_the_id_and_hold_the_outputs_that_were_wanted(buys):
    row = [one(column.name, "BYTES", [None]) for column in buys.columns]
    question = read(json.dumps({"inputs": row}).encode(), buys, request_id="given")
    assert question.id == "given"
    told = json.loads(write(question, CLASSES))
    assert list(told) == ["model_name", "model_version", "outputs"]
    prediction, no, _ = told["outputs"]
    assert prediction == {
        "name": "prediction",
        "shape": [1, 1],
        "datatype": "BYTES",
        "parameters": {"content_type": "str"},
        "data": ["yes"],
    }
    assert no == {"name": "probability_no", "shape": [1, 1], "datatype": "FP64", "data": [0.25]}
    request = {"id": "own", "inputs": row, "outputs": [{"name": "probability_yes"}]}
    question = read(json.dumps(request | {"parameters": {"content_type": "pd"}}).encode(), buys)
    told = json.loads(write(question, CLASSES))
    assert (question.id, told["id"], told["parameters"]) == ("own", "own", {"content_type": "pd"})
    assert [output["name"] for output in told["outputs"]] == ["probability_yes"]


def test_contributions_come_beside_what_was_wanted(two):
    request = {"inputs": [X], "outputs": [{"name": "prediction"}], "parameters": {"contributions": True}}
    question = read(json.dumps(request).encode(), two)
    adds = Contributions(("intercept", "adds_x"), np.array([[1.0, 0.5], [1.0, 1.0]]))
    answers = Answers("m", "1", "", "regression", prediction=np.array([1.5, 2.0]), contributions=adds)
    told = json.loads(write(question, answers))
    assert [output["name"] for output in told["outputs"]] == ["prediction", "intercept", "adds_x"]


def test_paths_health_and_metadata(buys):
    assert route("/v2/models/a%20b") == Route("a b", "", "metadata")
    assert route("/v2/models/m/versions/1.0/ready") == Route("m", "1.0", "ready")
    for other in ("/v2/models", "/v2/models/m/versions", "/v2/models/m/train", "/v2", "/v1/models/m"):
        assert route(other) is None
    assert (live(), ready()) == (b'{"live":true}', b'{"ready":true}')
    assert json.loads(ready("m", is_ready=False)) == {"name": "m", "ready": False}
    assert json.loads(server("1.0")) == {"name": "justright", "version": "1.0", "extensions": []}
    told = json.loads(metadata(buys))
    assert (told["name"], told["versions"], told["platform"]) == ("buys", ["1", "2"], "justright")
    assert {tensor["name"]: tensor["datatype"] for tensor in told["inputs"]}["member"] == "BOOL"
    assert told["outputs"][0] == {"name": "prediction", "datatype": "BYTES", "shape": [-1, 1]}
    assert json.loads(refuse(400, "no")) == {"error": "no"}
