"""Refuse an infinity where nothing can stand in for it: in the target, or in the weights."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from justright.errors import ColumnError
from justright.schema import Column
from justright.source import Source
from justright.values import to_numbers
from justright.values.arrow import infinite_of, plain_array

__all__ = ["refuse_infinite"]


def refuse_infinite(source: Source, column: Column, role: str) -> NoReturn:
    """Raise the error of a column of numbers that holds an infinity, naming the first row.

    Parameters
    ----------
    source : Source
        The table; this column is read again, to its end.
    column : Column
        How its values are written; at least one of them is an infinity.
    role : {"target", "weight"}
        What the column is.

    Raises
    ------
    ColumnError
        Always.

    Examples
    --------
    >>> from justright.source import open_source
    >>> rows = open_source({"price": [1.0, float("inf"), 2.0]})
    >>> refuse_infinite(rows, Column("price", "numeric", "number"), "target")
    Traceback (most recent call last):
    justright.errors.ColumnError: received target='price' with inf (in row 2); ...
    """
    begin, count, first, shown = 0, 0, 0, ""
    for batch in source.batches([column.name]):
        array = plain_array(batch.column(column.name))
        unreadable = to_numbers(array, column)[1]
        if unreadable is not None:
            rows = np.flatnonzero(infinite_of(array, column, unreadable))
            if len(rows) and not count:
                first, shown = begin + int(rows[0]), str(array[int(rows[0])].as_py()).strip()
            count += len(rows)
        begin += batch.num_rows
    many = f", the first of {count:,} infinities in {begin:,} rows" if count > 1 else ""
    raise ColumnError(
        f"{role}={column.name!r} with {shown}{many}",
        where=str(source.locate([first])[0]),
        allowed="finite numbers",
        next_step=f"mend these rows, or leave the {role} of those to be left out empty"
        if role == "target"
        else "mend these rows, or write 0 for rows that should not count",
    )
