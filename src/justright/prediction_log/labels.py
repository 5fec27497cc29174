"""Labels that arrive later: the truth of a row by the id it was answered under. The last one counts."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from justright.errors import RowError
from justright.prediction_log.frames import HEADER_BYTES, frame, new_header, read_frames, seed_of
from justright.prediction_log.segments import labels_folder, storage_trouble

__all__ = ["Label", "add_labels", "read_labels"]

_FILE_BYTES: Final = 16 << 20
_ID_CHARACTERS: Final = 1_000
_AT_ONCE: Final = 1_000
_ENCODER: Final = msgspec.msgpack.Encoder()


class Label(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The truth of one row.

    Parameters
    ----------
    id : str
        Id of the row: that of its request, and `/` with the number of the row where it had several.
    label : bool, int, float or str
        As the target is written.
    time : float
        When it arrived, in seconds since 1970.
    """

    id: str
    label: Any
    time: float


_DECODER: Final = msgspec.msgpack.Decoder(list[Label])


def add_labels(log: str | Path, rows: Iterable[Mapping[str, Any]], when: float | None = None) -> int:
    """Append labels to a log; when it returns they are on disk.

    Parameters
    ----------
    log : str or Path
        Folder of the log; need not hold the rows, or any rows.
    rows : iterable of mappings
        `id`, a text, and `label`, a number, a text or a truth value; other keys are ignored.
    when : float, optional
        Seconds since 1970 in UTC, None = now: of two labels of one row the later counts, of equal times
        the last.

    Returns
    -------
    int
        Labels that were added.

    Raises
    ------
    RowError
        A row that lacks one of the two or has another type; then none is added.
    StorageError
        The folder cannot be written.

    Notes
    -----
    Forces the disk once a call: a millisecond or more. Several processes may add at the same time.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> add_labels(folder, [{"id": "a1", "label": True}, {"id": "a2/0", "label": 3.5}], when=1.7e9)
    2
    >>> read_labels(folder)["a2/0"].label
    3.5
    """
    moment = time.time() if when is None else float(when)
    labels = [_label(row, number, moment) for number, row in enumerate(rows)]
    if not labels:
        return 0
    parts = [labels[begin : begin + _AT_ONCE] for begin in range(0, len(labels), _AT_ONCE)]
    folder = labels_folder(Path(log))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _append(folder, [_ENCODER.encode(part) for part in parts])
    except OSError as error:
        raise storage_trouble(folder, error) from error
    return len(labels)


def read_labels(log: str | Path) -> dict[str, Label]:
    """Return the label of each row that has one, by its id; see `add_labels`.

    Raises
    ------
    StorageError
        The folder cannot be read.
    """
    found: dict[str, Label] = {}
    try:
        for path in sorted(labels_folder(Path(log)).glob("*.journal")):
            for record in read_frames(path.read_bytes()).records:
                for label in _DECODER.decode(record):
                    known = found.get(label.id)
                    if known is None or known.time <= label.time:
                        found[label.id] = label
    except OSError as error:
        raise storage_trouble(labels_folder(Path(log)), error) from error
    return found


def _label(row: Any, number: int, when: float) -> Label:
    """Return one label after checking what a client sent."""
    where = f"row {number}"
    if not isinstance(row, Mapping):
        raise RowError(f"{row!r:.60}", allowed='an object with "id" and "label"', where=where)
    for key in ("id", "label"):
        if key not in row:
            raise RowError(f"a label without {key!r}", allowed='an object with "id" and "label"', where=where)
    name, label = row["id"], row["label"]
    if not isinstance(name, str) or not 0 < len(name) <= _ID_CHARACTERS:
        raise RowError(f"id={name!r:.60}", allowed="a text, the id of an answered row", where=where)
    if not isinstance(label, bool | int | float | str):
        raise RowError(f"label={label!r:.60}", allowed="a number, a text, true or false", where=where)
    if label != label or (isinstance(label, int) and not -(2**63) <= label < 2**63):
        raise RowError(f"label={label!r:.60}", allowed="a number of 64 bits", where=where)
    try:
        (name + label if isinstance(label, str) else name).encode()
    except UnicodeEncodeError as error:
        raise RowError(f"{name!r:.60}", allowed="text that UTF-8 holds", where=where) from error
    return Label(name, label, when)


def _append(folder: Path, records: list[bytes]) -> None:
    """Append records to the file of labels, alone among all processes; begin another where it is long."""
    path = folder / "labels.journal"
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if path.stat().st_size >= _FILE_BYTES:
                number = sum(1 for _ in folder.glob("labels-*.journal"))
                path.rename(folder / f"labels-{number:06d}.journal")
        # "labels-..." sorts before "labels.journal": older files are read first.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            size = os.fstat(handle).st_size
            header = os.pread(handle, HEADER_BYTES, 0)
            seed = seed_of(header)
            if seed is None:  # new, or killed while it was new
                header, size = new_header(), 0
                seed = seed_of(header) or 0
            data = (b"" if size else header) + b"".join(frame(record, seed) for record in records)
            try:
                os.ftruncate(handle, size)
                os.lseek(handle, size, os.SEEK_SET)
                view = memoryview(data)
                while view:
                    view = view[os.write(handle, view) :]
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)
