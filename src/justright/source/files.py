"""Files by path: which form they have, and the columnar ones (Parquet, Arrow) as sources."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from justright.errors import StorageError, TableError
from justright.schema import BLOCK_ROWS
from justright.source.base import BadLine, Place, Source, check_names, check_request

__all__ = ["ParquetSource", "open_path"]

_COMPRESSED = {".gz", ".bz2", ".zst", ".zstd"}
_TEXT = {".csv", ".tsv", ".txt", ".tab", ".psv", ".dat", ".data"}
_LINES = {".jsonl", ".ndjson", ".json"}
_PARQUET = {".parquet", ".pq", ".parq"}
_ARROW = {".arrow", ".feather", ".ipc"}
_SQLITE = {".sqlite", ".sqlite3", ".db"}
_ALLOWED = (
    "CSV or other separated text (.csv .tsv .txt, also .gz .bz2 .zst), .parquet, .jsonl, .arrow, .sqlite"
)


def open_path(path: Path, sql: str) -> Source:
    """Open a file, a folder of Parquet files or a glob pattern.

    Parameters
    ----------
    path : Path
        What to open.
    sql : str
        A query over it; empty = all rows.

    Returns
    -------
    Source

    Raises
    ------
    StorageError
        It is not there or cannot be read.
    TableError
        It is not a table, or of an unknown form.
    """
    paths = _paths(path)
    forms = {_form(p) for p in paths}
    if len(forms) > 1:
        raise TableError(
            f"files of several forms: {', '.join(sorted(forms))}", where=str(path), allowed="one form"
        )
    form = forms.pop()
    if form == "sqlite":
        from justright.source.sql import SqliteSource

        return SqliteSource(paths[0], sql)
    source = _open_all(paths, form, str(path))
    if not sql:
        return source
    from justright.source.sql import query_source

    return query_source(source, sql)


def _open_all(paths: list[Path], form: str, where: str) -> Source:
    """Open the files of one form as one source."""
    if form == "parquet":
        return ParquetSource(paths)
    if len(paths) > 1:
        raise TableError(
            f"{len(paths)} {form} files",
            where=where,
            allowed="several files only of Parquet",
            next_step="join the files, or convert them to Parquet",
        )
    if form == "arrow":
        from justright.source.ipc import ArrowSource

        return ArrowSource(paths[0])
    if form == "json":
        from justright.source.jsonlines import JsonLinesSource

        return JsonLinesSource(paths[0])
    from justright.source.delimited import DelimitedSource

    return DelimitedSource(paths[0])


def _paths(path: Path) -> list[Path]:
    """Return the files that a path, folder or pattern stands for, sorted."""
    text = str(path)
    try:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix in _PARQUET and not _hidden(p, path))
            if found:
                return found
            raise TableError(
                f"the folder {text!r}", allowed="a folder of .parquet files", next_step="name one file in it"
            )
        if path.is_file():
            return [path]
        if any(mark in text for mark in "*?["):
            found = sorted(Path(name) for name in glob.glob(text, recursive=True) if Path(name).is_file())  # noqa: PTH207 - Path.glob takes no absolute pattern
            if found:
                return found
            raise StorageError(
                f"the pattern {text!r}, which no file matches", next_step="quote the pattern in the shell"
            )
        if path.exists():
            raise StorageError(f"{text!r}, which is neither a file nor a folder")
    except PermissionError as error:
        raise StorageError(f"{text!r}: {error.strerror}", next_step="check the rights of the file") from error
    raise StorageError(f"{text!r}, which does not exist", next_step=_likely(path))


def _hidden(path: Path, folder: Path) -> bool:
    """Say whether a file is set aside by its writer, as _SUCCESS and .tmp files are."""
    return any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)


def _likely(path: Path) -> str:
    """Suggest a file of the same folder whose name is close."""
    import difflib

    try:
        there = [p.name for p in path.parent.iterdir()]
    except OSError:
        return f"check the folder {str(path.parent)!r}"
    near = difflib.get_close_matches(path.name, there, n=1)
    return f"did you mean {str(path.parent / near[0])!r}?" if near else "check the path"


def _form(path: Path) -> str:
    """Return the form of a file by its name, and by its first bytes where the name says nothing."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    for names, form in (
        (_PARQUET, "parquet"),
        (_TEXT, "text"),
        (_LINES, "json"),
        (_ARROW, "arrow"),
        (_SQLITE, "sqlite"),
    ):
        if last in names:
            return form
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise StorageError(
            f"{str(path)!r}: {error.strerror}", next_step="check the rights of the file"
        ) from error
    for magic, form in ((b"PAR1", "parquet"), (b"ARROW1", "arrow"), (b"SQLite format 3", "sqlite")):
        if head.startswith(magic):
            return form
    raise TableError(f"a file with the ending {last!r}", where=str(path), allowed=_ALLOWED)


class ParquetSource:
    """One or more Parquet files with the same columns, read one after the other.

    Parameters
    ----------
    paths : list of Path
        In the order of reading.

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

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._counts: list[int] = []
        self._differences: list[str] = []
        schema: pa.Schema | None = None
        for path in paths:
            file = _open_parquet(path)
            self._counts.append(file.metadata.num_rows)
            schema = self._joined(schema, file.schema_arrow, path)
        assert schema is not None
        self._schema = schema
        self.names = check_names(schema.names, str(paths[0]))
        if not self.rows:
            raise TableError("a table without rows", where=str(paths[0]), allowed="at least one row")

    @property
    def rows(self) -> int:
        """Number of rows, from the footers."""
        return sum(self._counts)

    @property
    def description(self) -> dict[str, Any]:
        """The files and what differs between them."""
        found: dict[str, Any] = {"format": "Parquet", "typed": True, "paths": [str(p) for p in self._paths]}
        if self._differences:
            found["differences"] = list(self._differences)
        return found

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start; see `Source.batches`."""
        wanted = check_request(columns, self.names, str(self._paths[0]))
        schema = pa.schema([self._schema.field(name) for name in wanted])
        for path in self._paths:
            file = _open_parquet(path)
            try:
                for batch in file.iter_batches(batch_size=BLOCK_ROWS, columns=wanted):
                    batch = batch.select(wanted)
                    yield batch if batch.schema.equals(schema) else batch.cast(schema)
            except (pa.ArrowException, OSError) as error:
                raise TableError(f"a damaged Parquet file: {error}", where=str(path)) from error

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name each row by its file and its number in it."""
        return tuple(_place(row, self._paths, self._counts) for row in rows)

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
            type_ = other.field(field.name).type
            if type_ != field.type:
                try:
                    wide = pa.unify_schemas(
                        [pa.schema([(field.name, field.type)]), pa.schema([(field.name, type_)])],
                        promote_options="permissive",
                    ).field(0)
                except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                    raise TableError(
                        f"column {field.name!r} of type {type_}, which is {field.type} in {self._paths[0]}",
                        where=str(path),
                        allowed="one type in all files",
                    ) from error
                self._differences.append(
                    f"{path}: {field.name} is {type_}, not {field.type}; read as {wide.type}"
                )
                first = first.set(i, wide)
        return first


def _place(row: int, paths: list[Path], counts: list[int]) -> Place:
    """Return the file and number of a row counted over all files."""
    for path, count in zip(paths, counts, strict=True):
        if row < count:
            return Place(str(path), row + 1, "row")
        row -= count
    return Place(str(paths[-1]), counts[-1] + row + 1, "row")


def _open_parquet(path: Path) -> Any:
    """Open one Parquet file, with its faults in our words."""
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise TableError(
            f"not a Parquet file, or a cut one: {error}", where=str(path), next_step="write the file again"
        ) from error
    except OSError as error:
        raise StorageError(f"{str(path)!r}: {error}", next_step="check the rights of the file") from error
