"""Writing that is whole or not at all: a lock, a file replaced, a line added, a folder at once."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from justright.errors import StorageError

__all__ = ["add_line", "clear_left", "copy_folder", "held", "publish", "replace_file", "translated"]


@contextmanager
def translated(doing: str, where: Path) -> Iterator[None]:
    """Turn what the system says of files into a StorageError with a next step.

    Examples
    --------
    >>> with translated("register a model", Path("models")):
    ...     pass
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"{error.strerror or error} while trying to {doing}",
            where=str(where),
            allowed="a folder that can be written, on a disk with room",
            next_step="free some space, check the rights, or name another --registry",
        ) from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made where it is not there; waits for another process.

    The system lets go of it when the process ends, however it ends.
    """
    with translated("hold the lock of the registry", folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        with translated("hold the lock of the registry", folder):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside, flush it and rename it: a reader sees the old one or the new one."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write(beside, data)
        beside.replace(path)
        _sync(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def add_line(path: Path, line: bytes) -> None:
    """Add a line to a file and flush it; what a killed process left of a line goes first."""
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def copy_folder(source: Path, names: Sequence[str], extra: dict[str, bytes], beside: Path) -> None:
    """Copy files into a new hidden folder and flush them; the caller checks it and renames it."""
    beside.mkdir()
    for name in names:
        with (source / name).open("rb") as file, (beside / name).open("xb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
    for name, data in extra.items():
        _write(beside / name, data)
    _sync(beside)


def publish(beside: Path, target: Path) -> None:
    """Give a hidden folder its name: from now on it is there, as a whole."""
    beside.rename(target)
    _sync(target.parent)


def clear_left(folder: Path, pattern: str) -> None:
    """Remove what killed processes left half written, of one form of name; the caller holds the lock."""
    for each in folder.glob(pattern):
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    """Write and flush a new file."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Flush the entries of a folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
