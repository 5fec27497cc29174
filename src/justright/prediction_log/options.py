"""What is logged, how much of it may wait, and how long it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from justright.errors import RecipeError, StorageError, closest

__all__ = ["LogOptions", "options_from", "read_key"]

_KEY_BYTES: Final = 16


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Choices of a prediction log.

    Parameters
    ----------
    share : float, default 1
        Share of the rows that is logged, above 0 and at most 1. A row is chosen by the hash of its id:
        the same ids give the same sample in every worker and at every time.
    leave_out : tuple of str, default ()
        Input columns that are never written.
    hashed : tuple of str, default ()
        Input columns of which a keyed hash is written in place of each value: equal values stay equal.
    key : bytes, default b""
        Key of these hashes, 16 to 64 bytes; see `read_key`.
    sync_seconds : float, default 0.2
        Rows are gathered so long, then written and forced to disk together.
    segment_bytes : int, default 16 MiB
        A journal of this size is closed, and turned into a Parquet part.
    segment_seconds : float, default 600
        So is a journal of this age.
    queue_rows : int, default 50,000
        Most rows that wait to be encoded.
    queue_bytes : int, default 64 MiB
        Most encoded bytes that wait for the disk; rows beyond are dropped and counted.
    keep_days : float or None, default None
        Parts older than this are removed; None = kept.
    keep_bytes : int or None, default None
        The oldest parts of a model are removed until the others have at most so many bytes; None = kept.
    make_parts : bool, default True
        Turn closed journals into Parquet parts in another process; else it is done on reading.

    Raises
    ------
    RecipeError
        From `checked`, when a value is out of range or `hashed` comes without a key.

    Examples
    --------
    >>> LogOptions(share=0.1, leave_out=("name",)).checked().share
    0.1
    """

    share: float = 1.0
    leave_out: tuple[str, ...] = ()
    hashed: tuple[str, ...] = ()
    key: bytes = b""
    sync_seconds: float = 0.2
    segment_bytes: int = 16 << 20
    segment_seconds: float = 600.0
    queue_rows: int = 50_000
    queue_bytes: int = 64 << 20
    keep_days: float | None = None
    keep_bytes: int | None = None
    make_parts: bool = True

    def checked(self) -> LogOptions:
        """Return the options after checking their ranges."""
        if not 0 < self.share <= 1:
            raise RecipeError(f"share={self.share}", allowed="above 0 and at most 1")
        for name in ("sync_seconds", "segment_bytes", "segment_seconds", "queue_rows", "queue_bytes"):
            if not getattr(self, name) > 0:
                raise RecipeError(f"{name}={getattr(self, name)}", allowed="above 0")
        for name in ("keep_days", "keep_bytes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RecipeError(f"{name}={value}", allowed="above 0, or nothing to keep all")
        if self.hashed and not _KEY_BYTES <= len(self.key) <= 64:
            raise RecipeError(
                f"a key of {len(self.key)} bytes for hashed columns", allowed=f"{_KEY_BYTES} to 64 bytes"
            )
        return self


def options_from(choices: Iterable[str]) -> LogOptions:
    """Return options from `KEY=VALUE` texts, as a command line has them.

    Parameters
    ----------
    choices : iterable of str
        Keys are those of `LogOptions`, and `key_file` in place of `key`. `leave_out` and `hashed` name one
        column each time and may come several times; of the others the last counts.

    Raises
    ------
    RecipeError
        An unknown key, a value that is none, or one out of range.
    StorageError
        The key file cannot be read.

    Examples
    --------
    >>> found = options_from(["share=0.1", "leave_out=name", "leave_out=street", "keep_days=30"])
    >>> found.share, found.leave_out, found.keep_days
    (0.1, ('name', 'street'), 30.0)
    """
    given: dict[str, Any] = {}
    known = (*(name for name in LogOptions.__struct_fields__ if name != "key"), "key_file")
    for choice in choices:
        name, equal, value = choice.partition("=")
        if not equal or name not in known:
            raise RecipeError(f"{choice!r:.60}", allowed=f"KEY=VALUE, KEY {closest(name, known, 20)}")
        if name == "key_file":
            given["key"] = read_key(value)
        elif name in ("leave_out", "hashed"):
            given[name] = (*given.get(name, ()), value)
        else:
            given[name] = value
    key = given.pop("key", b"")
    try:
        found = msgspec.convert(given, LogOptions, strict=False)
    except msgspec.ValidationError as error:
        raise RecipeError(f"an option of the log that does not fit: {error}") from error
    return msgspec.structs.replace(found, key=key).checked()


def read_key(path: str | Path) -> bytes:
    """Return the key of hashed columns from a file, at most its first 64 bytes.

    Raises
    ------
    StorageError
        The file cannot be read.
    RecipeError
        It holds less than 16 bytes.

    Examples
    --------
    >>> read_key("/nowhere/key")
    Traceback (most recent call last):
    ...
    justright.errors.StorageError: received key file '/nowhere/key': No such file or directory. Next: ...
    """
    make = f"head -c 32 /dev/urandom > {path}"
    try:
        with Path(path).open("rb") as file:
            key = file.read(64)
    except OSError as error:
        raise StorageError(f"key file {str(path)!r}: {error.strerror}", next_step=make) from error
    if len(key) < _KEY_BYTES:
        received = f"a key of {len(key)} bytes in {str(path)!r}"
        raise RecipeError(received, allowed=f"{_KEY_BYTES} bytes or more", next_step=make)
    return key
