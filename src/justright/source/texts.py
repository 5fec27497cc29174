"""Columns of Python values as columns of text: for forms whose values have a type each (JSON, SQLite).

A column of Arrow has one type, a column of JSON has none: the millionth value may be a word. So the
values are written as text, as they would stand in a CSV file, and the schema reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from justright.schema import Column
from justright.values import canonical_text

__all__ = ["text_array"]

_COLUMN = Column("", "categorical", "text")
# From 1e10 on Arrow writes whole floats with an exponent, which the canonical text does not.
_WHOLE = 1e9


def text_array(values: Sequence[Any]) -> Any:
    """Return Python values as an Arrow array of their canonical texts, null where missing.

    Parameters
    ----------
    values : sequence, (rows,)
        Text, numbers, truth values, None; anything else is written with `str`.

    Returns
    -------
    pyarrow.StringArray, (rows,)

    Examples
    --------
    >>> text_array(["a", 1, 2.0, True, None]).to_pylist()
    ['a', '1', '2', 'true', None]
    """
    try:
        array: Any = pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return pa.array([canonical_text(value, _COLUMN) for value in values], pa.string())
    if pa.types.is_string(array.type):
        return array
    small = pa.types.is_floating(array.type) and (pc.max(pc.abs(array)).as_py() or 0.0) < _WHOLE
    if small or pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        return pc.cast(array, pa.string())
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.string())
    return pa.array([canonical_text(value, _COLUMN) for value in values], pa.string())
