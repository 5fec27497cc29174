"""Files by path: which form each has, and the source that reads it."""

from __future__ import annotations

import glob
import itertools
from pathlib import Path

from justright.errors import StorageError, TableError
from justright.source.base import Source

__all__ = ["open_path"]

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
        from justright.source.parquet import ParquetSource

        return ParquetSource(paths, _root(Path(where)))
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


def _root(path: Path) -> Path:
    """Return the folder below which the names of folders belong to the table."""
    if path.is_dir():
        return path
    plain = Path(*itertools.takewhile(lambda part: not any(mark in part for mark in "*?["), path.parts))
    return path.parent if path.is_file() else plain


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
