"""Rows by a query: DuckDB over any source, Python's own sqlite3 over SQLite files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from justright.errors import MissingExtraError, StorageError, TableError
from justright.schema import BLOCK_ROWS
from justright.source.base import BadLine, Place, Source, check_names, check_request, slices
from justright.source.texts import text_array
from justright.values.scalar import NUMBER

__all__ = ["QuerySource", "SqliteSource", "query_source"]

_HEAD_ROWS: Final = 10_000
_SQLITE_ROWS: Final = min(BLOCK_ROWS, 16_384)
_LEADING: Final = r"^[+-]?0[0-9]"


def query_source(source: Source, sql: str) -> QuerySource:
    """Return the rows of a query over a source, in which it is the table `rows`.

    Parameters
    ----------
    source : Source
        The table to query.
    sql : str
        One SELECT in DuckDB's SQL.

    Returns
    -------
    QuerySource

    Raises
    ------
    TableError
        The query is wrong or gives no columns.
    MissingExtraError
        DuckDB is not installed.

    Examples
    --------
    >>> from justright.source import open_source
    >>> rows = query_source(open_source({"a": [1, 2, 3]}), "SELECT a * 10 AS b FROM rows WHERE a > 1")
    >>> [batch.to_pydict() for batch in rows.batches()]
    [{'b': [20, 30]}]
    """
    return QuerySource(source, sql)


class QuerySource:
    """The rows of a query over another source.

    Parameters
    ----------
    source : Source
        The table `rows`. Columns of text files are numbers in SQL where all of the first 10,000 rows
        are, without leading zeros; a later word in such a column is an error that names it.
    sql : str
        The query.

    Notes
    -----
    Rows stream through; what sorting, grouping and joins need is DuckDB's own memory. The order of rows
    is the query's; without ORDER BY it is that of the table.
    """

    problems: tuple[BadLine, ...] = ()
    n_problems: int = 0
    rows: int | None = None

    def __init__(self, source: Source, sql: str) -> None:
        self._source = source
        self._sql = sql.strip().rstrip(";")
        self._casts = _casts(source)
        self.names = check_names(self._reader(self._connect()).schema.names, "sql")

    @property
    def description(self) -> dict[str, Any]:
        """The source and the query."""
        return {"format": "query", "typed": True, "sql": self._sql, "source": self._source.description}

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Run the query from the start; see `Source.batches`."""
        wanted = check_request(columns, self.names, "sql")
        reader = self._reader(self._connect())
        batches = iter(reader)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise self._translated(error) from error
            if batch is None:
                return
            yield from slices(batch.select(wanted))

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name each row by its number in the result."""
        return tuple(Place("sql", row + 1, "row") for row in rows)

    def _connect(self) -> Any:
        """Open a database in memory whose table `rows` streams the source once."""
        try:
            import duckdb
        except ImportError as error:
            raise MissingExtraError(
                "sql, but DuckDB is not installed", next_step="pip install 'justright[train]'"
            ) from error
        connection = duckdb.connect()
        batches = self._source.batches()
        first = next(batches)
        stream = pa.RecordBatchReader.from_batches(first.schema, _chained(first, batches))
        connection.register("__stream", stream)
        columns = ", ".join(
            f"CAST({_quoted(name)} AS {self._casts[name]}) AS {_quoted(name)}"
            if name in self._casts
            else _quoted(name)
            for name in self._source.names
        )
        connection.execute(f"CREATE TEMP VIEW rows AS SELECT {columns} FROM __stream")  # noqa: S608 - names are quoted
        return connection

    def _reader(self, connection: Any) -> Any:
        """Start the query and return a reader of its batches."""
        import duckdb

        try:
            statements = connection.extract_statements(self._sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise TableError(f"sql={self._sql!r}", allowed="one SELECT over the table rows")
            relation = connection.sql(self._sql)
            read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
            return read(BLOCK_ROWS)
        except duckdb.Error as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> TableError:
        """Say in our words what DuckDB says."""
        first = str(error).strip().splitlines()[0]
        return TableError(
            f"sql={self._sql!r}: {first}",
            allowed=f"a SELECT over the table rows with the columns {', '.join(self._source.names[:12])}",
        )


class SqliteSource:
    """A table or a query of an SQLite file; every column as text, as values have types of their own.

    Parameters
    ----------
    path : Path
        The file, opened for reading only.
    sql : str
        A SELECT over the file's tables; empty = its only table.

    Raises
    ------
    TableError
        It is no SQLite file, has several tables and no query was given, or the query is wrong.
    """

    problems: tuple[BadLine, ...] = ()
    n_problems: int = 0
    rows: int | None = None

    def __init__(self, path: Path, sql: str) -> None:
        self._path = path
        self._sql = sql or self._only_table()
        with closing(self._connect()) as connection, closing(self._execute(connection)) as cursor:
            self.names = check_names([column[0] for column in cursor.description or ()], str(path))
            if cursor.fetchone() is None:
                raise TableError("a table without rows", where=str(path), allowed="at least one row")

    @property
    def description(self) -> dict[str, Any]:
        """The path and the query."""
        return {"format": "SQLite", "typed": False, "paths": [str(self._path)], "sql": self._sql}

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Run the query from the start; see `Source.batches`."""
        wanted = check_request(columns, self.names, str(self._path))
        places = [self.names.index(name) for name in wanted]
        with closing(self._connect()) as connection, closing(self._execute(connection)) as cursor:
            while rows := cursor.fetchmany(_SQLITE_ROWS):
                values = list(zip(*rows, strict=True))
                yield pa.RecordBatch.from_arrays([text_array(values[i]) for i in places], names=wanted)

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name each row by its number in the result."""
        return tuple(Place(str(self._path), row + 1, "row") for row in rows)

    def _connect(self) -> sqlite3.Connection:
        """Open the file for reading."""
        try:
            return sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise StorageError(
                f"{str(self._path)!r}: {error}", next_step="check the rights of the file"
            ) from error

    def _execute(self, connection: sqlite3.Connection) -> sqlite3.Cursor:
        """Start the query."""
        try:
            return connection.execute(self._sql)
        except sqlite3.Error as error:
            raise TableError(
                f"sql={self._sql!r}: {error}",
                where=str(self._path),
                allowed="one SELECT over the file's tables",
            ) from error

    def _only_table(self) -> str:
        """Return the query for all rows of the file's only table."""
        with closing(self._connect()) as connection:
            try:
                found = connection.execute(
                    "SELECT name FROM sqlite_master"
                    " WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
                ).fetchall()
            except sqlite3.Error as error:
                raise TableError(f"no SQLite file: {error}", where=str(self._path)) from error
        names = sorted(name for (name,) in found)
        if len(names) != 1:
            raise TableError(
                f"an SQLite file with {len(names)} tables",
                where=str(self._path),
                allowed=f"a query over one of: {', '.join(names)}" if names else "a file with a table",
                next_step=f"--sql 'SELECT * FROM {_quoted(names[0])}'" if names else "",
            )
        return f"SELECT * FROM {_quoted(names[0])}"  # noqa: S608 - the name is quoted


def _casts(source: Source) -> dict[str, str]:
    """Return the SQL type of each text column whose first rows are all numbers."""
    if source.description.get("typed", True):
        return {}
    batch = next(source.batches()).slice(0, _HEAD_ROWS)
    found = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        texts = column.drop_null()
        if not len(texts) or pc.any(pc.match_substring_regex(texts, _LEADING)).as_py():
            continue
        if _is_integer(texts):
            found[name] = "BIGINT"
        elif pc.all(pc.match_substring_regex(texts, NUMBER)).as_py():
            found[name] = "DOUBLE"
    return found


def _is_integer(texts: Any) -> bool:
    """Say whether every text is an integer of 64 bits."""
    if not pc.all(pc.match_substring_regex(texts, "^-?[0-9]+$")).as_py():
        return False
    try:
        pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        return False
    return True


def _chained(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield a batch that was looked at, then the others."""
    yield first
    yield from rest


def _quoted(name: str) -> str:
    """Write a name so that SQL takes it as one."""
    return '"' + name.replace('"', '""') + '"'
