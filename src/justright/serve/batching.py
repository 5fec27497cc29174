"""Natural batching: what has queued while a batch was scored is the next batch. No timer, no thread for it.

    submit -> waiting -> one pass a model, once the loop has read all that had come -> answers
                         or once enough rows wait: joining more gains nothing

A request of many bytes would hold the loop, so it goes to one thread of its own, one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

from justright.errors import JustrightError
from justright.serve.admission import Admission
from justright.serve.exchange import Answers, Question
from justright.serve.limits import Limits
from justright.serve.scoring import Served

__all__ = ["Batcher", "Done"]

Done: TypeAlias = Callable[[Question, "Answers | Exception"], None]
"""Told the answers to a question, or why there are none; called in the loop's thread."""

# What a pass costs beside its rows is a tenth of theirs here; more at once leave the cache of the processor.
_ROWS: Final = 64


class Batcher:
    """Collects questions and has them answered together.

    Parameters
    ----------
    limits : Limits
        `queue`, `crowd`, `large_queue`.
    counted : callable, optional
        Told the number of questions and rows of every pass.

    Attributes
    ----------
    admission : Admission
        Says when no more is taken in this turn of the loop.
    """

    def __init__(self, limits: Limits, counted: Callable[[int, int], None] | None = None) -> None:
        self._limits = limits
        self._counted = counted
        self.admission = Admission(limits)
        self._waiting: list[tuple[Served, Question, Done]] = []
        self._rows = 0
        self._large = 0
        self._thread: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        """Number of questions that wait."""
        return len(self._waiting) + self._large

    @property
    def large_full(self) -> bool:
        """No more large requests can wait."""
        return self._large >= self._limits.large_queue

    def submit(self, served: Served, question: Question, done: Done, *, alone: bool = False) -> None:
        """Take a question; ask `full` before.

        Where it is `alone`, for there is no other client, nothing can join it, and it is answered at once.
        """
        admission = self.admission
        if alone and not admission.taken:
            self._pass([(served, question, done)])
            return
        if not admission.taken:
            asyncio.get_running_loop().call_soon(self._end_turn)
        admission.take()
        self._waiting.append((served, question, done))
        self._rows += question.size
        if self._rows >= _ROWS:
            self.flush()

    def aside(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do a large work in the thread, and give its result or its exception to `done` in the loop."""
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "justright-large")
        self._large += 1

        def ended(future: asyncio.Future[Any]) -> None:
            self._large -= 1
            error = future.exception()
            done(future.result() if error is None else error)

        loop.run_in_executor(self._thread, work).add_done_callback(ended)

    def flush(self) -> None:
        """Answer all that waits, one pass a version of a model."""
        waiting, self._waiting = self._waiting, []
        self._rows = 0
        if len(waiting) == 1:
            self._pass(waiting)
            return
        by_model: dict[Served, list[tuple[Served, Question, Done]]] = {}
        for item in waiting:
            by_model.setdefault(item[0], []).append(item)
        for items in by_model.values():
            self._pass(items)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _end_turn(self) -> None:
        """Answer what waits; the loop has read all that had come."""
        self.flush()
        self.admission.end_turn()

    def _pass(self, items: list[tuple[Served, Question, Done]]) -> None:
        """Answer some questions to one model."""
        questions = [question for _, question, _ in items]
        if self._counted is not None:
            self._counted(len(questions), sum(question.size for question in questions))
        found: list[Answers | JustrightError] | list[Exception]
        try:
            found = items[0][0].answers(questions)
        except Exception as error:  # noqa: BLE001 - a fault of ours: every client is told, none is left waiting
            found = [error] * len(items)
        for (_, question, done), answer in zip(items, found, strict=True):
            done(question, answer)
