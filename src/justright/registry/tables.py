"""The table of a training as facts: which files, how large, and their hash, so that a change is seen."""

from __future__ import annotations

import glob
import hashlib
from pathlib import Path
from typing import Final

from justright.registry.record import Table

__all__ = ["TABLE", "files_of", "table_facts"]

TABLE: Final = "table.json"
"""The file of a run with the facts of the table that trained it."""

_PARQUET: Final = (".parquet", ".pq", ".parq")
_PIECE: Final = 1 << 20


def files_of(path: str) -> list[Path]:
    """Return the files that a path, a folder of Parquet files or a pattern stands for, sorted.

    Examples
    --------
    >>> files_of("/nowhere/at/all.csv")
    []
    """
    place = Path(path)
    if place.is_dir():
        found = (each for each in place.rglob("*") if each.suffix in _PARQUET and each.is_file())
        return sorted(each for each in found if not _hidden(each, place))
    if place.is_file():
        return [place]
    if not any(mark in path for mark in "*?["):
        return []
    matching = glob.glob(path, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    return sorted(Path(each) for each in matching if Path(each).is_file())


def table_facts(path: str, sql: str = "", *, trained: float | None = None) -> Table:
    """Return what is kept of a table: its absolute path, size and hash.

    Parameters
    ----------
    path : str
        A file, a folder of Parquet files or a pattern; relative to the current folder.
    sql : str, default ""
        The query over it.
    trained : float, optional
        When the training began, seconds since 1970: files that were written later are not the rows
        that it saw, which `note` then says.

    Notes
    -----
    Reads every byte: a second for one to two gigabytes.

    Examples
    --------
    >>> table_facts("/nowhere/at/all.csv").note
    'it was not there when the model was registered'
    """
    place = str(Path(path).absolute())
    try:
        files = files_of(place)
        if not files:
            return Table(place, sql, note="it was not there when the model was registered")
        late = trained is not None and max(each.stat().st_mtime for each in files) > trained
        size, digest = _hashed(files)
    except OSError as error:
        return Table(place, sql, note=f"it could not be read when the model was registered: {error.strerror}")
    return Table(place, sql, size, digest, "it was written anew after the training began" if late else "")


def _hashed(files: list[Path]) -> tuple[int, str]:
    """Return the bytes and the sha256 of files, one after the other; of several, that of their hashes."""
    size, digests = 0, []
    for each in files:
        digest = hashlib.sha256()
        with each.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                size += len(piece)
        digests.append(digest.hexdigest())
    if len(digests) == 1:
        return size, digests[0]
    return size, hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _hidden(path: Path, folder: Path) -> bool:
    """Say whether a file is set aside by its writer, as open_source sees it."""
    return any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts)
