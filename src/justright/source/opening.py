"""Open a table of any supported form: the one door to all sources."""

from __future__ import annotations

import os
from pathlib import Path

from justright.source.base import Source

__all__ = ["open_source"]


def open_source(table: object, *, sql: str = "") -> Source:
    """Open a table of any supported form as a stream of Arrow batches.

    Parameters
    ----------
    table : path or table in memory
        A path (str or Path): CSV, TSV or other separated text, also `.gz`, `.bz2`, `.zst`; a Parquet
        file, a folder of them or a glob pattern; JSON lines; Arrow or Feather; an SQLite file.
        Or a pandas or polars data frame, a pyarrow Table, RecordBatch or reader, anything with
        `__arrow_c_stream__`, a numpy array (2-D or structured), a dict of columns, a list of dict rows.
        A Source is returned as it is.
    sql : str, default ""
        A query over the file, in which the file is the table `rows`; empty = all rows. In an SQLite
        file the query names the file's own tables.

    Returns
    -------
    Source
        Nothing but the head of a file has been read.

    Raises
    ------
    TableError
        It is not a table: empty, header only, without header, columns without name or with the same
        name, an unknown form.
    StorageError
        The file is not there or cannot be read.

    Examples
    --------
    >>> source = open_source({"size": [1.5, 2.0], "price": [10, 12]})
    >>> source.names, source.rows
    (('size', 'price'), 2)
    >>> sum(batch.num_rows for batch in source.batches(["price"]))
    2
    """
    if isinstance(table, str | os.PathLike):
        from justright.source.files import open_path

        return open_path(Path(table), sql)
    if isinstance(table, Source):
        source: Source = table
    else:
        from justright.source.memory import open_memory

        source = open_memory(table)
    if not sql:
        return source
    from justright.source.sql import query_source

    return query_source(source, sql)
