"""The journals that one worker has open, one a model; when they end, and who makes parts of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

from justright.prediction_log.options import LogOptions
from justright.prediction_log.segments import Journal, model_folder, storage_trouble, writer_name

__all__ = ["Journals"]

_PARTS_SECONDS: Final = 2.0
# Runs in a process of its own: what serves never holds pyarrow.
_MAKE_PARTS: Final = (
    "import os, sys; os.nice(19); from justright.prediction_log.parts import tidy; "
    "tidy(sys.argv[1], *(float(each) if each else None for each in sys.argv[2:]))"
)


class _Open(NamedTuple):
    """The journal of one model, and when it was begun."""

    journal: Journal
    begun: float


class Journals:
    """The open journals of one worker.

    Parameters
    ----------
    log : Path
        Folder of the log; made when it is not there.
    options : LogOptions
        When a journal ends.

    Attributes
    ----------
    failed_parts : int
        How often the process that makes parts ended badly.

    Raises
    ------
    StorageError
        The folder cannot be made.
    """

    def __init__(self, log: Path, options: LogOptions) -> None:
        self.failed_parts = 0
        self._log = log
        self._options = options
        self._writer = writer_name()
        self._numbers: dict[str, int] = {}
        self._open: dict[str, _Open] = {}
        self._parts: subprocess.Popen[bytes] | None = None
        try:
            (log / "rows").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_trouble(log, error) from error
        if any((log / "rows").glob("*/*.journal")):  # of a process that ended before
            self._make_parts()

    def of(self, model: str) -> Journal:
        """Return the open journal of a model, a new one where there is none; OSError when it fails."""
        if model in self._open and not self._open[model].journal.has_name:
            self.let_go(model)  # somebody removed the file: what is written to it, nobody could read
        if model not in self._open:
            self._numbers[model] = self._numbers.get(model, 0) + 1
            made = Journal(model_folder(self._log, model), self._writer, self._numbers[model])
            self._open[model] = _Open(made, time.monotonic())
        return self._open[model].journal

    def broken(self, model: str) -> bool:
        """Say whether a write to the journal of a model could not be taken back."""
        return model in self._open and self._open[model].journal.broken

    def let_go(self, model: str) -> None:
        """Close the journal of a model, if there is one: the next row begins another."""
        opened = self._open.pop(model, None)
        if opened is not None:
            opened.journal.close()

    def rotate(self, now: float) -> None:
        """Close journals that are long or old enough at a monotonic moment, and have parts made of them."""
        full = [
            model
            for model, (journal, begun) in self._open.items()
            if journal.size >= self._options.segment_bytes or now - begun >= self._options.segment_seconds
        ]
        for model in full:
            self.let_go(model)
        self._look_at_parts()
        if full:
            self._make_parts()

    def close(self) -> None:
        """Close all journals, and end the process that makes parts: it goes on where it was another time."""
        for model in list(self._open):
            self.let_go(model)
        if self._parts is not None:
            try:
                self._parts.wait(_PARTS_SECONDS)
            except subprocess.TimeoutExpired:
                self._parts.kill()
                self._parts.wait()
                self._parts = None
        self._look_at_parts()

    def _look_at_parts(self) -> None:
        """Take note of how the process that makes parts ended, if it has."""
        if self._parts is not None and self._parts.poll() is not None:
            self.failed_parts += self._parts.returncode != 0
            self._parts = None

    def _make_parts(self) -> None:
        """Start the process that makes parts and removes what is too old, unless one runs already."""
        if not self._options.make_parts or self._parts is not None:
            return
        limits = (self._options.keep_days, self._options.keep_bytes)
        texts = ("" if each is None else str(each) for each in limits)
        command = [sys.executable, "-P", "-c", _MAKE_PARTS, os.fspath(self._log), *texts]
        nothing = subprocess.DEVNULL
        try:
            self._parts = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)
        except OSError:  # no process to be had: the journals wait, and reading makes the parts
            self.failed_parts += 1
