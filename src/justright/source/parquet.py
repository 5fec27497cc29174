"""Parquet: one file or many with the same columns, the names of their folders included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa

from justright.errors import StorageError, TableError
from justright.schema import BLOCK_ROWS
from justright.source.base import BadLine, Place, check_names, check_request

__all__ = ["ParquetSource"]

# What Hive, and those who write as it does, call the folder of missing values.
_NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"


class ParquetSource:
    """One or more Parquet files with the same columns, read one after the other.

    Parameters
    ----------
    paths : list of Path
        In the order of reading.
    root : Path or None, default None
        The folder below which folders named `key=value` give a column each; None = they give none.

    Raises
    ------
    TableError
        A file is no Parquet file, has no rows, or its columns differ from those of the first file.

    Notes
    -----
    Memory is that of one batch and the pages it comes from. The order of columns may differ from file
    to file; a number of another width is widened and listed under `differences`.
    """

    problems: tuple[BadLine, ...] = ()
    n_problems: int = 0

    def __init__(self, paths: list[Path], root: Path | None = None) -> None:
        self._paths = paths
        self._counts: list[int] = []
        self._differences: list[str] = []
        schema: pa.Schema | None = None
        for path in paths:
            file = _open(path)
            self._counts.append(file.metadata.num_rows)
            schema = self._joined(schema, file.schema_arrow, path)
        assert schema is not None
        self._schema = schema
        self._folders = _folder_columns(paths, root, schema.names) if root is not None else {}
        self.names = check_names([*schema.names, *self._folders], str(paths[0]))
        if not self.rows:
            raise TableError("a table without rows", where=str(paths[0]), allowed="at least one row")

    @property
    def rows(self) -> int:
        """Number of rows, from the footers."""
        return sum(self._counts)

    @property
    def description(self) -> dict[str, Any]:
        """The files, the columns that folders give, and what differs between files."""
        found: dict[str, Any] = {"format": "Parquet", "typed": True, "paths": [str(p) for p in self._paths]}
        if self._folders:
            found["folders"] = list(self._folders)
        if self._differences:
            found["differences"] = list(self._differences)
        return found

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start; see `Source.batches`."""
        wanted = check_request(columns, self.names, str(self._paths[0]))
        stored = [name for name in wanted if name not in self._folders] or self._schema.names[:1]
        for number, path in enumerate(self._paths):
            try:
                file = _open(path, [name for name in stored if self._text(name)])
                for batch in _even(file.iter_batches(batch_size=BLOCK_ROWS, columns=stored)):
                    arrays = [
                        pa.repeat(self._folders[name][number], batch.num_rows)
                        if name in self._folders
                        else _encoded(batch.column(name))
                        if self._text(name)
                        else batch.column(name).cast(self._schema.field(name).type)
                        for name in wanted
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, names=wanted)
            except (pa.ArrowException, OSError) as error:
                raise TableError(f"a damaged Parquet file: {error}", where=str(path)) from error

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name each row by its file and its number in it."""
        return tuple(_place(row, self._paths, self._counts) for row in rows)

    def _text(self, name: str) -> bool:
        """Say whether a column is text: it stays encoded as the file holds it, at a third of the cost."""
        return bool(self._schema.field(name).type == pa.string())

    def _joined(self, first: pa.Schema | None, other: pa.Schema, path: Path) -> pa.Schema:
        """Return the schema that holds both; record what differs."""
        other = other.remove_metadata()
        if first is None:
            return other
        if set(first.names) != set(other.names):
            lacks = sorted(set(first.names) - set(other.names))
            more = sorted(set(other.names) - set(first.names))
            raise TableError(
                f"columns that differ from {self._paths[0]}: missing {lacks}, more {more}",
                where=str(path),
                allowed="the same columns in each file",
            )
        for i, field in enumerate(first):
            found = other.field(field.name).type
            if found != field.type:
                wide = self._widened(field, found, path)
                self._differences.append(f"{path}: {field.name} is {found}, not {field.type}; read as {wide}")
                first = first.set(i, pa.field(field.name, wide))
        return first

    def _widened(self, field: Any, found: pa.DataType, path: Path) -> pa.DataType:
        """Return the type that holds the values of both files."""
        try:
            both = [pa.schema([(field.name, type_)]) for type_ in (field.type, found)]
            wide: pa.DataType = pa.unify_schemas(both, promote_options="permissive").field(0).type
            return wide
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise TableError(
                f"column {field.name!r} of type {found}, which is {field.type} in {self._paths[0]}",
                where=str(path),
                allowed="one type in all files",
            ) from error


def _even(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut the rows of a file into batches of `BLOCK_ROWS`, the last one apart, as any other source has them.

    Arrow ends a batch of encoded text with its row group. Sums by batch, and with them the last bits of
    a model, must not depend on how a file was written.
    """
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        while rows + batch.num_rows >= BLOCK_ROWS:
            taken = BLOCK_ROWS - rows
            yield _joined([*waiting, batch.slice(0, taken)])
            batch, waiting, rows = batch.slice(taken), [], 0
        if batch.num_rows:
            waiting.append(batch)
            rows += batch.num_rows
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return parts of a file as one batch."""
    if len(parts) == 1:
        return parts[0]
    arrays = [_together([part.column(i) for part in parts]) for i in range(parts[0].num_columns)]
    return pa.RecordBatch.from_arrays(arrays, names=parts[0].schema.names)


def _encoded(array: Any) -> Any:
    """Return text encoded; a file without any value of a column holds it as nulls."""
    return array if pa.types.is_dictionary(array.type) else array.cast(pa.string()).dictionary_encode()


def _together(arrays: list[Any]) -> Any:
    """Return arrays as one; text is encoded anew, since the dictionaries of whole row groups may be large."""
    if not pa.types.is_dictionary(arrays[0].type):
        return pa.concat_arrays(arrays)
    return pa.concat_arrays([array.dictionary_decode() for array in arrays]).dictionary_encode()


def _folder_columns(paths: list[Path], root: Path, stored: list[str]) -> dict[str, Any]:
    """Return the columns that folders named key=value give: an array with one value a file."""
    found = []
    for path in paths:
        parts = [part.partition("=") for part in path.relative_to(root).parts[:-1] if "=" in part]
        found.append({key: None if value == _NO_VALUE else unquote(value) for key, _, value in parts})
        if found[-1].keys() != found[0].keys():
            raise TableError(
                f"folders that name {sorted(found[-1])}, where {paths[0]} has {sorted(found[0])}",
                where=str(path),
                allowed="folders with the same keys for each file",
            )
    columns: dict[str, Any] = {}
    for key in found[0]:
        texts = [row[key] for row in found]
        whole = all(text is None or (text.isdecimal() and str(int(text)) == text) for text in texts)
        if key not in stored:
            columns[key] = pa.array([int(t) if whole and t is not None else t for t in texts])
    return columns


def _place(row: int, paths: list[Path], counts: list[int]) -> Place:
    """Return the file and number of a row counted over all files."""
    for path, count in zip(paths, counts, strict=True):
        if row < count:
            return Place(str(path), row + 1, "row")
        row -= count
    return Place(str(paths[-1]), counts[-1] + row + 1, "row")


def _open(path: Path, encoded: Sequence[str] = ()) -> Any:
    """Open one Parquet file, with its faults in our words; some columns stay dictionary-encoded."""
    import pyarrow.parquet as pq

    try:
        # Read ahead, Arrow keeps all that it has read of a file until its end: 3 GB of 30 million rows.
        return pq.ParquetFile(path, read_dictionary=list(encoded), pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise TableError(
            f"not a Parquet file, or a cut one: {error}", where=str(path), next_step="write the file again"
        ) from error
    except OSError as error:
        raise StorageError(f"{str(path)!r}: {error}", next_step="check the rights of the file") from error
