"""Accepted baselines: "this is the new normal", beside a model with its record.

    models/NAME/baselines/2026-11-22.json      a registered model; the next of that day: 2026-11-22-02.json
    RUN/baselines/2026-11-22.json              the model of a run

A bundle never changes. The newest baseline of the very same model is what later rows are compared with.
`workflow.accepted` writes them; a monitor reads the newest, a server follows it.
"""

from __future__ import annotations

import math
import os
import re
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from justright.errors import StorageError
from justright.monitor.frame import LEAST_ROWS, Counts, Frame

__all__ = ["FOLDER", "Accepted", "Following", "newest", "baselines_of", "read_accepted"]

FOLDER: Final = "baselines"
"""The folder of accepted baselines, in that of a registered model or of a run."""

_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:-([0-9]{1,6}))?\.json")
_LARGEST: Final = 1 << 27


class Accepted(msgspec.Struct, frozen=True):
    """A baseline that somebody accepted, with its record.

    Parameters
    ----------
    model_id : str
        The model whose bins the counts are in.
    when, who : str
        Time (ISO 8601, UTC) and user.
    table : str
        The rows that it was counted from.
    why : str
        What was said about it.
    alarms : list of str
        Inputs that stood as anomalies at the time.
    counts : Counts
        The rows.
    """

    model_id: str
    when: str
    who: str
    table: str
    why: str
    alarms: list[str]
    counts: Counts

    @property
    def sentence(self) -> str:
        """What it is called where rows are compared with it."""
        return f"{self.counts.rows:,.0f} rows accepted as normal on {self.when[:10]} by {self.who}"


class _File(NamedTuple):
    """A file of a folder of baselines: its name, and what differs once it has been written anew."""

    name: str
    inode: int
    changed: int
    size: int
    plain: bool


def baselines_of(bundle: Path) -> Path | None:
    """Return where baselines of a model lie; None for a bundle that stands alone.

    Parameters
    ----------
    bundle : Path
        The folder of a bundle: `models/NAME/versions/N` or `RUN/model`.

    Examples
    --------
    >>> baselines_of(Path("/models/churn/versions/3")).as_posix()
    '/models/churn/baselines'
    """
    path = bundle.resolve()
    if path.parent.name == "versions":
        return path.parents[1] / FOLDER
    if path.name == "model" and (path.parent / "recipe.json").is_file():
        return path.parent / FOLDER
    return None


def read_accepted(path: Path, model_id: str, frame: Frame) -> Accepted | None:
    """Read a baseline; None where it is of another model.

    Parameters
    ----------
    path : Path
        The file.
    model_id : str
        The model.
    frame : Frame
        What the model counts.

    Raises
    ------
    StorageError
        It cannot be read, is damaged, does not count what the model counts, or has too few rows to judge by.
    """
    try:
        accepted = msgspec.json.decode(path.read_bytes(), type=Accepted)
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise _unread(path, getattr(error, "strerror", None) or str(error)) from error
    if accepted.model_id != model_id:
        return None
    if not _fits(frame, accepted.counts):
        raise _unread(path, "it counts other things than the model")
    if accepted.counts.rows < LEAST_ROWS:
        raise _unread(path, f"{accepted.counts.rows:,.0f} rows; nothing is judged by less than {LEAST_ROWS}")
    return accepted


def newest(bundle: Path, model_id: str, frame: Frame) -> Accepted | None:
    """Return the newest baseline that was accepted for a model, or None.

    Raises
    ------
    StorageError
        One that is newer, or that one, cannot be read.
    """
    folder = baselines_of(bundle)
    if folder is None:
        return None
    try:
        files = _files(folder)
    except OSError as error:
        raise _unread(folder, error.strerror or str(error)) from error
    for file in files:
        found = read_accepted(folder / file.name, model_id, frame)
        if found is not None:
            return found
    return None


class Following:
    """The newest accepted baseline of a model in service, followed without a restart.

    Parameters
    ----------
    folder : Path
        Where baselines of the model are put; it may come later.
    model_id : str
        The model.
    frame : Frame
        What it counts.
    tell : callable
        Told each event as JSON values: `baseline`, and `baseline-failed` with its reason, once a file.

    Attributes
    ----------
    accepted : Accepted or None
        The one in use; None = the training rows.

    Notes
    -----
    A look without news lists one folder. A file that cannot be used changes nothing; one that was removed
    gives way to the one before it. Threads may share it.
    """

    def __init__(
        self, folder: Path, model_id: str, frame: Frame, tell: Callable[[dict[str, Any]], None]
    ) -> None:
        self.accepted: Accepted | None = None
        self._folder = folder
        self._model_id = model_id
        self._frame = frame
        self._tell = tell
        self._file = ""
        self._seen: list[_File] | None = []
        self._passed: set[_File] = set()
        self._told: set[_File | str] = set()
        self._lock = threading.Lock()

    def look(self) -> None:
        """Take the newest baseline that fits."""
        with self._lock:
            try:
                files = _files(self._folder)
            except OSError as error:  # what is in use stays
                reason = error.strerror or str(error)
                self._fail(reason, _unread(self._folder, reason))
                return
            self._told &= set(files)
            if files == self._seen:
                return
            self._seen = files
            self._passed &= set(files)
            self._choose(files)

    def _choose(self, files: list[_File]) -> None:
        """Go through the files, the newest first, to one that can be used."""
        for file in files:
            found = None
            if file not in self._passed:
                found = self._read(file)
            if found is not None:
                self._take(file.name, found)
                return
            if file.name == self._file and file in self._told:  # written anew, and broken: what it was stays
                return
        self._take("", None)

    def _read(self, file: _File) -> Accepted | None:
        """Read a file that may be the one; None where it is not."""
        path = self._folder / file.name
        try:
            if not file.plain or file.size > _LARGEST:
                raise _unread(path, f"{file.size:,} bytes" if file.plain else "it is no file")
            found = read_accepted(path, self._model_id, self._frame)
        except StorageError as error:
            self._fail(file, error)
            if isinstance(error.__cause__, OSError):
                self._seen = None  # once more with the next look: a disk may come back
            else:
                self._passed.add(file)
            return None
        if found is None:
            self._passed.add(file)
        return found

    def _take(self, name: str, accepted: Accepted | None) -> None:
        """Use a baseline from now on, and say so where it is another one."""
        self._file = name
        if accepted == self.accepted:
            return
        self.accepted = accepted
        against = "the training rows" if accepted is None else accepted.sentence
        self._tell({"event": "baseline", "file": name, "against": against})

    def _fail(self, what: _File | str, error: StorageError) -> None:
        """Say once that a file, or the folder, cannot be used."""
        if what not in self._told:
            self._told.add(what)
            self._tell({"event": "baseline-failed", "reason": str(error)})


def _files(folder: Path) -> list[_File]:
    """List the baselines of a folder, the newest first; none where nothing was ever accepted."""
    found = []
    try:
        with os.scandir(folder) as entries:
            named = [(_NAME.fullmatch(entry.name), entry) for entry in entries]
    except FileNotFoundError:
        if not folder.parent.is_dir():  # all of it is gone: nothing was withdrawn
            raise
        return []
    for match, entry in named:
        if match is None:
            continue
        try:
            facts = entry.stat()
        except FileNotFoundError:  # removed meanwhile
            continue
        plain = stat.S_ISREG(facts.st_mode)
        file = _File(entry.name, facts.st_ino, facts.st_ctime_ns, facts.st_size, plain)
        found.append((match[1], int(match[2] or 1), file))
    return [file for _, _, file in sorted(found, reverse=True)]


def _fits(frame: Frame, counts: Counts) -> bool:
    """Say whether counts are of what a frame counts."""
    bins = [len(number.edges) + 1 for number in frame.numeric]
    said = [len(number.edges) + 1 for number in frame.said]
    terms = [len(number.edges) + 1 for number in frame.terms]
    cells = [*counts.numeric, counts.missing, *counts.categorical, *counts.said, *counts.terms]
    return (
        counts.rows > 0
        and [len(each) for each in counts.numeric] == bins
        and len(counts.missing) == len(bins)
        and [len(each) for each in counts.categorical] == [each.size for each in frame.categorical]
        and [len(each) for each in counts.said] in (said, [])
        and [len(each) for each in counts.terms] in (terms, [])
        and all(0.0 <= value < math.inf for each in cells for value in each)
    )


def _unread(path: Path, reason: str) -> StorageError:
    """Return the error for a baseline that cannot be used."""
    return StorageError(
        f"the accepted baseline {path.name!r}",
        where=f"{path}: {reason}",
        allowed="a file that justright monitor --accept has written",
        next_step=f"accept again, and remove {path}",
    )
