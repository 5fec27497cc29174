"""TensorFlow Serving: both forms of predict, classify, regress, and everything that is refused."""

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.errors import ColumnError, JustrightError, RecipeError, RowError, TableError
from justright.serve.dialects.tfserving import Route, metadata, read, refuse, route, status, write
from justright.serve.exchange import Answers, Asked, Contributions, Described, Question

CLASSES = Answers(
    "m", "1", "ab", "binary", ("no", "yes"), labels=["yes"], probabilities=np.array([[0.25, 0.75]])
)
NUMBERS = Answers("m", "1", "ab", "regression", prediction=np.array([1.5, 2.0]))


def columns(body: bytes, described, verb="predict"):
    found = read(body, described, verb)
    assert set(map(len, found.columns.values())) == {found.size}
    return {name: list(values) for name, values in found.columns.items()}


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"x": 1, "c": "a"}, {"x": 2.5}]}',
        b'{"instances": [{"c": "a", "z": {"deep": [1]}, "x": 1}, {"x": 2.5, "c": null}]}',
        b'{"instances": [[1, "a"], [2.5, null]]}',
        b'{"instances": [[1, "a"], {"x": 2.5, "c": NaN}]}',
        b'{"instances": [{"x": [1], "c": {"b64": "YQ=="}}, {"x": 2.5}], "signature_name": "serving_default"}',
        b'{"signature_name": "", "parameters": {}, "instances": [{"x" : 1, "c": "a"}, {"x": 2.5}]}',
        b'{"inputs": {"x": [1, 2.5], "c": ["a", null]}}',
        b'{"inputs": {"x": [[1], [2.5]], "c": [{"b64": "YQ=="}, NaN], "other": [1]}}',
    ],
)
def test_one_table_in_every_form(body, two):
    assert columns(body, two) == {"x": [1, 2.5], "c": ["a", None]}


def test_an_absent_optional_column_is_missing(two):
    assert columns(b'{"inputs": {"x": [1, 2]}}', two)["c"] == [None, None]
    assert columns(b'{"inputs": {"x": 7, "c": "b"}}', two) == {"x": [7], "c": ["b"]}


def test_a_model_of_one_column_takes_bare_values():
    one = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    for body in (
        b'{"instances": [1, 2.5]}',
        b'{"instances": [[1], [2.5]]}',
        b'{"inputs": [1, 2.5]}',
        b'{"inputs": [[1], [2.5]]}',
    ):
        assert columns(body, one) == {"x": [1, 2.5]}
    assert columns(b'{"inputs": {"b64": "YQ=="}}', one) == {"x": ["a"]}


def test_a_wide_model_is_read_with_care_alike():
    wide = Described(
        "m", "1", "", "regression", tuple(Asked(f"c{i}", "numeric", "number") for i in range(600))
    )
    row = {f"c{i}": i for i in range(600)}
    assert columns(json.dumps({"instances": [row, list(row.values())]}).encode(), wide)["c599"] == [599, 599]


def test_a_model_of_no_column_answers_every_row():
    none = Described("m", "1", "", "regression", ())
    assert read(b'{"instances": [{}, {"x": 1}]}', none).size == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"[1]", "a body that is a list"),
        (b"null", "a body that is null"),
        (b"true", "a body that is true or false"),
        (b"1e3", "a body that is a number"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"instances": []}', "no instances"),
        (b'{"instances": null}', "no instances"),
        (b'{"instances": {"x": 1}}', "instances that are an object"),
        (b'{"instances": "x"}', "instances that are a text"),
        (b'{"instances": [{"x": 1}], "inputs": {"x": [1]}}', "only one of them"),
        (b'{"instances": [{"x": 1}], "rows": 1}', "the key 'rows'"),
        (b'{"instances": [{"x": 1}], "signature_name": 3}', "a signature_name that is a number"),
        (b'{"instances": [{"x": 1}], "signature_name": "train"}', "signature_name='train'"),
        (b'{"instances": [{"x": 1}, 7]}', r"received 7 \(in row 1\)"),
        (b'{"instances": [null]}', r"received None \(in row 0\)"),
        (b'{"instances": [{"x": 1}, {"c": "a"}]}', r"a row without 'x', with one of: c \(in row 1\)"),
        (b'{"instances": [[1]]}', "a list of 1 values"),
        (b'{"instances": [[1, 2], [1, 2, 3]]}', r"a list of 3 values \(in row 1\)"),
        (b'{"instances": [{"x": 1}, {"x": {"a": 1}}]}', r"x={'a': 1} \(in row 1\)"),
        (b'{"instances": [{"x": [1, 2]}]}', r"x=\[1, 2\] \(in row 0\)"),
        (b'{"instances": [{"x": {"b64": "?"}}]}', r"b64 data: .*row 0"),
        (b'{"instances": [{"x": 1, "c": "a", "x": 1}]}', r"the key 'x' twice in one object \(in row 0\)"),
        (b'{"instances": [{"x": 1, "x": 2}]}', "the key 'x' twice"),
        (b'{"instances": [{"x": 1, "z": 2, "z": 2}]}', "the key 'z' twice"),
        (b'{"instances": [{"x": 1e400}]}', "the number 1e400"),
        (b'{"instances": [{"c": "\\ud800", "x": 1}]}', "the lone surrogate"),
        (b'{"instances": [{"x": ' + b"[" * 900 + b"]" * 900 + b"}]}", "nested 903 deep"),
        (b'{"inputs": {}}', "a table without 'x', with no column"),
        (b'{"inputs": {"x": []}}', "columns without a value"),
        (b'{"inputs": {"x": [1, 2], "c": ["a"]}}', "1 values of 'c' and 2 of 'x'"),
        (b'{"inputs": {"c": ["a"]}}', "a table without 'x', with one of: c"),
        (b'{"inputs": [1]}', "inputs that are a list"),
        (b'{"inputs": {"x": [1, [2, 3]]}}', r"x=\[2, 3\] \(in row 1\)"),
        (b'{"inputs": {"x": [1], "x": [2]}}', "the key 'x' twice"),
        (b'{"instances": [{"x": 1}], "parameters": [1]}', "parameters that are a list"),
        (b'{"instances": [{"x": 1}], "parameters": {"contributions": 1}}', "contributions=1"),
        (b'{"instances": [{"x": 1}], "parameters": {"interval": 0.7}}', "interval=0.7"),
        (b'{"instances": [{"x": 1}], "parameters": {"interval": [[[]]]}}', "interval=a list"),
    ],
)
def test_what_is_no_request_is_refused(body, message, two):
    with pytest.raises((TableError, RowError, ColumnError, RecipeError), match=message):
        read(body, two)


def test_wishes(two):
    plain = read(b'{"instances": [{"x": 1}], "parameters": {"other": [1]}}', two, request_id="r1")
    assert (plain.explain, plain.level, plain.id) == (False, 0.0, "r1")
    body = b'{"instances": [{"x": 1}], "parameters": {"contributions": true, "interval": 0.8}}'
    assert (read(body, two).explain, read(body, two).level) == (True, 0.8)
    bare = Described("m", "1", "", "regression", two.columns)
    for wish in (b'"contributions": true', b'"interval": true'):
        with pytest.raises(RecipeError, match="of a model that has none"):
            read(b'{"instances": [{"x": 1}], "parameters": {' + wish + b"}}", bare)


def test_examples(two, buys):
    body = b'{"context": {"c": "a"}, "examples": [{"x": [1]}, {"x": 2, "c": "b"}]}'
    assert columns(body, two, "regress") == {"x": [1, 2], "c": ["a", "b"]}
    assert columns(b'{"examples": [{"x": 1}]}', two, "regress") == {"x": [1], "c": [None]}
    with pytest.raises(RecipeError, match="classify of a regression model"):
        read(body, two, "classify")
    with pytest.raises(RecipeError, match="regress of a binary model"):
        read(body, buys, "regress")
    for bad, message in (
        (b'{"instances": [{"x": 1}]}', "the key 'instances'"),
        (b'{"examples": []}', "no examples"),
        (b'{"examples": [[1, 2]]}', "a list .*row 0"),
        (b'{"examples": [{"x": 1}], "context": 3}', "a context that is a number"),
    ):
        with pytest.raises(JustrightError, match=message):
            read(bad, two, "regress")


def test_answers_by_form():
    row = {"label": "yes", "probabilities": {"no": 0.25, "yes": 0.75}}
    assert json.loads(write(Question(1, note="row"), CLASSES)) == {"predictions": [row]}
    outputs = {"prediction": ["yes"], "probability_no": [0.25], "probability_yes": [0.75]}
    assert json.loads(write(Question(1, note="column"), CLASSES)) == {"outputs": outputs}
    assert json.loads(write(Question(1, note="classify"), CLASSES)) == {
        "results": [[["no", 0.25], ["yes", 0.75]]]
    }
    assert json.loads(write(Question(2, note="regress"), NUMBERS)) == {"results": [1.5, 2.0]}
    assert json.loads(write(Question(2, note="row"), NUMBERS)) == {"predictions": [1.5, 2.0]}
    assert json.loads(write(Question(2, note="column"), NUMBERS)) == {"outputs": [1.5, 2.0]}


def test_answers_with_intervals_and_contributions():
    adds = Contributions(("intercept", "adds_x"), np.array([[1.0, 0.5], [1.0, 1.0]]))
    full = Answers(
        "m", "1", "ab", "regression", prediction=np.array([1.5, 2.0]), intervals=np.array([[1.0, 2], [1, 3]]),
        contributions=adds,
    )  # fmt: skip
    rows = json.loads(write(Question(2, note="row"), full))["predictions"]
    assert rows[1] == {
        "prediction": 2.0,
        "interval": [1.0, 3.0],
        "contributions": {"intercept": 1.0, "adds_x": 1.0},
    }
    outputs = json.loads(write(Question(2, note="column"), full))["outputs"]
    assert outputs["interval_high"] == [2.0, 3.0]
    assert outputs["adds_x"] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/models/m", Route("m", "", "", "status")),
        ("/V1/MODELS/M/versions/12:Predict", Route("M", "12", "", "predict")),
        ("/v1/models/a%20b@c/labels/stable/metadata", Route("a b@c", "", "stable", "metadata")),
        ("/v1/models/m:classify", Route("m", "", "", "classify")),
        ("/v1/models/m/versions/1/labels/x:predict", None),
        ("/v1/models/m/versions/x:predict", None),
        ("/v1/models/m/metadata:predict", None),
        ("/v1/models/m:train", None),
        ("/v1/models/", None),
        ("/v1/models/a/b", None),
    ],
)
def test_paths(path, found):
    assert route(path) == found


def test_status_metadata_and_errors(buys):
    fine = {"error_code": "OK", "error_message": ""}
    assert json.loads(status([("7", "AVAILABLE"), ("8", "LOADING")]))["model_version_status"] == [
        {"version": "7", "state": "AVAILABLE", "status": fine},
        {"version": "8", "state": "LOADING", "status": fine},
    ]
    told = json.loads(metadata(buys))
    assert told["model_spec"] == {"name": "buys", "signature_name": "", "version": "2"}
    signature = told["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert {name: tensor["dtype"] for name, tensor in signature["inputs"].items()}["member"] == "DT_BOOL"
    assert list(signature["outputs"]) == ["prediction", "probability_no", "probability_yes"]
    assert json.loads(refuse(400, 'a "quoted"\nline \ud800')) == {"error": 'a "quoted"\nline \\ud800'}


FLOATS = st.floats(allow_nan=True, allow_infinity=False) | st.integers(-(2**70), 2**70)


@given(st.lists(FLOATS, min_size=1, max_size=5))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_arrive_to_the_bit(two, numbers):
    expected = [n if not isinstance(n, float) or math.isfinite(n) else None for n in numbers]
    by_row = json.dumps({"instances": [{"x": n} for n in numbers]}).encode()
    by_column = json.dumps({"inputs": {"x": numbers}}).encode()
    assert columns(by_row, two)["x"] == columns(by_column, two)["x"] == expected
