"""Tensors of the Open Inference protocol as plain values: what each datatype may hold, JSON or binary."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from justright.errors import RowError, TableError
from justright.serve.dialects.bodies import parse
from justright.serve.dialects.table import PLAIN

__all__ = ["DATATYPES", "binary_inputs", "typed"]

_NUMPY: Final = {
    "BOOL": "<u1",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}

DATATYPES: Final = (*_NUMPY, "BYTES")
"""Datatypes of the protocol."""

_NONE: Final = type(None)
_TYPES: Final[dict[str, frozenset[type]]] = {
    "BYTES": frozenset({str, _NONE}),
    **{name: frozenset({int, float, _NONE} if "FP" in name else {int, _NONE}) for name in _NUMPY},
    "BOOL": frozenset({bool, _NONE}),
}
_RANGES: Final = {
    name: (int(np.iinfo(kind).min), int(np.iinfo(kind).max)) for name, kind in _NUMPY.items() if "INT" in name
}


class _Input(Protocol):
    """What is looked at of an input."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None
    parameters: dict[str, Any] | None


AnyInput = TypeVar("AnyInput", bound=_Input)


def typed(
    name: str, datatype: str, data: Sequence[Any] | None, parameters: Mapping[str, Any] | None
) -> Sequence[Any]:
    """Return the values of an input, or say which one does not fit its datatype.

    Parameters
    ----------
    name : str
        For the message.
    datatype : str
        One of `DATATYPES`.
    data : sequence
        Flat values; None is a missing value in every datatype.
    parameters : mapping, optional
        `content_type` "base64": texts are decoded as UTF-8; "pd_json": each text is a JSON value, which
        is how MLServer sends a column of texts with gaps.

    Raises
    ------
    TableError
        No such datatype, or no data.
    RowError
        A value that does not fit; names its row.

    Examples
    --------
    >>> typed("x", "INT64", [1, None], None)
    [1, None]
    """
    may = _TYPES.get(datatype)
    if may is None:
        allowed = f"one of: {', '.join(DATATYPES)}"
        raise TableError(f"datatype={datatype!r:.40} of {name!r:.60}", allowed=allowed)
    if data is None:
        raise TableError(f"the input {name!r:.60} without data", allowed='"data": [values]')
    if not may.issuperset(map(type, data)):
        number, value = next((i, v) for i, v in enumerate(data) if type(v) not in may)
        raise RowError(f"{name}={value!r:.60}", allowed=f"{datatype} or null", where=f"row {number}")
    if datatype in _RANGES:
        low, high = _RANGES[datatype]
        for number, value in enumerate(data):
            if value is not None and not low <= value <= high:
                raise RowError(f"{name}={value!r:.60}", allowed=f"{low} to {high}", where=f"row {number}")
    if not parameters:
        return data
    content = parameters.get("content_type")
    if datatype == "BYTES" and content in ("base64", "pd_json"):
        decode = _from_base64 if content == "base64" else _from_json
        return [decode(text, name, number) for number, text in enumerate(data)]
    return data


def binary_inputs(inputs: Sequence[AnyInput], tail: bytes) -> Sequence[AnyInput]:
    """Return inputs with the data of those that sent it in binary behind the JSON.

    Parameters
    ----------
    inputs : sequence
        Those whose `parameters` hold `binary_data_size` take as many bytes of the tail, in order.
    tail : bytes
        Little-endian values in the order of the rows; of BYTES each with its length in 4 bytes.

    Raises
    ------
    TableError
        Sizes that do not fit the tail, the shape or the datatype, or data as well.
    """
    place = 0
    for each in inputs:
        size = (each.parameters or {}).get("binary_data_size")
        if size is None:
            continue
        if type(size) is not int or not 0 <= size <= len(tail) - place or each.data is not None:
            received = (
                f"binary_data_size={size!r:.40} of {each.name!r:.60} with {len(tail) - place} bytes left"
            )
            raise TableError(received, allowed="the bytes behind the JSON, and no data beside them")
        each.data = _from_bytes(each, tail[place : place + size])
        place += size
    if place != len(tail):
        allowed = "as many as the inputs say with binary_data_size"
        raise TableError(f"{len(tail) - place} bytes behind the tensors", allowed=allowed)
    return inputs


def _from_bytes(one: _Input, raw: bytes) -> list[Any]:
    """Return the values of one binary tensor."""
    if one.datatype == "BYTES":
        return _from_lengths(one, raw)
    kind = _NUMPY.get(one.datatype)
    if kind is None:
        allowed = f"one of: {', '.join(DATATYPES)}"
        raise TableError(f"datatype={one.datatype!r:.40} of {one.name!r:.60}", allowed=allowed)
    if len(raw) % np.dtype(kind).itemsize:
        raise TableError(f"{len(raw)} bytes of {one.name!r:.60}", allowed=f"whole values of {one.datatype}")
    values = np.frombuffer(raw, kind)
    found: list[Any] = (values != 0).tolist() if one.datatype == "BOOL" else values.tolist()
    return [None if value != value else value for value in found]


def _from_lengths(one: _Input, raw: bytes) -> list[Any]:
    """Return the texts of one binary tensor."""
    found: list[Any] = []
    place = 0
    while place < len(raw):
        size = int.from_bytes(raw[place : place + 4], "little")
        place += 4
        if place + size > len(raw):
            raise TableError(
                f"{one.name!r:.60} with texts cut off", allowed="each text with its length before"
            )
        try:
            found.append(raw[place : place + size].decode("utf-8"))
        except UnicodeDecodeError as error:
            where = f"row {len(found)}"
            raise RowError(f"{one.name}: {error!s:.80}", allowed="text in UTF-8", where=where) from error
        place += size
    return found


def _from_base64(text: str | None, name: str, number: int) -> str | None:
    """Return a text that came in base64."""
    if text is None:
        return None
    try:
        return b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        allowed = "UTF-8 text in base64"
        raise RowError(f"{name}: {error!s:.80}", allowed=allowed, where=f"row {number}") from error


def _from_json(text: str | None, name: str, number: int) -> Any:
    """Return the plain value that a text holds as JSON."""
    if text is None:
        return None
    try:
        value = parse(text.encode("utf-8"))
    except ValueError as error:
        allowed = "a JSON value in each text, as content_type pd_json says"
        raise RowError(f"{name}={text!r:.60}", allowed=allowed, where=f"row {number}") from error
    if type(value) not in PLAIN:
        allowed = "a number, a text, true, false or null"
        raise RowError(f"{name}={text!r:.60}", allowed=allowed, where=f"row {number}")
    return value
