"""The protocol of Vertex AI's custom containers: the predict and the health route.

    {"instances": [row, ...], "parameters": {...}}  ->  {"predictions": [value, ...]}   one each, in order
    anything wrong                                  ->  {"error": "a sentence"}

The platform wraps the answer (`deployedModelId`, `model`); the form of an error is the container's own.
"""

from __future__ import annotations

from typing import Any, Final

from justright.errors import TableError
from justright.serve.dialects.answered import as_rows
from justright.serve.dialects.bodies import encode, kind_of, parse, plain_text
from justright.serve.dialects.table import MOST_ROWS, RowReader, from_rows, wishes
from justright.serve.exchange import Answers, Described, Question

__all__ = ["health", "read", "refuse", "write"]

_INSTANCES: Final = RowReader("instances", ("parameters",))


def read(body: bytes, described: Described, *, request_id: str = "", most_rows: int = MOST_ROWS) -> Question:
    """Return what a request asks.

    Parameters
    ----------
    body : bytes
        `{"instances": [...], "parameters": {...}}`. A row is an object of column names and values, or a
        list of the values in the order of the columns. NaN counts as missing. For the
        parameters see `justright.serve.dialects.table.wishes`.
    described : Described
        The model.
    request_id : str
        Id that the server gives the request; the body holds none.
    most_rows : int, default 65,536
        More are refused.

    Raises
    ------
    TableError, RowError
        The body is not of this form, or a row of it.
    RecipeError
        A wish that the model cannot grant.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> described = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    >>> read(b'{"instances": [[1], [2]], "parameters": {}}', described).columns
    {'x': (1, 2)}
    """
    rows = _INSTANCES.read(body, described, most_rows)
    if rows is not None:
        explain, level = wishes(rows.beside.parameters, described)
        return Question(rows.size, columns=rows.columns, explain=explain, level=level, id=request_id)
    request: Any = parse(body, most_rows)
    allowed = '{"instances": [{"column": value, ...}, ...]}'
    if not isinstance(request, dict):
        raise TableError(f"a body that is {kind_of(request)}", allowed=allowed)
    unknown = [key for key in request if key not in ("instances", "parameters")]
    if unknown:
        raise TableError(f"the key {unknown[0]!r:.60}", allowed=allowed)
    explain, level = wishes(request.get("parameters"), described)
    columns = from_rows(request.get("instances"), described, key="instances", most_rows=most_rows)
    return Question(len(request["instances"]), columns=columns, explain=explain, level=level, id=request_id)


def write(question: Question, answers: Answers) -> bytes:
    """Return the answer, one prediction a row in order.

    Examples
    --------
    >>> import numpy as np
    >>> write(Question(1), Answers("m", "1", "ab", "regression", prediction=np.array([1.5])))
    b'{"predictions":[1.5]}'
    """
    return encode({"predictions": as_rows(answers)})


def refuse(status: int, sentence: str) -> bytes:
    """Return the body of a refusal; the status is not in it.

    Examples
    --------
    >>> refuse(400, "received no instances")
    b'{"error":"received no instances"}'
    """
    return encode({"error": plain_text(sentence)})


def health() -> bytes:
    """Return the body of the health route, which nobody reads: the status counts.

    Examples
    --------
    >>> health()
    b'{}'
    """
    return b"{}"
