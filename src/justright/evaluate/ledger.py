"""The guarded test set: every look at it is written down, and each look widens the printed intervals.

A test set tells the truth once. Whoever looks again and chooses by what he saw fits the test set; with k
looks an interval of level `1 - 0.05 / k` still holds for all of them together (Bonferroni). That is true of
looks that were planned; of looks that follow what was seen it is true only where little is to be seen: a
further model shows its figures only where it is better beyond noise (`release`).

The ledger is a file of one JSON object a line, only ever appended to, under a lock, and forced to disk
before anything is shown: two processes at once get different numbers, a kill leaves at most one
damaged last line, which is dropped and said.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from justright.errors import RecipeError, StorageError
from justright.schema import Finding

__all__ = ["Look", "Opened", "level_after", "open_test", "read_ledger"]


class Look(msgspec.Struct, frozen=True):
    """One look at a test set.

    Parameters
    ----------
    number : int
        1 for the first look at these rows.
    model_id : str
        Which model was judged.
    test_id : str
        Fingerprint of the test rows: other rows are counted apart.
    rows : int
        Number of test rows.
    metrics : dict of float
        What was seen; None where not defined.
    time : str
        When, as the caller says (ISO 8601).
    user : str
        Who, as the caller says.
    loss : float or None
        Mean loss of the rows, by which models are compared; None in ledgers of before.
    released : bool
        Whether the figures were shown; those of a model that is not better than the best shown are not.
    """

    number: int
    model_id: str
    test_id: str
    rows: int
    metrics: dict[str, float | None]
    time: str = ""
    user: str = ""
    loss: float | None = None
    released: bool = True


class Opened(msgspec.Struct, frozen=True):
    """The receipt of a look.

    Parameters
    ----------
    number : int
        Which look at these rows this was.
    level : float
        Level for the intervals that are printed now.
    findings : tuple of Finding
        `test-opened-again` from the second look on, `ledger-damaged` where lines could not be read.
    released : bool
        Whether the figures of this model may be shown; else those of the best are repeated.
    """

    number: int
    level: float
    findings: tuple[Finding, ...]
    released: bool = True


def open_test(
    path: str | Path,
    *,
    model_id: str,
    test_id: str,
    rows: int,
    metrics: Mapping[str, float | None],
    time: str,
    user: str,
    level: float = 0.95,
    loss: float | None = None,
    elsewhere: int = 0,
    best: str = "",
) -> Opened:
    """Write a look at the test set down, and say how wide its intervals must be.

    Call it when the metrics are computed and before anything is shown.

    Parameters
    ----------
    path : str or Path
        The ledger; made, with its folder, when it does not exist.
    model_id, test_id, rows, metrics, time, user
        As in `Look`; NaN metrics are written as null.
    level : float, default 0.95
        Level of a first look.
    loss : float, optional
        As in `Look`.
    elsewhere : int, default 0
        Looks at the same rows that other ledgers hold.
    best : str, default ""
        Given where `release` says that this model is not better than the best: what to call that one. Then
        the metrics are not written either.

    Returns
    -------
    Opened
        The number of the look and the level of its intervals.

    Raises
    ------
    StorageError
        The ledger cannot be read, locked or written: then nothing may be shown.

    Notes
    -----
    Waits for another process that holds the lock. POSIX only.

    Examples
    --------
    >>> import tempfile
    >>> look = dict(model_id="m", test_id="t", rows=9, metrics={"r2": 0.5}, time="2026-01-01", user="ann")
    >>> path = Path(tempfile.mkdtemp()) / "ledger.jsonl"
    >>> [open_test(path, **look).number for _ in range(2)], open_test(path, **look).level
    ([1, 2], 0.983...)
    """
    place = Path(path)
    with _locked(place) as file:
        looks, findings, whole = _parse(file.read())
        number = 1 + elsewhere + sum(look is None or look.test_id == test_id for look in looks)
        shown = {} if best else metrics
        clean = {name: None if value is None or value != value else value for name, value in shown.items()}
        look = Look(number, model_id, test_id, rows, clean, time, user, None if best else loss, not best)
        file.seek(whole)
        file.truncate()
        file.write(msgspec.json.encode(look) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if number > 1:
        findings = (*findings, _closed(number, level, best) if best else _again(number, level))
    return Opened(number, level_after(number, level), findings, not best)


def read_ledger(path: str | Path) -> tuple[tuple[Look, ...], tuple[Finding, ...]]:
    """Return all looks that can be read, in order, and what is wrong with the file.

    Parameters
    ----------
    path : str or Path
        The ledger; a file that does not exist is an empty ledger.

    Raises
    ------
    StorageError
        The file exists and cannot be read.

    Examples
    --------
    >>> read_ledger("/nowhere/ledger.jsonl")
    ((), ())
    """
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        return (), ()
    except OSError as error:
        raise _trouble(Path(path), error) from error
    looks, findings, _ = _parse(text)
    return tuple(look for look in looks if look is not None), findings


def level_after(looks: int, level: float = 0.95) -> float:
    """Return the level of an interval after so many looks: `1 - (1 - level) / looks`.

    Examples
    --------
    >>> level_after(5)
    0.99
    """
    if looks < 1:
        raise RecipeError(f"looks={looks}", allowed=">= 1")
    return 1.0 - (1.0 - level) / looks


def _parse(text: bytes) -> tuple[list[Look | None], tuple[Finding, ...], int]:
    """Looks (None = a damaged line, which still counts), findings, length of the whole lines."""
    whole = text.rfind(b"\n") + 1
    looks: list[Look | None] = []
    for line in text[:whole].splitlines():
        try:
            looks.append(msgspec.json.decode(line, type=Look))
        except (msgspec.DecodeError, UnicodeDecodeError):
            looks.append(None)
    damaged = sum(look is None for look in looks)
    dropped = len(text) > whole
    if not damaged and not dropped:
        return looks, (), whole
    return looks, (_damaged(damaged, dropped),), whole


def _damaged(lines: int, dropped: bool) -> Finding:
    """The ledger holds lines that are no looks."""
    parts = []
    if dropped:
        parts.append("its last line was not written to the end (a process was killed) and is dropped")
    if lines:
        parts.append(f"{lines} of its lines cannot be read and are counted as looks")
    return Finding(
        "ledger-damaged",
        "warning",
        f"The ledger of the test set is damaged: {'; '.join(parts)}.",
        {"unreadable_lines": lines, "last_line_dropped": dropped},
        "compare the ledger with a copy of it, if there is one",
    )


def _again(number: int, level: float) -> Finding:
    """The test set was looked at before."""
    return Finding(
        "test-opened-again",
        "info" if number <= 5 else "warning",
        f"This is look number {number} at this test set: the intervals are those of level "
        f"{level_after(number, level):.4g}, so that all {number} hold together.",
        {"looks": number, "level": level_after(number, level)},
        "choose between models by their validation score, and judge the chosen one on new rows",
    )


def _closed(number: int, level: float, best: str) -> Finding:
    """The test set was looked at before, and by a model that is no worse."""
    return Finding(
        "test-opened-again",
        "warning",
        f"This is look number {number} at this test set, and this model is not better than {best} beyond the "
        f"noise of its rows: its figures stay closed, and those of {best} are repeated, at level "
        f"{level_after(number, level):.4g}.",
        {"looks": number, "level": level_after(number, level), "released": False, "best": best},
        "choose between models by their validation score, and judge the chosen one on new rows",
    )


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    """The ledger, open for reading and writing, held by this process alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
    except OSError as error:
        raise _trouble(path, error) from error


def _trouble(path: Path, error: OSError) -> StorageError:
    """The file system's refusal in our words."""
    return StorageError(
        f"ledger={str(path)!r}: {error.strerror or error}",
        allowed="a file that can be read, locked and written",
        next_step="free the disk or the rights; without its ledger the test set stays closed",
    )
