"""MLflow's scoring protocol, which is SageMaker's as well: /invocations in four JSON forms, CSV, Parquet.

    {"dataframe_split": {"columns": [...], "data": [[...], ...]}}   ->  {"predictions": [...]}
    {"dataframe_records": [{...}, ...]}
    {"instances": [...]}, {"inputs": {column: [...]}}               each with or without "params"
    anything wrong                                                  ->  {"error_code": .., "message": ..}

Source: mlflow 3.18, `pyfunc/scoring_server` and `utils/proto_json_utils.py`. The trace of a stack, which
MLflow adds to its errors, is never sent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, Literal, TypeAlias

import msgspec

from justright.errors import ColumnError, JustrightError, MissingExtraError, RowError, TableError
from justright.serve.dialects.answered import as_columns
from justright.serve.dialects.bodies import encode, first_twice, kind_of, no_key_twice, parse, plain_text
from justright.serve.dialects.table import (
    MOST_ROWS,
    Cell,
    RowReader,
    complete,
    few_enough,
    from_columns,
    from_lists,
    from_rows,
    wishes,
)
from justright.serve.exchange import Answers, Described, Question

__all__ = ["Media", "PING", "media_of", "read", "refuse", "unsupported", "version", "write"]

Media: TypeAlias = Literal["json", "csv", "parquet"]

PING: Final = b"\n"
"""Body of /ping and /health."""

_FORMS: Final = ("dataframe_split", "dataframe_records", "instances", "inputs")
_MEDIA: Final[dict[str, Media]] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
_MOST_UNPACKED: Final = 256 << 20
_CODES: Final = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    """A data frame as pandas splits it."""

    data: list[list[Cell]]
    columns: list[str] | None = None
    index: list[Cell] | None = None


class _SplitBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body around it."""

    dataframe_split: _Split
    params: Any = None


class _Inputs(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request by column."""

    inputs: dict[str, list[Cell]]
    params: Any = None


_SPLIT: Final = msgspec.json.Decoder(_SplitBody)
_INPUTS: Final = msgspec.json.Decoder(_Inputs)
_RECORDS: Final = RowReader("dataframe_records", ("params",), lists=False)
_INSTANCES: Final = RowReader("instances", ("params",))


def media_of(content_type: str) -> Media | None:
    """Return the form that a header `Content-Type` names, or None: then the status is 415.

    Examples
    --------
    >>> media_of("application/json; charset=utf-8"), media_of("text/plain")
    ('json', None)
    """
    name, *rest = (part.strip() for part in content_type.lower().split(";"))
    if any(part and part.replace('"', "") not in ("charset=utf-8", "charset=utf8") for part in rest):
        return None
    return _MEDIA.get(name)


def unsupported(content_type: str) -> bytes:
    """Return the body of status 415, which is text/plain.

    Examples
    --------
    >>> unsupported("text/plain")[:55]
    b'This predictor only supports the content types applicat'
    """
    told = f"This predictor only supports the content types {', '.join(_MEDIA)} in UTF-8."
    return plain_text(f"{told} Got {content_type!r:.80}.").encode("utf-8")


def read(
    body: bytes,
    described: Described,
    media: Media = "json",
    *,
    request_id: str = "",
    most_rows: int = MOST_ROWS,
) -> Question:
    """Return what a request to /invocations asks.

    Parameters
    ----------
    body : bytes
        In JSON exactly one of the four forms, beside it perhaps `params`: see
        `justright.serve.dialects.table.wishes`. CSV has a line of names; an empty cell is missing.
    described : Described
        The model.
    media : {"json", "csv", "parquet"}
        As `media_of` gives it.
    request_id : str
        Id that the server gives the request; the body holds none.
    most_rows : int, default 65,536
        More are refused, of CSV and Parquet before they are unpacked.

    Raises
    ------
    TableError, RowError, ColumnError
        The body is not of its form, or a row or column of it.
    RecipeError
        A wish that the model cannot grant.
    MissingExtraError
        Parquet without pyarrow.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> described = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    >>> read(b'{"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}}', described).columns
    {'x': (1, 2)}
    """
    if media == "csv":
        return _question(*_read_csv(body, described, most_rows), None, described, request_id)
    if media == "parquet":
        return _question(*_read_parquet(body, described, most_rows), None, described, request_id)
    for key, reader in (("dataframe_records", _RECORDS), ("instances", _INSTANCES)):
        if key.encode() in body[:64]:
            rows = reader.read(body, described, most_rows)
            if rows is not None:
                return _question(rows.size, rows.columns, rows.beside.params, described, request_id)
    try:
        if b"dataframe_split" in body[:64]:
            split = _SPLIT.decode(body)
            frame = split.dataframe_split
            known = 2 + (frame.columns is not None) + (frame.index is not None)
            if frame.data and no_key_twice(body, known):
                return _question(
                    *_from_split(frame, described, most_rows), split.params, described, request_id
                )
        elif b'"inputs"' in body[:64]:
            inputs = _INPUTS.decode(body)
            if no_key_twice(body, 1 + len(inputs.inputs)):
                return _question(
                    *from_lists(inputs.inputs, described, most_rows), inputs.params, described, request_id
                )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return _read_with_care(body, described, request_id, most_rows)


def write(question: Question, answers: Answers) -> bytes:
    """Return the answer.

    Returns
    -------
    bytes
        A regression without intervals and contributions: a list of numbers, as scikit-learn's models
        give it. Else one record a row: `prediction`, `probability_<class>`, `interval_low`,
        `interval_high`, `intercept`, `adds_<term>`, as far as they apply.

    Examples
    --------
    >>> import numpy as np
    >>> write(Question(1), Answers("m", "1", "ab", "regression", prediction=np.array([1.5])))
    b'{"predictions":[1.5]}'
    """
    columns = as_columns(answers)
    if len(columns) == 1:
        return encode({"predictions": columns["prediction"]})
    names = tuple(columns)
    records = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return encode({"predictions": records})


def refuse(status: int, sentence: str) -> bytes:
    """Return the body of a refusal with the error code that MLflow has for its status.

    Examples
    --------
    >>> refuse(400, "received age='old'")
    b'{"error_code":"BAD_REQUEST","message":"received age=\\'old\\'"}'
    """
    code = _CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    return encode({"error_code": code, "message": plain_text(sentence)})


def version(text: str) -> bytes:
    """Return the body of /version: the bare text, although its media type is JSON.

    Examples
    --------
    >>> version("0.1.0")
    b'0.1.0'
    """
    return text.encode("utf-8")


def _question(
    size: int, columns: dict[str, Sequence[Any]], params: Any, described: Described, request_id: str
) -> Question:
    """Return the question."""
    explain, level = wishes(params, described)
    return Question(size, columns=columns, explain=explain, level=level, id=request_id)


def _read_with_care(body: bytes, described: Described, request_id: str, most_rows: int) -> Question:
    """Read a request that no fast decoder took, or say what is wrong with it."""
    request = parse(body, most_rows)
    allowed = f"an object with exactly one of {', '.join(_FORMS)}, and params"
    if not isinstance(request, dict):
        raise TableError(f"a body that is {kind_of(request)}", allowed=allowed)
    unknown = [key for key in request if key not in (*_FORMS, "params")]
    if unknown:
        raise TableError(f"the key {unknown[0]!r:.60}", allowed=allowed)
    forms = [form for form in _FORMS if form in request]
    if len(forms) != 1:
        raise TableError(f"{len(forms)} forms: {', '.join(forms) or 'none'}", allowed=allowed)
    value, params = request[forms[0]], request.get("params")
    if forms[0] == "dataframe_split":
        try:
            frame = msgspec.convert(value, _Split)
        except msgspec.ValidationError as error:
            allowed = '{"columns": [names], "data": [[plain values], ...]}'
            raise TableError(f"a dataframe_split that is not one: {error!s:.200}", allowed=allowed) from error
        return _question(*_from_split(frame, described, most_rows), params, described, request_id)
    if isinstance(value, dict) and forms[0] == "inputs":
        return _question(*from_columns(value, described, most_rows), params, described, request_id)
    if forms[0] == "dataframe_records":
        for number, row in enumerate(value if isinstance(value, list) else ()):
            if not isinstance(row, dict):
                allowed = "an object of column names and values"
                raise RowError(kind_of(row), allowed=allowed, where=f"row {number}")
    columns = from_rows(value, described, key=forms[0], most_rows=most_rows)
    return _question(len(value), columns, params, described, request_id)


def _from_split(frame: _Split, described: Described, most_rows: int) -> tuple[int, dict[str, Sequence[Any]]]:
    """Return the size and the columns of a split data frame; without names they are in the model's order."""
    if not frame.data:
        raise TableError("a dataframe_split without data", allowed="one row or more")
    few_enough(len(frame.data), described, most_rows)
    names = described.names if frame.columns is None else tuple(frame.columns)
    _once(names)
    if frame.index is not None and len(frame.index) != len(frame.data):
        received = f"an index of {len(frame.index)} for {len(frame.data)} rows"
        raise TableError(received, allowed="as many, or no index")
    for number, row in enumerate(frame.data):
        if len(row) != len(names):
            received = f"a list of {len(row)} values"
            raise RowError(received, allowed=f"{len(names)}, one a column", where=f"row {number}")
    columns = dict(zip(names, zip(*frame.data, strict=True), strict=True))
    return len(frame.data), complete(columns, len(frame.data), described)


def _read_csv(body: bytes, described: Described, most_rows: int) -> tuple[int, dict[str, Sequence[Any]]]:
    """Return the size and the columns of a CSV body; values stay texts, which the model reads by column."""
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        names = next(lines, [])
        rows = list(islice((row for row in lines if row), most_rows + 1))
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableError(f"a body that is not CSV: {error!s:.120}", allowed="CSV in UTF-8") from error
    known = set(described.names)  # a line of names may be long
    wanted = {name: place for place, name in enumerate(names) if name in known}
    _once([name for name in names if name in known])
    if not rows:
        raise TableError("CSV without rows", allowed="a line of column names, then one line a row")
    few_enough(len(rows), described, most_rows)
    for number, row in enumerate(rows):
        if len(row) != len(names):
            allowed = f"{len(names)}, one a column of the first line"
            raise RowError(f"a line of {len(row)} values", allowed=allowed, where=f"row {number}")
    columns = {name: [row[place] or None for row in rows] for name, place in wanted.items()}
    return len(rows), complete(columns, len(rows), described)


def _read_parquet(body: bytes, described: Described, most_rows: int) -> tuple[int, dict[str, Sequence[Any]]]:
    """Return the size and the columns of a Parquet body."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError(
            "a Parquet body, which needs pyarrow", allowed="JSON or CSV", next_step="pip install pyarrow"
        ) from error
    try:
        file = parquet.ParquetFile(pa.BufferReader(body))
        _small_enough(file.metadata, described, most_rows)
        fields = [field for field in file.schema_arrow if field.name in described.names]
        names = [field.name for field in fields]
        _once(names)
        # As a dictionary a text that comes a million times is held once.
        texts = [field.name for field in fields if str(field.type) in ("string", "large_string", "binary")]
        table = parquet.ParquetFile(pa.BufferReader(body), read_dictionary=texts).read(names)
        found: dict[str, Sequence[Any]] = {name: _cells(table[name]) for name in table.column_names}
    except JustrightError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise TableError(f"a body that is not Parquet: {error!s:.120}", allowed="a Parquet file") from error
    size = table.num_rows
    for name, values in found.items():
        for number, value in enumerate(values):
            if isinstance(value, list | dict | tuple):
                allowed = "a number, a text, true, false, a date or nothing"
                raise RowError(f"{name}={value!r:.60}", allowed=allowed, where=f"row {number}")
    return size, complete(found, size, described)


def _small_enough(metadata: Any, described: Described, most_rows: int) -> None:
    """Refuse a Parquet file that is empty, or small on the wire and large in memory."""
    if metadata.num_rows < 1:
        raise TableError("a Parquet file of 0 rows", allowed="one row or more")
    few_enough(metadata.num_rows, described, most_rows)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    unpacked = sum(group.total_byte_size for group in groups)
    if unpacked > _MOST_UNPACKED:
        received = f"a Parquet file of {unpacked} bytes unpacked"
        raise TableError(received, allowed=f"at most {_MOST_UNPACKED}")


def _cells(column: Any) -> list[Any]:
    """Return the values of an Arrow column; equal ones of a dictionary are one Python value."""
    found: list[Any] = []
    for chunk in column.chunks:
        if hasattr(chunk, "dictionary"):
            values = [*chunk.dictionary.to_pylist(), None]
            places = chunk.indices.to_pylist()
            found += [values[-1 if place is None else place] for place in places]
        else:
            found += chunk.to_pylist()
    return found


def _once(names: Sequence[str]) -> None:
    """Refuse a column that comes twice."""
    twice = first_twice(names)
    if twice:
        raise ColumnError(f"the column {twice!r:.60} twice", allowed="each column once")
