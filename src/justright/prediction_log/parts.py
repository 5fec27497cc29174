"""Closed journals into Parquet parts, and old parts away: in a process of its own, or before reading.

A part is written beside, renamed, and only then its journal goes; where both are there, the part counts. So
whatever moment this ends at, every row is there once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from justright.errors import StorageError
from justright.prediction_log.entries import Entry
from justright.prediction_log.frames import read_frames
from justright.prediction_log.segments import (
    is_closed,
    journals_of,
    labels_folder,
    model_folder,
    model_names,
    only_one,
    part_of,
    parts_in,
    storage_trouble,
    sync_folder,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["entries_of", "make_parts", "retire", "tidy"]

_DECODER: Final = msgspec.msgpack.Decoder(Entry)
_DAY: Final = 86_400.0
_MAKING_SECONDS: Final = 60.0


def tidy(log: str | Path, keep_days: float | None = None, keep_bytes: float | None = None) -> int:
    """Make parts of closed journals, then remove parts that are too old or too many.

    Parameters
    ----------
    log : str or Path
        Folder of the log.
    keep_days : float, optional
        Parts whose last row is older are removed.
    keep_bytes : float, optional
        The oldest parts of a model are removed until the others have at most so many bytes.

    Returns
    -------
    int
        Parts that were made; 0 when another process is at it.

    Raises
    ------
    StorageError
        The folder cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> tidy(tempfile.mkdtemp())
    0
    """
    folder = Path(log)
    with only_one(folder, wait=False) as mine:
        if not mine:
            return 0
        try:
            made = _make(folder)
            if keep_days is not None or keep_bytes is not None:
                retire(folder, keep_days, keep_bytes, time.time())
        except OSError as error:
            raise error if isinstance(error, StorageError) else storage_trouble(folder, error) from error
    return made


def make_parts(log: str | Path) -> int:
    """Make parts of closed journals; returns how many. Waits for another process that is at it.

    Raises
    ------
    StorageError
        The folder cannot be read or written.
    """
    folder = Path(log)
    with only_one(folder):
        try:
            return _make(folder)
        except OSError as error:
            raise error if isinstance(error, StorageError) else storage_trouble(folder, error) from error


def retire(log: Path, keep_days: float | None, keep_bytes: float | None, now: float) -> list[Path]:
    """Remove the oldest parts of each model, and labels as old; returns what went. `now`: seconds since 1970.

    The age of a part is that of its file: it was made when its journal was closed.
    """
    gone = []
    for path in labels_folder(log).glob("labels-*.journal"):
        if keep_days is not None and now - path.stat().st_mtime > keep_days * _DAY:
            path.unlink(missing_ok=True)
            gone.append(path)
    for name in model_names(log):
        parts = [(path, path.stat()) for path in parts_in(model_folder(log, name))]
        total = sum(found.st_size for _, found in parts)
        for path, found in parts:
            old = keep_days is not None and now - found.st_mtime > keep_days * _DAY
            if not old and (keep_bytes is None or total <= keep_bytes):
                continue
            path.unlink(missing_ok=True)
            total -= found.st_size
            gone.append(path)
    return gone


def entries_of(journal: Path) -> tuple[list[Entry], int]:
    """Return the whole entries of a journal, and how many places in it are damaged.

    Raises
    ------
    FileNotFoundError
        It has become a part meanwhile.
    """
    found = read_frames(journal.read_bytes())
    entries, damaged = [], found.damaged
    for record in found.records:
        try:
            entries.append(_DECODER.decode(record))
        except (msgspec.DecodeError, UnicodeDecodeError):
            damaged += 1
    return entries, damaged


def _make(log: Path) -> int:
    """Make the parts; the caller holds the lock."""
    return sum(_part(journal) for journal in _closed(log))


def _closed(log: Path) -> Iterator[Path]:
    """Give the journals that nobody writes any more; sweeps away what a killed process left half-made."""
    for name in model_names(log):
        folder = model_folder(log, name)
        for rest in folder.glob(".*"):
            if rest.name.startswith(".part-") or _forgotten(rest):
                rest.unlink(missing_ok=True)
        for journal in journals_of(folder):
            if is_closed(journal):
                yield journal


def _forgotten(path: Path) -> bool:
    """Say whether a journal without a name of its own was left by a process killed as it made it."""
    try:
        return time.time() - path.stat().st_mtime > _MAKING_SECONDS and is_closed(path)
    except FileNotFoundError:
        return False


def _part(journal: Path) -> bool:
    """Make the part of one journal; False when there was one, or there are no rows."""
    from justright.prediction_log.tables import table_of

    part = part_of(journal)
    made = False
    if not part.exists():
        entries, damaged = entries_of(journal)
        if entries:
            table = table_of(entries)
            about = {**(table.schema.metadata or {}), b"damaged": str(damaged).encode()}
            _write(table.replace_schema_metadata(about), part)
            made = True
    journal.unlink(missing_ok=True)
    return made


def _write(table: pa.Table, part: Path) -> None:
    """Write a part beside, force it to disk, give it its name."""
    import pyarrow.parquet as pq

    hidden = part.with_name(f".{part.name}")
    try:
        pq.write_table(table, hidden, compression="zstd")
        with hidden.open("rb+") as file:
            os.fsync(file.fileno())
        hidden.rename(part)
    except BaseException:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        raise
    sync_folder(part.parent)
