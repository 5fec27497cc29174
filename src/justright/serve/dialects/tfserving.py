"""TensorFlow Serving's REST protocol: predict by row and by column, classify, regress, status, metadata.

    {"instances": [row, ...]}           -> {"predictions": [value, ...]}       one each, in order
    {"inputs": {column: [value, ...]}}  -> {"outputs": {name: [value, ...]}}
    {"examples": [row, ...]}            -> {"results": [[[label, score], ...], ...]} or {"results": [v, ...]}
    anything wrong                      -> {"error": "a sentence"}

Source: tensorflow/serving, `g3doc/api_rest.md` and `util/json_tensor.cc`. The token NaN is legal
there and here, where it counts as missing; Infinity is legal there, and no model of ours has a place for it.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from justright.errors import RecipeError, RowError, TableError
from justright.schema import Form
from justright.serve.dialects.answered import as_columns, as_rows
from justright.serve.dialects.bodies import encode, kind_of, no_key_twice, parse, plain_text
from justright.serve.dialects.table import (
    MOST_ROWS,
    Cell,
    RowReader,
    from_columns,
    from_lists,
    from_rows,
    wishes,
)
from justright.serve.exchange import Answers, Described, Question

__all__ = ["Route", "metadata", "read", "refuse", "route", "status", "write"]

_PATH: Final = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
    r"(?::(?P<verb>predict|classify|regress)|(?P<metadata>/metadata))?",
    re.IGNORECASE | re.ASCII,
)
_SIGNATURES: Final = (None, "", "serving_default")
_DTYPES: Final[dict[Form, str]] = {
    "number": "DT_DOUBLE",
    "text": "DT_STRING",
    "boolean": "DT_BOOL",
    "datetime": "DT_STRING",
}


class _Inputs(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request by column."""

    inputs: dict[str, list[Cell]]
    signature_name: str | None = None
    parameters: Any = None


_INSTANCES: Final = RowReader("instances", ("parameters", "signature_name"))
_EXAMPLES: Final = RowReader("examples", ("signature_name",), lists=False)
_COLUMNS: Final = msgspec.json.Decoder(_Inputs)


class Route(NamedTuple):
    """What a path of this protocol names.

    Parameters
    ----------
    name : str
        The model.
    version : str
        Digits, or empty.
    label : str
        An alias, or empty; never with a version.
    verb : {"predict", "classify", "regress", "status", "metadata"}
        The first three are for POST, the others for GET.
    """

    name: str
    version: str
    label: str
    verb: str


def route(path: str) -> Route | None:
    """Return what a path names, or None where it is no path of this protocol.

    Parameters
    ----------
    path : str
        As it came, not yet unquoted; upper and lower case are the same but in the name and the label.

    Examples
    --------
    >>> route("/v1/models/churn/labels/champion:Predict")
    Route(name='churn', version='', label='champion', verb='predict')
    """
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    verb = (found["verb"] or ("metadata" if found["metadata"] else "status")).lower()
    return Route(unquote(found["name"]), found["version"] or "", unquote(found["label"] or ""), verb)


def read(
    body: bytes,
    described: Described,
    verb: Literal["predict", "classify", "regress"] = "predict",
    *,
    request_id: str = "",
    most_rows: int = MOST_ROWS,
) -> Question:
    """Return what a request asks.

    Parameters
    ----------
    body : bytes
        `instances` or `inputs` for predict, `examples` with or without `context` for the others;
        `signature_name` "serving_default" may be there. `parameters` of predict is an addition of ours, for
        which see `justright.serve.dialects.table.wishes`. A row is an object of column names and values,
        or a list of the values in the order of the columns; a value may be `[1.5]` or `{"b64": "..."}`.
    described : Described
        The model.
    verb : {"predict", "classify", "regress"}
        The end of the path.
    request_id : str
        Id that the server gives the request; the body holds none.
    most_rows : int, default 65,536
        More are refused.

    Raises
    ------
    TableError, RowError, ColumnError
        The body is not of this form, or a row or column of it.
    RecipeError
        classify of a regression, regress of classes, or a wish that the model cannot grant.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> described = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    >>> read(b'{"instances": [{"x": 1}, {"x": NaN}]}', described).columns
    {'x': [1, None]}
    """
    if verb != "predict":
        return _read_examples(body, described, verb, request_id, most_rows)
    rows = _INSTANCES.read(body, described, most_rows)
    if rows is not None and rows.beside.signature_name in _SIGNATURES:
        explain, level = wishes(rows.beside.parameters, described)
        return Question(
            rows.size, columns=rows.columns, explain=explain, level=level, id=request_id, note="row"
        )
    try:
        columns = _COLUMNS.decode(body)
        known = 1 + len(columns.inputs)
        if columns.signature_name in _SIGNATURES and no_key_twice(body, known):
            explain, level = wishes(columns.parameters, described)
            size, found = from_lists(columns.inputs, described, most_rows)
            return Question(size, columns=found, explain=explain, level=level, id=request_id, note="column")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _read_with_care(body, described, request_id, most_rows)


def write(question: Question, answers: Answers) -> bytes:
    """Return the answer in the form of the question.

    Examples
    --------
    >>> import numpy as np
    >>> answers = Answers("m", "1", "ab", "regression", prediction=np.array([1.5]))
    >>> write(Question(1, note="row"), answers), write(Question(1, note="column"), answers)
    (b'{"predictions":[1.5]}', b'{"outputs":[1.5]}')
    """
    match question.note:
        case "column":
            columns = as_columns(answers)
            return encode({"outputs": columns["prediction"] if len(columns) == 1 else columns})
        case "classify":
            assert answers.probabilities is not None
            shares = answers.probabilities.tolist()
            return encode({"results": [list(zip(answers.classes, row, strict=True)) for row in shares]})
        case "regress":
            assert answers.prediction is not None
            return encode({"results": answers.prediction.tolist()})
        case _:
            return encode({"predictions": as_rows(answers)})


def refuse(status: int, sentence: str) -> bytes:
    """Return the body of a refusal; the status is not in it.

    Examples
    --------
    >>> refuse(400, "received age='old'")
    b'{"error":"received age=\\'old\\'"}'
    """
    return encode({"error": plain_text(sentence)})


def status(versions: Sequence[tuple[str, str]]) -> bytes:
    """Return the status of a model.

    Parameters
    ----------
    versions : sequence of (str, str)
        Version and state: START, LOADING, AVAILABLE, UNLOADING or END.

    Examples
    --------
    >>> status([("3", "AVAILABLE")])[:60]
    b'{"model_version_status":[{"version":"3","state":"AVAILABLE",'
    """
    fine = {"error_code": "OK", "error_message": ""}
    told = [{"version": version, "state": state, "status": fine} for version, state in versions]
    return encode({"model_version_status": told})


def metadata(described: Described) -> bytes:
    """Return the signature of a model: its columns as inputs, and the outputs of the column form."""
    outputs = {"prediction": "DT_DOUBLE"}
    if described.classes:
        outputs["prediction"] = _label_dtype(described.labels)
        outputs |= {f"probability_{name}": "DT_DOUBLE" for name in described.classes}
    inputs = {column.name: _DTYPES[column.form] for column in described.columns}
    signature = {
        "inputs": {name: _tensor(name, dtype) for name, dtype in inputs.items()},
        "outputs": {name: _tensor(name, dtype) for name, dtype in outputs.items()},
        "method_name": "tensorflow/serving/predict",
    }
    told = {"signature_def": {"signature_def": {"serving_default": signature}}}
    spec = {"name": described.name, "signature_name": "", "version": described.version}
    return encode({"model_spec": spec, "metadata": told})


def _read_with_care(body: bytes, described: Described, request_id: str, most_rows: int) -> Question:
    """Read a predict request that no fast decoder took, or say what is wrong with it."""
    request = _request(body, ("instances", "inputs", "parameters", "signature_name"), most_rows)
    if "instances" in request and "inputs" in request:
        raise TableError("both 'instances' and 'inputs'", allowed="only one of them")
    if "inputs" in request:
        inputs = request["inputs"]
        if not isinstance(inputs, dict) or "b64" in inputs:
            if len(described.names) != 1:
                allowed = '{"inputs": {"column": [value, ...], ...}}'
                raise TableError(f"inputs that are {kind_of(inputs)}", allowed=allowed)
            inputs = {described.names[0]: inputs}
        plain = {name: _unwrapped(values) for name, values in inputs.items()}
        explain, level = wishes(request.get("parameters"), described)
        size, columns = from_columns(plain, described, most_rows)
        return Question(size, columns=columns, explain=explain, level=level, id=request_id, note="column")
    if "instances" not in request:
        allowed = '{"instances": [{"column": value, ...}, ...]}'
        raise TableError("no instances: Missing 'inputs' or 'instances' key", allowed=allowed)
    explain, level = wishes(request.get("parameters"), described)
    columns = from_rows(_plain_rows(request["instances"]), described, key="instances", most_rows=most_rows)
    size = len(request["instances"])
    return Question(size, columns=columns, explain=explain, level=level, id=request_id, note="row")


def _read_examples(body: bytes, described: Described, verb: str, request_id: str, most_rows: int) -> Question:
    """Read a classify or a regress request."""
    if (verb == "regress") != (described.task == "regression"):
        other = "classify" if verb == "regress" else "regress"
        raise RecipeError(f"{verb} of a {described.task} model", allowed=f"predict, {other}")
    rows = _EXAMPLES.read(body, described, most_rows)
    if rows is not None and rows.beside.signature_name in _SIGNATURES:
        return Question(rows.size, columns=rows.columns, id=request_id, note=verb)
    request = _request(body, ("examples", "context", "signature_name"), most_rows)
    context = request.get("context", {})
    if not isinstance(context, dict):
        raise TableError(f"a context that is {kind_of(context)}", allowed="an object")
    examples = _plain_rows(request.get("examples"))
    if isinstance(examples, list):
        shared = {name: _unwrapped(value, "context") for name, value in context.items()}
        for number, row in enumerate(examples):
            if not isinstance(row, dict):
                allowed = "an object of column names and values"
                raise RowError(kind_of(row), allowed=allowed, where=f"row {number}")
        examples = [shared | row for row in examples]
    columns = from_rows(examples, described, key="examples", most_rows=most_rows)
    return Question(len(examples), columns=columns, id=request_id, note=verb)


def _request(body: bytes, keys: tuple[str, ...], most_rows: int) -> dict[str, Any]:
    """Return the object of a body that has no other keys than these."""
    request = parse(body, most_rows)
    allowed = f'{{"{keys[0]}": [{{"column": value, ...}}, ...]}}'
    if not isinstance(request, dict):
        raise TableError(f"a body that is {kind_of(request)}", allowed=allowed)
    unknown = [key for key in request if key not in keys]
    if unknown:
        raise TableError(f"the key {unknown[0]!r:.60}", allowed=allowed)
    signature = request.get("signature_name")
    if not isinstance(signature, str | None):
        raise TableError(f"a signature_name that is {kind_of(signature)}", allowed="a text")
    if signature not in _SIGNATURES:
        raise TableError(f"signature_name={signature!r:.60}", allowed="serving_default, or none")
    return request


def _plain_rows(rows: Any) -> Any:
    """Return rows whose wrapped values are plain."""
    if not isinstance(rows, list):
        return rows
    found: list[Any] = []
    for number, row in enumerate(rows):
        where = f"row {number}"
        if isinstance(row, dict) and not _is_b64(row):
            found.append({name: _unwrapped(value, where) for name, value in row.items()})
        elif isinstance(row, list):
            found.append([_unwrapped(value, where) for value in row])
        else:
            found.append(_unwrapped(row, where))
    return found


def _unwrapped(value: Any, where: str = "inputs") -> Any:
    """Return a value without what TensorFlow's clients wrap around it."""
    if isinstance(value, list):
        if where == "inputs":
            return [_unwrapped(each, f"row {number}") for number, each in enumerate(value)]
        return _unwrapped(value[0], where) if len(value) == 1 else value
    if not _is_b64(value):
        return value
    try:
        return b64decode(value["b64"], validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise RowError(f"b64 data: {error!s:.80}", allowed="UTF-8 text in base64", where=where) from error


def _is_b64(value: Any) -> bool:
    """Return whether a value is `{"b64": "..."}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def _tensor(name: str, dtype: str) -> dict[str, Any]:
    """Return a TensorInfo of one value a row."""
    shape = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    return {"dtype": dtype, "tensor_shape": shape, "name": f"{name}:0"}


def _label_dtype(labels: Sequence[Any]) -> str:
    """Return the dtype of labels."""
    names = {bool: "DT_BOOL", int: "DT_INT64", float: "DT_DOUBLE"}
    kinds = set(map(type, labels))
    return names.get(kinds.pop(), "DT_STRING") if len(kinds) == 1 else "DT_STRING"
