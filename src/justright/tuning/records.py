"""What is known of the trials: a line a trial and rung, written to the disk before anything builds on it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from zipfile import BadZipFile

import msgspec
import numpy as np

from justright.errors import StorageError
from justright.schema import FloatArray
from justright.tuning.space import Params

__all__ = ["HeldRows", "Records", "Trial", "TrialFile", "read_trials"]

State = Literal["paused", "ended", "complete", "failed"]
_FILE: Final = "trials.jsonl"


class Trial(msgspec.Struct, frozen=True):
    """A trial on a rung.

    Parameters
    ----------
    number : int
        Of the trial; 0 is the recipe as it came.
    rung : int
        From 0.
    effort : float
        Share of all effort on this rung, above 0 to 1.
    params : dict
        What was tried.
    state : {"paused", "ended", "complete", "failed"}
        Whether its effort was used up, its training ended by its own rule, it had all effort, or failed.
    loss, error : float or None
        Mean held-out loss and its standard error over the rows; None where it failed.
    metric : float or None
        The headline metric on held-out rows.
    passes : int
        Passes of the training so far.
    seconds : float
        Of this rung.
    at : float
        Seconds since the study began, at the end of this rung.
    why : str
        Why it failed.
    """

    number: int
    rung: int
    effort: float
    params: Params
    state: State
    loss: float | None = None
    error: float | None = None
    metric: float | None = None
    passes: int = 0
    seconds: float = 0.0
    at: float = 0.0
    why: str = ""


class HeldRows(msgspec.Struct, frozen=True):
    """Held-out loss and weight of each row, the same rows for all trials of a study."""

    loss: Any
    weight: Any

    @property
    def mean(self) -> float:
        """The mean loss."""
        return float(np.average(np.asarray(self.loss, np.float64), weights=self.weight))

    @property
    def error(self) -> float:
        """The standard error of the mean loss."""
        return spread_of_mean(np.asarray(self.loss, np.float64), np.asarray(self.weight, np.float64))


def spread_of_mean(value: FloatArray, weight: FloatArray) -> float:
    """Return the standard error of a weighted mean.

    Examples
    --------
    >>> round(spread_of_mean(np.array([1.0, 2.0, 3.0]), np.ones(3)), 4)
    0.4714
    """
    away = weight * (value - np.average(value, weights=weight))
    return math.sqrt(float(np.square(away).sum())) / float(weight.sum())


class Records(Protocol):
    """Keeps what is known of a study."""

    def trials(self) -> Sequence[Trial]:
        """Return all lines, in the order in which they were written."""

    def append(self, trial: Trial) -> None:
        """Add a line; it is safe when this returns."""

    def keep(self, number: int, rows: HeldRows) -> None:
        """Keep the losses of a trial that had all effort; to be called before its line is added."""

    def kept(self, number: int) -> HeldRows:
        """Return the losses of a trial that had all effort."""


class TrialFile:
    """Records in a folder: `trials.jsonl`, and a file of losses for each trial that had all effort.

    Parameters
    ----------
    folder : Path
        It exists.
    losses : Path
        Where the losses lie; made when needed.

    Notes
    -----
    A line that a kill cut short is dropped when the file is read.
    """

    def __init__(self, folder: Path, losses: Path) -> None:
        self.path = folder / _FILE
        self.losses = losses

    def trials(self) -> Sequence[Trial]:
        """Return all lines, and cut off what is left of a damaged last one."""
        if not self.path.exists():
            return ()
        found, whole = _read(self.path)
        if whole != self.path.stat().st_size:
            os.truncate(self.path, whole)
        return found

    def append(self, trial: Trial) -> None:
        """Add a line and wait until the disk has it."""
        line = msgspec.json.encode(trial) + b"\n"
        try:
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _full(self.path, error) from error

    def keep(self, number: int, rows: HeldRows) -> None:
        """Write the losses of a trial, whole or not at all."""
        path = self._rows(number)
        beside = path.with_name(path.name + ".part")
        try:
            self.losses.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                np.savez(file, loss=rows.loss, weight=rows.weight)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise _full(path, error) from error

    def kept(self, number: int) -> HeldRows:
        """Read the losses of a trial."""
        try:
            with np.load(self._rows(number), allow_pickle=False) as found:
                return HeldRows(found["loss"], found["weight"])
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise StorageError(
                f"the held-out losses of trial {number}",
                where=f"{self._rows(number)}: {error}",
                next_step="justright tune again, without --resume",
            ) from error

    def _rows(self, number: int) -> Path:
        """Where the losses of a trial lie."""
        return self.losses / f"losses-{number}.npz"


def read_trials(folder: Path) -> tuple[Trial, ...]:
    """Read the lines of a study; none where there is no file, a damaged last line is left out.

    Raises
    ------
    StorageError
        The file holds something else.
    """
    path = folder / _FILE
    return _read(path)[0] if path.exists() else ()


def _read(path: Path) -> tuple[tuple[Trial, ...], int]:
    """Return the lines that are whole, and how many bytes they take."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    decode = msgspec.json.Decoder(Trial).decode
    try:
        return tuple(decode(line) for line in data[:whole].splitlines()), whole
    except msgspec.DecodeError as error:
        raise StorageError(
            "lines that are no trials", where=f"{path}: {error}", next_step="justright tune again"
        ) from error


def _full(path: Path, error: OSError) -> StorageError:
    """Say that a file could not be written."""
    return StorageError(
        "a trial that cannot be written down",
        where=f"{path}: {error.strerror}",
        next_step="free some disk space, then go on with --resume",
    )
