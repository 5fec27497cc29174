"""The role of a source of rows: a stream that can be read again.

Each call of `batches` starts from the first row and holds
one batch at a time. Text formats deliver text (`description["typed"]` is False): what a text means is
decided by the schema, in `justright.values`, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from justright.errors import TableError
from justright.schema import BLOCK_ROWS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BadLine", "Place", "Source", "check_names", "check_request", "slices"]


class BadLine(msgspec.Struct, frozen=True):
    """A line of a file that is no row of the table and was skipped.

    Parameters
    ----------
    file : str
        Path as it was given.
    line : int
        Its number in the file, counted from 1.
    reason : str
        One clause, for example "3 fields where the header has 5".
    text : str
        The start of the line.
    """

    file: str
    line: int
    reason: str
    text: str = ""


class Place(NamedTuple):
    """Where a row of the stream stands: for messages.

    Parameters
    ----------
    file : str
        Path as it was given; empty for a table in memory.
    number : int
        Counted from 1: the line of a text file, the row of a file without lines or of a table.
    unit : {"line", "row"}
        What `number` counts.

    Examples
    --------
    >>> str(Place("sales.csv", 12, "line"))
    'sales.csv line 12'
    """

    file: str
    number: int
    unit: str

    def __str__(self) -> str:
        return f"{self.file} {self.unit} {self.number}".strip()


@runtime_checkable
class Source(Protocol):
    """A table as a stream of Arrow batches that can be read again from the start."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order, distinct, none blank."""
        ...

    @property
    def rows(self) -> int | None:
        """Number of rows, None where only reading can tell."""
        ...

    @property
    def description(self) -> dict[str, Any]:
        """What was opened and what was found by itself, JSON values only.

        `format` and `typed` (False: every value is text) are always there.
        """
        ...

    @property
    def problems(self) -> tuple[BadLine, ...]:
        """Lines skipped in the last full pass, at most 1,000 of them."""
        ...

    @property
    def n_problems(self) -> int:
        """How many lines were skipped in the last full pass."""
        ...

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start, at most `BLOCK_ROWS` a batch, in the order of the table.

        `columns` names the columns wanted, in the order wanted; None = all.
        """
        ...

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name the place of each row (counted from 0) that the latest pass has reached.

        A text file is read once more for it, up to the last of the rows.
        """
        ...


def check_names(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the names of a table's columns after checking that they can be told apart.

    Parameters
    ----------
    names : sequence of str
        As read.
    where : str
        The file or form of the table, for the message.

    Returns
    -------
    tuple of str
        The same names.

    Raises
    ------
    TableError
        There is no column, or a name is blank or stands twice.

    Examples
    --------
    >>> check_names(["a", "b"], "t.csv")
    ('a', 'b')
    """
    if not names:
        raise TableError("a table without columns", where=where, allowed="at least one named column")
    blank = [i for i, name in enumerate(names, 1) if not name.strip()]
    if blank:
        raise TableError(
            f"a blank name for column {blank[0]} of {len(names)}",
            where=where,
            allowed="a name for each column",
            next_step="name the column; a row index is left out with pandas' to_csv(index=False)",
        )
    twice = (
        next((name for i, name in enumerate(names) if name in names[:i]), None)
        if len(set(names)) < len(names)
        else None
    )
    if twice is not None:
        raise TableError(
            f"the column name {twice!r} twice",
            where=where,
            allowed="distinct names",
            next_step=f"rename one of the columns {twice!r}",
        )
    return tuple(names)


def check_request(columns: Sequence[str] | None, names: Sequence[str], where: str) -> list[str]:
    """Return the columns to read: those asked for, or all.

    Parameters
    ----------
    columns : sequence of str or None
        The names asked for.
    names : sequence of str
        The names there are.
    where : str
        The file or form of the table, for the message.

    Returns
    -------
    list of str
        In the order asked for.

    Raises
    ------
    ColumnError
        A column asked for is not in the table.

    Examples
    --------
    >>> check_request(None, ["a", "b"], "t.csv")
    ['a', 'b']
    """
    if columns is None:
        return list(names)
    from justright.errors import ColumnError, closest

    for name in columns:
        if name not in names:
            raise ColumnError(f"column={name!r}", where=where, allowed=closest(name, names))
    return list(columns)


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into batches of at most `BLOCK_ROWS` rows, without a copy; empty ones are left out.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Of any length.

    Yields
    ------
    pyarrow.RecordBatch

    Examples
    --------
    >>> import pyarrow as pa
    >>> [b.num_rows for b in slices(pa.record_batch({"a": range(70_000)}))]
    [65536, 4464]
    """
    for start in range(0, batch.num_rows, BLOCK_ROWS):
        yield batch.slice(start, BLOCK_ROWS)
