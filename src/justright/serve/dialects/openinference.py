"""The Open Inference protocol, version 2: KServe's, Triton's and MLServer's, one input per column.

    {"id": "7", "inputs": [{"name": "age", "shape": [2], "datatype": "FP64", "data": [31, 45]}, ...],
     "outputs": [{"name": "prediction"}]}
        -> {"model_name": "m", "model_version": "1", "id": "7", "outputs": [{"name": "prediction", ...}]}
    anything wrong
        -> {"error": "a sentence"}

Source: kserve/open-inference-protocol, `inference_rest.md` and `open_inference_rest.yaml`; what is said
there twice and differently is done as MLServer and Triton do it. Tensors travel as JSON, also where a
client offers to take them in binary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec

from justright.errors import ColumnError, RowError, TableError, closest
from justright.schema import Form
from justright.serve.dialects.answered import as_columns
from justright.serve.dialects.bodies import encode, kind_of, no_key_twice, parse, plain_text
from justright.serve.dialects.table import MOST_ROWS, Cell, complete, few_enough, wishes
from justright.serve.dialects.tensors import binary_inputs, typed
from justright.serve.exchange import Answers, Described, Question

__all__ = ["Route", "live", "metadata", "read", "ready", "refuse", "route", "server", "write"]

_PATH: Final = re.compile(
    r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<verb>ready|infer))?", re.ASCII
)
_DATATYPES: Final[dict[Form, str]] = {
    "number": "FP64",
    "text": "BYTES",
    "boolean": "BOOL",
    "datetime": "BYTES",
}
_OF_LABEL: Final = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


class _Input(msgspec.Struct):
    """One input; keys of platforms that are not known here are skipped."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Cell] | None = None
    parameters: dict[str, Any] | None = None


class _Wanted(msgspec.Struct):
    """One output that is wanted."""

    name: str
    parameters: dict[str, Any] | None = None


class _Request(msgspec.Struct):
    """The body of an infer request."""

    inputs: list[_Input]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[_Wanted] | None = None


class _Note(NamedTuple):
    """What `write` must know of a request."""

    id: str | None
    outputs: tuple[str, ...]
    frame: bool


_REQUEST: Final = msgspec.json.Decoder(_Request)


class Route(NamedTuple):
    """What a path of this protocol names.

    Parameters
    ----------
    name : str
        The model.
    version : str
        A version, or empty.
    verb : {"metadata", "ready", "infer"}
        infer is for POST, the others for GET.
    """

    name: str
    version: str
    verb: str


def route(path: str) -> Route | None:
    """Return what a path names, or None where it names no model of this protocol.

    Parameters
    ----------
    path : str
        As it came, not yet unquoted.

    Examples
    --------
    >>> route("/v2/models/churn/versions/3/infer")
    Route(name='churn', version='3', verb='infer')
    """
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    return Route(unquote(found["name"]), unquote(found["version"] or ""), found["verb"] or "metadata")


def read(
    body: bytes,
    described: Described,
    *,
    request_id: str = "",
    json_size: int = 0,
    most_rows: int = MOST_ROWS,
) -> Question:
    """Return what an infer request asks.

    Parameters
    ----------
    body : bytes
        One input for each column, of shape [rows] or [rows, 1], its data flat or nested; or a single
        input of shape [rows, columns] under a name that no column has, in the order of the columns.
        null and NaN are missing values. Texts are BYTES; with the content type "base64" or "pd_json"
        they are decoded first. For `parameters` see `justright.serve.dialects.table.wishes`.
    described : Described
        The model.
    request_id : str
        Id that the server gives a request that has none of its own.
    json_size : int, default 0
        Header `Inference-Header-Content-Length`: so many bytes are JSON, the rest are the tensors of
        the inputs with `binary_data_size`, in their order. 0 = all is JSON.
    most_rows : int, default 65,536
        More are refused.

    Raises
    ------
    TableError, RowError, ColumnError
        The body is not of this form, an input is doubled or does not fit its datatype or shape.
    RecipeError
        A wish that the model cannot grant.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> described = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    >>> body = b'{"inputs": [{"name": "x", "shape": [2, 1], "datatype": "INT64", "data": [1, 2]}]}'
    >>> read(body, described).columns
    {'x': [1, 2]}
    """
    head, tail = (body[:json_size], body[json_size:]) if json_size else (body, b"")
    request = _decoded(head)
    inputs = binary_inputs(request.inputs, tail)
    if inputs and inputs[0].shape:
        few_enough(inputs[0].shape[0], described, most_rows)
    size, columns = _columns(inputs, described)
    explain, level = wishes(request.parameters, described)
    outputs = tuple(output.name for output in request.outputs or ())
    _known(outputs, described)
    frame = (request.parameters or {}).get("content_type") == "pd"
    note = _Note(request.id, outputs, frame)
    return Question(
        size, columns=columns, explain=explain, level=level, id=request.id or request_id, note=note
    )


def write(question: Question, answers: Answers) -> bytes:
    """Return the answer: the outputs that were wanted, all where none was named.

    Returns
    -------
    bytes
        Outputs `prediction` and `probability_<class>`; `interval_low`, `interval_high`, `intercept` and
        `adds_<term>` where they were asked for. Each of shape [rows, 1], as MLServer gives columns.

    Examples
    --------
    >>> import numpy as np
    >>> write(Question(1), Answers("m", "1", "ab", "regression", prediction=np.array([1.5])))[:60]
    b'{"model_name":"m","model_version":"1","outputs":[{"name":"pr'
    """
    note = question.note or _Note(None, (), False)
    told: dict[str, Any] = {"model_name": answers.name, "model_version": answers.version}
    if note.id is not None:
        told["id"] = note.id
    if note.frame:
        told["parameters"] = {"content_type": "pd"}
    columns = as_columns(answers)
    beside = 0 if answers.contributions is None else len(answers.contributions.names)
    always = tuple(columns)[len(columns) - beside :] if note.outputs else ()
    told["outputs"] = [_output(name, columns[name]) for name in (*(note.outputs or columns), *always)]
    return encode(told)


def refuse(status: int, sentence: str) -> bytes:
    """Return the body of a refusal; the status is not in it.

    Examples
    --------
    >>> refuse(400, "received no inputs")
    b'{"error":"received no inputs"}'
    """
    return encode({"error": plain_text(sentence)})


def live() -> bytes:
    """Return the body of /v2/health/live, of which clients read the status only.

    Examples
    --------
    >>> live()
    b'{"live":true}'
    """
    return b'{"live":true}'


def ready(name: str = "", *, is_ready: bool = True) -> bytes:
    """Return the body of /v2/health/ready and of /v2/models/NAME/ready; the status must say the same.

    Examples
    --------
    >>> ready(), ready("churn")
    (b'{"ready":true}', b'{"name":"churn","ready":true}')
    """
    return encode({"name": name, "ready": is_ready} if name else {"ready": is_ready})


def server(text: str) -> bytes:
    """Return the metadata of the server with its version.

    Examples
    --------
    >>> server("0.1.0")
    b'{"name":"justright","version":"0.1.0","extensions":[]}'
    """
    return encode({"name": "justright", "version": text, "extensions": []})


def metadata(described: Described) -> bytes:
    """Return the metadata of a model: its columns as inputs, its outputs, -1 for the number of rows."""
    told: dict[str, Any] = {"name": described.name}
    if described.versions:
        told["versions"] = list(described.versions)
    told["platform"] = "justright"
    told["inputs"] = [_tensor(column.name, _DATATYPES[column.form]) for column in described.columns]
    told["outputs"] = [_tensor("prediction", _datatype(described.labels) if described.classes else "FP64")]
    told["outputs"] += [_tensor(f"probability_{name}", "FP64") for name in described.classes]
    return encode(told)


def _decoded(head: bytes) -> _Request:
    """Return the JSON part of a request."""
    try:
        request = _REQUEST.decode(head)
        if no_key_twice(head, _known_keys(request)):
            return request
    except (ValueError, RecursionError):
        pass
    value = parse(head)
    allowed = '{"inputs": [{"name": ..., "shape": [...], "datatype": ..., "data": [...]}, ...]}'
    if not isinstance(value, dict):
        raise TableError(f"a body that is {kind_of(value)}", allowed=allowed)
    inputs = value.get("inputs")
    for each in inputs if isinstance(inputs, list) else ():
        if isinstance(each, dict) and isinstance(each.get("data"), list):
            each["data"] = _flat(each["data"], each.get("name"))
    try:
        return msgspec.convert(value, _Request)
    except msgspec.ValidationError as error:
        raise TableError(f"a body that is no infer request: {error!s:.200}", allowed=allowed) from error


def _known_keys(request: _Request) -> int:
    """Return a number of different keys that a request has at least."""
    known = 1 + (request.id is not None) + (request.parameters is not None)
    known += len(request.parameters or ()) + len(request.outputs or ()) + (request.outputs is not None)
    for each in request.inputs:
        known += 3 if each.data is None else 4
        if each.parameters is not None:
            known += 1 + len(each.parameters)
    return known


def _flat(data: list[Any], name: Any) -> list[Any]:
    """Return nested data flat; a row that holds no plain value is refused by name."""
    found: list[Any] = []
    for number, each in enumerate(data):
        values = _flat(each, name) if isinstance(each, list) else [each]
        if isinstance(each, dict):
            allowed = "a number, a text, true, false or null"
            raise RowError(f"{name!s:.60}={each!r:.60}", allowed=allowed, where=f"row {number}")
        found += values
    return found


def _columns(inputs: Sequence[_Input], described: Described) -> tuple[int, dict[str, Sequence[Any]]]:
    """Return the size and the columns of inputs."""
    if not inputs:
        raise TableError("no inputs", allowed="one input for each column")
    if len(inputs) == 1 and inputs[0].name not in described.names and len(inputs[0].shape) == 2:
        return _matrix(inputs[0], described)
    found: dict[str, Sequence[Any]] = {}
    size = inputs[0].shape[0] if inputs[0].shape else 0
    for each in inputs:
        if each.name in found:
            raise ColumnError(f"the input {each.name!r:.60} twice", allowed="each column once")
        values = typed(each.name, each.datatype, each.data, each.parameters)
        if each.shape not in ([len(values)], [len(values), 1]):
            allowed = f"[rows] or [rows, 1] of its {len(values)} values"
            raise TableError(f"shape {each.shape!s:.60} of {each.name!r:.60}", allowed=allowed)
        if len(values) != size:
            received = f"{len(values)} values of {each.name!r:.60} and {size} of {inputs[0].name!r:.60}"
            raise TableError(received, allowed="as many values in every column")
        found[each.name] = values
    if not size:
        raise TableError("inputs without a value", allowed="one row or more")
    return size, complete(found, size, described)


def _matrix(one: _Input, described: Described) -> tuple[int, dict[str, Sequence[Any]]]:
    """Return the size and the columns of a single input that holds the whole table."""
    rows, width = one.shape
    names = described.names
    values = typed(one.name, one.datatype, one.data, one.parameters)
    if width != len(names) or rows < 1 or rows * width != len(values):
        allowed = f"one input for each column, or one of shape [rows, {len(names)}]"
        received = f"shape {one.shape!s:.60} of {one.name!r:.60} with {len(values)} values"
        raise TableError(received, allowed=allowed)
    return rows, {name: values[place::width] for place, name in enumerate(names)}


def _known(outputs: Sequence[str], described: Described) -> None:
    """Refuse an output that is not there."""
    names = ["prediction", *(f"probability_{name}" for name in described.classes)]
    for name in outputs:
        if name not in names:
            raise ColumnError(f"the output {name!r:.60}", allowed=closest(name, names))


def _output(name: str, values: list[Any]) -> dict[str, Any]:
    """Return one output."""
    datatype = _datatype(values)
    told: dict[str, Any] = {"name": name, "shape": [len(values), 1], "datatype": datatype}
    if datatype == "BYTES":
        told["parameters"] = {"content_type": "str"}
    told["data"] = values
    return told


def _datatype(values: Sequence[Any]) -> str:
    """Return the datatype of labels or numbers."""
    return _OF_LABEL.get(type(values[0]), "BYTES") if len(values) else "BYTES"


def _tensor(name: str, datatype: str) -> dict[str, Any]:
    """Return the metadata of one input or output."""
    return {"name": name, "datatype": datatype, "shape": [-1, 1]}
