"""Wire formats as pure functions: bytes to rows, predictions to bytes. No I/O, no state.

The format of TensorFlow Serving's row requests, which Vertex AI containers share:

    {"instances": [row, ...]}  ->  {"predictions": [prediction, ...]}        one each, in order
    anything wrong             ->  {"error": "a sentence"}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from justright.errors import RowError, TableError

__all__ = ["read_instances", "write_error", "write_json", "write_predictions", "write_status"]

_KEYS: Final = ("instances", "parameters", "signature_name")
_DECODER: Final = msgspec.json.Decoder()


def read_instances(body: bytes, columns: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the rows of a request.

    Parameters
    ----------
    body : bytes
        `{"instances": [...]}` in UTF-8. `parameters` and `signature_name` may be there and are ignored.
        A row is an object of column names and values, or a list of the values in the order of
        `columns`. The tokens NaN, Infinity and -Infinity, which are not JSON but which some clients
        send, count as missing.
    columns : sequence of str
        Columns of the model in order.

    Raises
    ------
    TableError
        Not JSON, no `instances`, or none in it.
    RowError
        A list of another length.

    Examples
    --------
    >>> read_instances(b'{"instances": [{"x": 1}, [NaN]]}', ["x"])
    [{'x': 1}, {'x': None}]
    """
    request = _parse(body)
    allowed = '{"instances": [{"column": value, ...}, ...]}'
    if not isinstance(request, dict):
        raise TableError(f"a body that is {_kind(request)}", allowed=allowed)
    unknown = [key for key in request if key not in _KEYS]
    if unknown:
        raise TableError(f"the key {unknown[0]!r:.60}", allowed=allowed)
    instances = request.get("instances")
    if not isinstance(instances, list) or not instances:
        received = "no instances" if instances in (None, []) else f"instances that are {_kind(instances)}"
        raise TableError(received, allowed=f"a list of one row or more: {allowed}")
    return [_row(row, columns, number) for number, row in enumerate(instances)]


def write_predictions(predictions: Sequence[Any]) -> bytes:
    """Return the answer, one prediction a row in order.

    Examples
    --------
    >>> write_predictions([1.5])
    b'{"predictions":[1.5]}'
    """
    return write_json({"predictions": predictions})


def write_status(version: str = "1", state: str = "AVAILABLE") -> bytes:
    """Return the status of a model as TensorFlow Serving gives it.

    Parameters
    ----------
    version : str, default "1"
        A text, also where it is a number.
    state : {"START", "LOADING", "AVAILABLE", "UNLOADING", "END"}

    Examples
    --------
    >>> json.loads(write_status())["model_version_status"][0]["state"]
    'AVAILABLE'
    """
    status = {"error_code": "OK", "error_message": ""}
    return write_json({"model_version_status": [{"version": version, "state": state, "status": status}]})


def write_error(sentence: str) -> bytes:
    """Return the body of a refusal; text that UTF-8 cannot hold is escaped.

    Examples
    --------
    >>> write_error("received age='old'")
    b'{"error":"received age=\\'old\\'"}'
    """
    return write_json({"error": sentence.encode("utf-8", "backslashreplace").decode("utf-8")})


def write_json(value: Any) -> bytes:
    """Return JSON values as compact UTF-8."""
    return msgspec.json.encode(value)


def _parse(body: bytes) -> Any:
    """Parse a body; the slower standard parser is asked only where the strict one refuses."""
    try:
        return _DECODER.decode(body)
    except RecursionError as error:
        raise TableError("a body nested too deep", allowed="rows of plain values") from error
    except ValueError:
        return _parse_with_nan(body)


def _parse_with_nan(body: bytes) -> Any:
    """Parse JSON with the tokens NaN and Infinity, which become None."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=lambda name: None, parse_float=_finite)
        # Only this parser lets lone surrogates through; they could not be hashed or sent back.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except TableError:
        raise
    except (ValueError, RecursionError) as error:
        raise TableError(f"a body that is not JSON: {error!s:.120}", allowed="JSON in UTF-8") from error
    return value


def _finite(text: str) -> float:
    """Read a number; one beyond the range of a double is refused, not taken for infinity."""
    number = float(text)
    if math.isinf(number):
        raise TableError(f"the number {text:.40}", allowed="numbers up to 1.8e308")
    return number


def _row(row: Any, columns: Sequence[str], number: int) -> Mapping[str, Any]:
    """Return one row as a mapping; what is neither object nor list is left to the predictor's message."""
    if not isinstance(row, list):
        mapping: Mapping[str, Any] = row
        return mapping
    if len(row) != len(columns):
        allowed = f"{len(columns)} in the order {', '.join(columns[:20])}, or an object"
        raise RowError(f"a list of {len(row)} values", allowed=allowed, where=f"row {number}")
    return dict(zip(columns, row, strict=True))


def _kind(value: Any) -> str:
    """Name the kind of a JSON value."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
