"""Where the files of a log lie, and the journal that one worker writes.

    LOG/rows/MODEL/WRITER-000001.journal         rows, as they were answered
    LOG/rows/MODEL/part-WRITER-000001.parquet    the same, once the journal is closed
    LOG/labels/labels.journal                    labels that arrived later
    LOG/.lock                                    held by whoever makes parts

A writer holds a lock on its journal: the system releases it when the process ends, however it ends. So a
journal without a lock is closed, and nobody has to say so.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from justright.errors import StorageError
from justright.prediction_log.frames import HEADER_BYTES, new_header, seed_of

__all__ = [
    "Journal",
    "journals_of",
    "labels_folder",
    "model_folder",
    "model_names",
    "only_one",
    "part_of",
    "parts_in",
    "storage_trouble",
    "writer_name",
]

_JOURNAL: Final = ".journal"


def model_folder(log: Path, name: str) -> Path:
    """Return the folder of the rows of a model.

    Examples
    --------
    >>> model_folder(Path("log"), "churn/eu").name
    'churn%2Feu'
    """
    safe = quote(name, safe="")
    return log / "rows" / (safe.replace(".", "%2E") if not safe.strip(".") else safe)


def labels_folder(log: Path) -> Path:
    """Return the folder of the labels."""
    return log / "labels"


def model_names(log: Path) -> tuple[str, ...]:
    """Return the models that have rows in a log, in the order of their names."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return tuple(sorted(unquote(path.name) for path in (log / "rows").iterdir() if path.is_dir()))
    return ()


def journals_of(folder: Path) -> list[Path]:
    """Return the journals in a folder, oldest first."""
    return sorted(folder.glob(f"*{_JOURNAL}"))


def parts_in(folder: Path) -> list[Path]:
    """Return the Parquet parts in a folder, oldest first."""
    return sorted(folder.glob("part-*.parquet"))


def part_of(journal: Path) -> Path:
    """Return where the part of a journal stands.

    Examples
    --------
    >>> part_of(Path("a-000001.journal")).name
    'part-a-000001.parquet'
    """
    return journal.with_name(f"part-{journal.stem}.parquet")


def writer_name() -> str:
    """Return a name that no other writer has, and that sorts by the time it was made."""
    return f"{time.time_ns() // 1_000_000:012x}-{secrets.token_hex(3)}"


class Journal:
    """A file that only grows, held by this process.

    Parameters
    ----------
    folder : Path
        Where it is made; the folder is made with it.
    writer : str
        Name of the worker.
    number : int
        Journals of a worker count from 1.

    Attributes
    ----------
    size : int
        Bytes that are on disk for certain.
    seed : int
        Where its checksums start.
    broken : bool
        A write failed and could not be taken back: what stands after `size` is not known.

    Raises
    ------
    OSError
        It cannot be made.
    """

    def __init__(self, folder: Path, writer: str, number: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{writer}-{number:06d}{_JOURNAL}"
        # Locked before it has its name: nobody meets a journal that is neither locked nor closed.
        hidden = folder / f".{self.path.name}.{secrets.token_hex(4)}"
        self._handle = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            header = new_header()
            _write(self._handle, header)
            os.fdatasync(self._handle)
            hidden.rename(self.path)
            sync_folder(folder)
            sync_folder(folder.parent)  # which has the name of this folder since the first journal
        except OSError:
            os.close(self._handle)
            hidden.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            raise
        self.seed = seed_of(header) or 0
        self.size = HEADER_BYTES
        self.broken = False

    @property
    def has_name(self) -> bool:
        """The file is still in a folder."""
        return os.fstat(self._handle).st_nlink > 0

    def append(self, frames: bytes) -> None:
        """Write frames and force them to disk.

        Raises
        ------
        OSError
            They are not in the file, what was there before is; unless the file is `broken` now.
        """
        try:
            _write(self._handle, frames)
            os.fdatasync(self._handle)
        except OSError:
            self.broken = True
            os.ftruncate(self._handle, self.size)
            os.lseek(self._handle, self.size, os.SEEK_SET)
            self.broken = False
            raise
        self.size += len(frames)

    def close(self) -> None:
        """Let go of the file: from now on it is closed."""
        # All that counts was forced to disk: closing has nothing more to say.
        with suppress(OSError):
            os.close(self._handle)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_closed(journal: Path) -> bool:
    """Say whether no process writes a journal any more."""
    try:
        handle = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def only_one(log: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of those who make parts and remove files; False = another has it, and `wait` is off."""
    try:
        handle = os.open(log / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise storage_trouble(log, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        yield False
        return
    try:
        yield True
    finally:
        os.close(handle)


def storage_trouble(place: Path, error: OSError) -> StorageError:
    """Return the file system's refusal in our words."""
    return StorageError(
        f"prediction log {str(place)!r}: {error.strerror or error}",
        allowed="a folder that can be read and written",
        next_step="check its rights and the room on the disk",
    )


def _write(handle: int, data: bytes) -> None:
    """Write all bytes: the system may take a part of them at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
