"""Answered rows to disk beside the answering: two bounded queues, two threads, a count of what is safe.

    record -> (rows wait) -> encode -> (bytes wait) -> journal, forced to disk -> counted as logged

`record` appends to a list and returns. When the disk is slow or full the bytes wait, then rows are dropped
and counted: the server goes on, and so does the log once there is room.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

import msgspec

from justright.prediction_log.entries import Answered, Asked, encode, entry_of
from justright.prediction_log.frames import frame
from justright.prediction_log.journals import Journals
from justright.prediction_log.options import LogOptions

__all__ = ["LogStatus", "PredictionLog"]

_ENCODE_SECONDS: Final = 0.02
_TURN_SECONDS: Final = 1e-4
_RETRY_SECONDS: Final = 1.0


class LogStatus(msgspec.Struct, frozen=True):
    """What a log has done so far.

    Parameters
    ----------
    logged : int
        Rows that are on disk for certain.
    dropped : int
        Rows given up because too much waited.
    waiting : int
        Rows on their way.
    trouble : str
        Why nothing is written at the moment; empty when all is well.
    failed_parts : int
        How often the process that makes Parquet parts ended badly; their journals are still there.
    """

    logged: int = 0
    dropped: int = 0
    waiting: int = 0
    trouble: str = ""
    failed_parts: int = 0


class _Ready(NamedTuple):
    """One record that waits for the disk."""

    model: str
    record: bytes
    rows: int


class PredictionLog:
    """A log of answered rows; it is a `Recorder` of `justright.serve.exchange`.

    Parameters
    ----------
    folder : str or Path
        Made when it does not exist. Several processes may write to one folder.
    options : LogOptions, optional
        What is logged, and how much may wait.
    columns : mapping of str to sequence of str, optional
        The columns that each model needs; others are not logged. Models that are not named: all columns.

    Raises
    ------
    RecipeError
        An option out of range.
    StorageError
        The folder cannot be made or written.

    Notes
    -----
    `record` takes about a microsecond. Memory: `queue_rows` questions as the server holds them, and twice
    `queue_bytes`. Rows counted as `logged` survive the end of the process and of the machine.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from justright.prediction_log import read_log
    >>> from justright.serve.exchange import Answers, Question
    >>> folder = tempfile.mkdtemp()
    >>> with PredictionLog(folder, LogOptions(make_parts=False)) as log:
    ...     question = Question(size=1, rows=[{"age": 31}], id="a1")
    ...     answers = Answers("churn", "3", "ab12", "regression", prediction=np.array([0.5]))
    ...     log.record(question, answers, 1.7e9)
    >>> log.status().logged, read_log(folder).select(["_id", "age", "_prediction"]).to_pylist()
    (1, [{'_id': 'a1', 'age': 31, '_prediction': 0.5}])
    """

    def __init__(
        self,
        folder: str | Path,
        options: LogOptions | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.options = (options or LogOptions()).checked()
        self._columns = {name: tuple(names) for name, names in (columns or {}).items()}
        self._asked: deque[tuple[Asked, Answered, float]] = deque()
        self._ready: deque[_Ready] = deque()
        self._ready_bytes = self._asked_rows = self._waiting = 0
        self._logged = self._dropped = 0
        self._trouble = ""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._encoded = threading.Event()
        self._journals = Journals(self.folder, self.options)
        self._threads = [
            threading.Thread(target=self._encode_all, name="log encode", daemon=True),
            threading.Thread(target=self._write_all, name="log write", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def expect(self, model: str, columns: Sequence[str]) -> None:
        """Say which columns a model needs: of its requests only these are logged from now on."""
        self._columns[model] = tuple(columns)

    def record(self, question: Asked, answers: Answered, when: float) -> None:
        """Take one question and its answers; neither waits nor raises.

        Parameters
        ----------
        question : Question
            As many rows as the answers, and an id.
        answers : Answers
            What was answered.
        when : float
            Seconds since 1970 in UTC.
        """
        with self._lock:
            if self._closing.is_set() or self._asked_rows + question.size > self.options.queue_rows:
                self._dropped += question.size
                return
            self._asked_rows += question.size
            self._waiting += question.size
            self._asked.append((question, answers, when))

    def status(self) -> LogStatus:
        """Return the counts so far."""
        with self._lock:
            return LogStatus(
                self._logged, self._dropped, self._waiting, self._trouble, self._journals.failed_parts
            )

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until all that was recorded is on disk; False when it is not after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting == 0, seconds)

    def close(self, seconds: float = 10.0) -> None:
        """Write what waits and stop; what is not on disk after so many seconds is dropped."""
        if self._closing.is_set():
            return
        self._closing.set()
        for thread in self._threads:
            thread.join(seconds)
        with self._lock:
            self._dropped += self._waiting
            self._waiting = 0

    def __enter__(self) -> PredictionLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _encode_all(self) -> None:
        """Encode what waits until the log is closed and nothing waits any more."""
        while True:
            last = self._closing.is_set()
            begin = time.perf_counter()
            while self._asked:
                self._encode_one(*self._asked.popleft())
                if time.perf_counter() - begin > _TURN_SECONDS:
                    # Let the thread that answers go first: it waits 5 ms for one that only computes.
                    time.sleep(0)
                    begin = time.perf_counter()
            if last:
                self._encoded.set()
                return
            self._closing.wait(_ENCODE_SECONDS)

    def _encode_one(self, question: Asked, answers: Answered, when: float) -> None:
        """Encode one request, or drop it where too many bytes wait already."""
        rows, record = 0, b""
        lost = 0
        try:
            entry = entry_of(question, answers, when, self.options, self._columns.get(answers.name))
            if entry is not None:
                rows, record = len(entry.ids), encode(entry)
        except Exception:  # noqa: BLE001 - a row nobody can write must not stop the log: it is counted
            lost = question.size
        with self._changed:
            self._asked_rows -= question.size
            if self._ready_bytes + len(record) > self.options.queue_bytes:
                lost, rows = rows, 0
            elif rows:
                self._ready.append(_Ready(answers.name, record, rows))
                self._ready_bytes += len(record)
            self._dropped += lost
            self._waiting -= question.size - rows
            self._changed.notify_all()

    def _write_all(self) -> None:
        """Write what is encoded, again and again, until the log is closed and all is written."""
        patience = 0.0
        while True:
            last = self._encoded.is_set()
            with self._lock:
                taken = list(self._ready)
            for model in dict.fromkeys(each.model for each in taken):
                if not self._written(model, [each for each in taken if each.model == model]):
                    patience = _RETRY_SECONDS
            if last and (not taken or patience):
                break
            self._journals.rotate(time.monotonic())
            (self._encoded if self._closing.is_set() else self._closing).wait(
                patience or self.options.sync_seconds
            )
            patience = 0.0
        self._journals.close()

    def _written(self, model: str, records: Sequence[_Ready]) -> bool:
        """Write the records of a model; False, and they go on waiting, when the disk refuses."""
        trouble = ""
        try:
            journal = self._journals.of(model)
            journal.append(b"".join(frame(each.record, journal.seed) for each in records))
        except OSError as error:
            trouble = f"{error.strerror or error}: nothing is logged until the disk takes it"
            if not self._journals.broken(model):
                with self._lock:
                    self._trouble = trouble
                return False
            # Some of the rows may be in the file. Written again they could be there twice: they are given up.
            self._journals.let_go(model)
        done, rows = set(map(id, records)), sum(each.rows for each in records)
        with self._changed:
            self._ready = deque(each for each in self._ready if id(each) not in done)
            self._ready_bytes -= sum(len(each.record) for each in records)
            self._waiting -= rows
            self._trouble = trouble
            if trouble:
                self._dropped += rows
            else:
                self._logged += rows
            self._changed.notify_all()
        return not trouble
