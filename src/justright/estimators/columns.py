"""X as columns in their one meaning: a matrix is numbers, a data frame keeps what its types say.

A matrix has the columns x0, x1, ...: all numeric, none inferred, none dropped. In a data frame columns
of numbers and booleans stay numbers; the kinds of the others are inferred as `justright train` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError, RowError
from justright.features.plan import Canonical, canonical
from justright.schema import Column, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Table", "is_frame", "of_frame", "of_matrix", "read_frame"]


@dataclass(frozen=True)
class Table:
    """Rows in their one meaning.

    Parameters
    ----------
    columns : tuple of Column
        Those that feed the model.
    values : mapping of str to Canonical
        Their values by name.
    rows : int
        Number of rows.
    names : tuple of str or None
        Every column of the data frame, used or not; None for a matrix.
    aside : tuple of str
        Those that name rows and do not feed the model.
    matrix : float32 or float64 (rows, columns) or None
        The same values where they came as a matrix of numbers.
    """

    columns: tuple[Column, ...]
    values: Mapping[str, Canonical]
    rows: int
    names: tuple[str, ...] | None = None
    aside: tuple[str, ...] = ()
    matrix: npt.NDArray[np.float32] | FloatArray | None = None

    def take(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Table:
        """Return some rows, by a mask or by number; all of them without a copy."""
        if chosen.dtype == bool and chosen.all():
            return self
        if self.matrix is not None:
            return of_matrix(self.matrix[chosen])
        rows = int(chosen.sum()) if chosen.dtype == bool else len(chosen)
        values = {
            name: Canonical(
                None if value.numbers is None else value.numbers[chosen],
                None if value.codes is None else value.codes[chosen],
                value.texts,
                None,
            )
            for name, value in self.values.items()
        }
        return Table(self.columns, values, rows, self.names, self.aside)


def is_frame(table: Any) -> bool:
    """Say whether X is a data frame: pandas, polars, Arrow."""
    return hasattr(table, "__arrow_c_stream__") and hasattr(table, "columns")


def of_matrix(matrix: npt.NDArray[np.float32] | FloatArray) -> Table:
    """Return a matrix (rows, columns) as a table of numbers; its columns are x0, x1, ..."""
    values = _Columns(matrix)
    return Table(
        tuple(Column(name, "numeric", "number") for name in values), values, len(matrix), matrix=matrix
    )


class _Columns(Mapping[str, Canonical]):
    """The columns of a matrix; those of float32 are made float64 when they are asked for."""

    def __init__(self, matrix: npt.NDArray[np.float32] | FloatArray) -> None:
        self.matrix = matrix
        self.names = {f"x{place}": place for place in range(matrix.shape[1])}

    def __getitem__(self, name: str) -> Canonical:
        return Canonical(self.matrix[:, self.names[name]].astype(np.float64, copy=False), None, (), None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def of_frame(frame: Any, names: Sequence[str] | None) -> Table:
    """Return a data frame as a table, with the kinds of its columns inferred.

    Parameters
    ----------
    frame : data frame
        The rows.
    names : sequence of str or None
        Names of its columns; None = they are no texts: x0, x1, ... as in a matrix.

    Raises
    ------
    TableError
        Names that stand twice or are blank, no rows.
    RowError
        An infinite number.
    ColumnError
        No column can feed a model.
    """
    from justright.kinds import infer_schema
    from justright.source import open_source

    arrow = _arrow(frame)
    arrow = arrow.rename_columns(
        list(names) if names is not None else [f"x{i}" for i in range(arrow.num_columns)]
    )
    numbers = [name for name in arrow.column_names if _is_number(arrow.schema.field(name).type)]
    others = [name for name in arrow.column_names if name not in set(numbers)]
    columns = {name: Column(name, "numeric", "number", "a column of numbers") for name in numbers}
    if others:
        import pyarrow as pa

        stated = {n: "categorical" for n in others if pa.types.is_dictionary(arrow.schema.field(n).type)}
        schema, _ = infer_schema(open_source(arrow.select(others)), kinds=stated)
        columns |= {column.name: column for column in schema.columns}
    kept = tuple(columns[n] for n in arrow.column_names if columns[n].kind not in ("identifier", "constant"))
    if not kept:
        raise ColumnError(
            "a data frame whose columns all name rows or never change",
            allowed="at least one column of numbers or of categories",
        )
    aside = tuple(n for n in arrow.column_names if columns[n].kind == "identifier")
    return Table(kept, _values(arrow, kept), arrow.num_rows, tuple(arrow.column_names), aside)


def read_frame(frame: Any, columns: Sequence[Column], names: Sequence[str]) -> Table:
    """Return the known columns of a data frame or 2-D array, all of whose columns are `names` in order.

    Raises
    ------
    RowError
        A value that its column cannot hold.
    """
    arrow = _arrow(frame).rename_columns(list(names))
    return Table(tuple(columns), _values(arrow, columns), arrow.num_rows)


def _arrow(frame: Any) -> pa.Table:
    """Return a table in memory as Arrow."""
    import pyarrow as pa

    from justright.source import open_source

    return pa.Table.from_batches(list(open_source(frame).batches()))


def _is_number(kind: pa.DataType) -> bool:
    """Say whether an Arrow type holds numbers; true and false are 1 and 0."""
    import pyarrow as pa

    known = pa.types
    return bool(
        known.is_integer(kind) or known.is_floating(kind) or known.is_decimal(kind) or known.is_boolean(kind)
    )


def _values(arrow: pa.Table, columns: Sequence[Column]) -> dict[str, Canonical]:
    """Return the canonical values of some columns, after a look for what they cannot hold."""
    found = {}
    for column in columns:
        value = canonical(arrow.column(column.name).combine_chunks(), column)
        if value.unreadable is not None and value.unreadable.any():
            row = int(np.flatnonzero(value.unreadable)[0])
            received = arrow.column(column.name)[row].as_py()
            allowed = "a finite number" if column.kind == "numeric" else f"a {column.form}"
            raise RowError(f"{column.name}={received!r}", allowed=allowed, where=f"row {row} of X, from 0")
        found[column.name] = value
    return found
