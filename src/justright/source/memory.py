"""Tables that are in memory already: the one data-frame seam.

Everything goes through the Arrow C interface where it has one, so that pandas, polars and others are
read without a copy where there need be none. pandas and polars are never imported here: an object of
theirs brings its own module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from justright.errors import TableError
from justright.source.base import BadLine, Place, check_names, check_request, slices
from justright.source.texts import text_array

__all__ = ["MemorySource", "open_memory"]


class MemorySource:
    """A table in memory.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    form : str
        What it came as, for the description and messages.

    Examples
    --------
    >>> MemorySource(pa.table({"a": [1, 2]}), "Arrow table").rows
    2
    """

    problems: tuple[BadLine, ...] = ()
    n_problems: int = 0

    def __init__(self, table: pa.Table, form: str) -> None:
        self._table = table
        self._form = form
        self.names = check_names(table.column_names, form)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self._table.num_rows)

    @property
    def description(self) -> dict[str, Any]:
        """What it came as."""
        return {"format": self._form, "typed": True}

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start; see `Source.batches`. No copy."""
        wanted = check_request(columns, self.names, self._form)
        table = self._table.select(wanted)
        for batch in table.to_batches():
            yield from slices(batch)

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name each row by its number."""
        return tuple(Place("", row + 1, "row") for row in rows)


def open_memory(table: object) -> MemorySource:
    """Open a table in memory; see `justright.source.open_source` for what may come.

    Parameters
    ----------
    table : object
        A data frame, an Arrow table or reader, a numpy array, a dict of columns, a list of dict rows.

    Returns
    -------
    MemorySource

    Raises
    ------
    TableError
        It is none of these, or has no rows or no columns.

    Examples
    --------
    >>> open_memory([{"a": 1, "b": "x"}, {"a": 2}]).names
    ('a', 'b')
    """
    arrow, form = _as_arrow(table)
    if arrow.num_rows == 0 and arrow.num_columns > 0:
        raise TableError("a table without rows", where=form, allowed="at least one row")
    return MemorySource(arrow, form)


def _as_arrow(table: Any) -> tuple[pa.Table, str]:
    """Return the table as Arrow, and what it was."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        return _from_pandas(table), "pandas data frame"
    if isinstance(table, pa.RecordBatchReader):
        return table.read_all(), "Arrow reader"
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table]), "Arrow batch"
    if isinstance(table, pa.Table):
        return table, "Arrow table"
    if hasattr(table, "__arrow_c_stream__"):
        form = f"{type(table).__module__.split('.')[0]} {type(table).__name__}"
        try:
            return pa.table(table), form
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise TableError(
                f"a column that Arrow cannot hold: {error}",
                where=form,
                next_step="cast it to text or a number",
            ) from error
    if isinstance(table, np.ndarray):
        return _from_numpy(table), "numpy array"
    if isinstance(table, Mapping):
        return _from_columns(table), "dict of columns"
    if isinstance(table, Sequence) and not isinstance(table, str | bytes):
        return _from_rows(table), "list of rows"
    raise TableError(
        f"table of type {type(table).__module__}.{type(table).__qualname__}",
        allowed="a path, a data frame, an Arrow table, a numpy array, a dict of columns, a list of dict rows",
        next_step="table.collect() gives the data frame" if hasattr(table, "collect") else "",
    )


def _from_pandas(frame: Any) -> pa.Table:
    """Return a pandas data frame as Arrow; columns of mixed objects value by value."""
    arrays = [_from_values(frame.iloc[:, i].array) for i in range(frame.shape[1])]
    return pa.table(arrays, names=[str(name) for name in frame.columns])


def _from_columns(columns: Mapping[Any, Any]) -> pa.Table:
    """Return a dict of columns as Arrow."""
    arrays = {str(name): _from_values(values) for name, values in columns.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise TableError(f"columns of different lengths: {lengths}", allowed="one length for all columns")
    return pa.table(arrays)


def _from_numpy(array: np.ndarray[Any, Any]) -> pa.Table:
    """Return a 2-D or structured numpy array as Arrow; columns without names are x0, x1, ..."""
    if array.dtype.names:
        return _from_columns({name: array[name] for name in array.dtype.names})
    if array.ndim != 2:
        raise TableError(
            f"a numpy array of shape {array.shape}", allowed="(rows, columns), or a structured one"
        )
    return _from_columns({f"x{i}": np.ascontiguousarray(array[:, i]) for i in range(array.shape[1])})


def _from_rows(rows: Sequence[Any]) -> pa.Table:
    """Return a list of dicts as Arrow: all names in order of first appearance, absent = missing."""
    names: dict[str, None] = {}
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TableError(
                f"row {i + 1} of type {type(row).__name__}",
                allowed="dicts of column name to value",
                next_step="pass a numpy array or a dict of columns for rows without names",
            )
        names.update(dict.fromkeys(row))
    return _from_columns({name: [row.get(name) for row in rows] for name in names})


def _from_values(values: Any) -> Any:
    """Return the values of one column as an Arrow array; mixed types become text."""
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _from_foreign(values)
    if isinstance(array.type, pa.BaseExtensionType):
        return text_array(list(values))
    if pa.types.is_date32(array.type) and any(isinstance(value, datetime) for value in values):
        # Arrow takes the type of the first value and would cut the time of day off the others.
        return pa.array([_midnight(value) for value in values], pa.timestamp("us"))
    return array


def _midnight(value: object) -> object:
    """Return a date as the moment it begins, others as they are."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


def _from_foreign(values: Any) -> Any:
    """Return what Arrow does not take as it is: by way of numpy (sparse arrays), else as text."""
    # Left are mixed types (1 and "1"), integers beyond 64 bits and foreign objects: the rules of
    # canonical text read the text of each just as they read the value.
    if hasattr(values, "dtype") and np.asarray(values).dtype.kind in "biuf":
        return pa.array(np.asarray(values), from_pandas=True)
    return text_array(list(values))
