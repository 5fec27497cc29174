"""Who does tasks: this process, or processes of this machine; another place needs the same five members.

An executor is told once how its workers begin (`start`, a picklable callable that gives the function of all
tasks, for example after it has read a table), and then takes tasks by number:

    size                 workers: so many tasks run at once
    submit(number, task)
    completed(timeout)   -> Done, or None in time
    cancel(number)
    close()

A task that ends in an error of ours, or whose worker dies, is a Done with a sentence. Nothing hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final, Protocol, TypeAlias

from justright.errors import JustrightError, RecipeError, TrainingError

__all__ = ["Done", "Executor", "Here", "Processes", "Start", "cores"]

Start: TypeAlias = Callable[[], Callable[[Any], Any]]
"""Makes the function that does tasks, once for each worker."""

_DEATHS: Final = 3  # workers that may die at their start, one after the other
_PATIENCE: Final = 2.0  # seconds that a worker is given to leave
# Read by libraries in C before their first thread; cores are what holds where the system knows them.
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Done:
    """A task that has ended.

    Parameters
    ----------
    number : int
        Of the task.
    result : object
        What it gave; None where it failed.
    failure : str
        Why it failed, a sentence; empty where it did not.
    """

    number: int
    result: Any = None
    failure: str = ""


class Executor(Protocol):
    """Does tasks; see the module."""

    @property
    def size(self) -> int:
        """Tasks at once."""

    def submit(self, number: int, task: Any) -> None:
        """Take a task, by a number that no other one bears."""

    def completed(self, timeout: float | None = None) -> Done | None:
        """Wait for a task that has ended; None where none has after `timeout` seconds, or none is left."""

    def cancel(self, number: int) -> None:
        """Forget a task; its worker is ended where it is at it."""

    def close(self) -> None:
        """End all workers; tasks that were not done are forgotten."""


def cores() -> tuple[int, ...]:
    """Return the cores that this process may use.

    Examples
    --------
    >>> len(cores()) >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


class Here:
    """Does tasks in this process, one after the other, when they are waited for.

    Parameters
    ----------
    start : callable
        Makes the function that does tasks; called at the first of them.

    Examples
    --------
    >>> executor = Here(lambda: lambda task: 2 * task)
    >>> executor.submit(0, 21)
    >>> executor.completed()
    Done(number=0, result=42, failure='')
    """

    size = 1

    def __init__(self, start: Start) -> None:
        self._start = start
        self._work: Callable[[Any], Any] | None = None
        self._waiting: deque[tuple[int, Any]] = deque()

    def submit(self, number: int, task: Any) -> None:
        """Take a task."""
        self._waiting.append((number, task))

    def completed(self, timeout: float | None = None) -> Done | None:
        """Do the oldest task; `timeout` is not kept."""
        if not self._waiting:
            return None
        if self._work is None:
            self._work = self._start()
        number, task = self._waiting.popleft()
        return _attempt(self._work, number, task)

    def cancel(self, number: int) -> None:
        """Forget a task that waits."""
        self._waiting = deque(each for each in self._waiting if each[0] != number)

    def close(self) -> None:
        """Forget all tasks, and what they worked with."""
        self._waiting.clear()
        self._work = None


class _Worker:
    """A process, the way to it, and what it is at."""

    def __init__(self, place: int, process: BaseProcess, way: Connection) -> None:
        self.place = place
        self.process = process
        self.way = way
        self.ready = False
        self.number: int | None = None


class Processes:
    """Does tasks in processes of this machine.

    Parameters
    ----------
    start : callable
        Makes the function that does tasks; pickled, and called once in each process.
    processes : int
        How many; each has its own share of the cores, so that threads x processes never exceeds them.

    Raises
    ------
    RecipeError
        More processes than cores.

    Notes
    -----
    Processes are spawned, not forked: threads of numerical libraries do not survive a fork. A program that
    uses them from a script needs `if __name__ == "__main__":`, as Python says. They ignore an interrupt,
    which is their parent's to hear, and leave when their parent is gone.
    """

    def __init__(self, start: Start, processes: int) -> None:
        own = cores()
        if not 1 <= processes <= len(own):
            raise RecipeError(
                f"workers={processes}",
                allowed=f"1..{len(own)}: there are {len(own)} cores, and a worker takes at least one",
                next_step=f"--workers {min(max(processes, 1), len(own))}",
            )
        each = len(own) // processes
        self._start = start
        self._shares = [own[place * each : (place + 1) * each] for place in range(processes)]
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._waiting: deque[tuple[int, Any]] = deque()
        self._deaths = 0

    @property
    def size(self) -> int:
        """Processes."""
        return len(self._shares)

    def submit(self, number: int, task: Any) -> None:
        """Take a task, and hand it to a worker as soon as one is free."""
        self._waiting.append((number, task))
        self._hand_out()

    def completed(self, timeout: float | None = None) -> Done | None:
        """Wait for a task that has ended.

        Raises
        ------
        JustrightError
            What `start` raised in a worker.
        TrainingError
            Workers die before they have begun.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self._waiting or any(worker.number is not None for worker in self._workers):
            self._hand_out()
            left = None if until is None else max(until - time.monotonic(), 0.0)
            heard = wait([worker.way for worker in self._workers], left)
            for worker in [each for each in self._workers if each.way in heard]:
                done = self._hear(worker)
                if done is not None:
                    self._hand_out()
                    return done
            if not heard and until is not None and time.monotonic() >= until:
                return None
        return None

    def cancel(self, number: int) -> None:
        """Forget a task; a process that is at it is ended."""
        self._waiting = deque(each for each in self._waiting if each[0] != number)
        for worker in [each for each in self._workers if each.number == number]:
            self._end([worker])

    def close(self) -> None:
        """End all processes."""
        self._waiting.clear()
        self._end(list(self._workers))

    def _hand_out(self) -> None:
        """Give waiting tasks to free workers, beginning new ones as far as there is room."""
        while self._waiting:
            worker = next((each for each in self._workers if each.number is None), None)
            if worker is None and len(self._workers) < len(self._shares):
                worker = self._begin()
            if worker is None:
                return
            number, task = self._waiting.popleft()
            worker.number = number
            with suppress(OSError):
                worker.way.send((number, task))

    def _begin(self) -> _Worker:
        """Begin a worker on the first share of the cores that nobody has."""
        taken = {worker.place for worker in self._workers}
        place = next(each for each in range(len(self._shares)) if each not in taken)
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, self._shares[place]), name=f"justright-worker-{place}", daemon=True
        )
        process.start()
        theirs.close()
        worker = _Worker(place, process, ours)
        self._workers.append(worker)
        with suppress(OSError):  # it has died: its end of the way says so to `completed`
            ours.send(self._start)
        return worker

    def _hear(self, worker: _Worker) -> Done | None:
        """Take what a worker says, or note its death."""
        try:
            said = worker.way.recv()
        except (EOFError, OSError):
            return self._buried(worker)
        if isinstance(said, JustrightError):
            raise said
        if said is None:
            worker.ready, self._deaths = True, 0
            return None
        worker.number = None
        done: Done = said
        return done

    def _buried(self, worker: _Worker) -> Done | None:
        """Take a dead worker out; what it was at has failed."""
        worker.process.join(_PATIENCE)
        code = worker.process.exitcode
        self._end([worker])
        how = f"by signal {-code} ({_signal_name(-code)})" if code and code < 0 else f"with code {code}"
        if not worker.ready:
            self._deaths += 1
            if self._deaths >= _DEATHS:
                raise TrainingError(
                    f"{self._deaths} workers, one after the other, that ended {how} before they had begun",
                    allowed="workers with enough memory for the table each",
                    next_step="--workers 1",
                )
        return None if worker.number is None else Done(worker.number, None, f"its worker process ended {how}")

    def _end(self, workers: Sequence[_Worker]) -> None:
        """End processes, gently and then not."""
        for worker in workers:
            self._workers.remove(worker)
            worker.process.terminate()
        for worker in workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.way.close()


def _attempt(work: Callable[[Any], Any], number: int, task: Any) -> Done:
    """Do a task; errors that belong to the task, not to the program, are its failure."""
    try:
        return Done(number, work(task))
    except MemoryError:
        return Done(number, None, "there was not enough memory")
    except (JustrightError, ArithmeticError) as error:
        return Done(number, None, str(error) or type(error).__name__)


def _serve(way: Connection, share: Sequence[int]) -> None:
    """Do tasks until the other end is closed; runs in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(share)
    try:
        # What it is to do comes only now: reading it imports libraries, which count the cores then.
        start: Start = way.recv()
        try:
            work = start()
        except JustrightError as error:
            way.send(error)
            return
        way.send(None)
        while True:
            number, task = way.recv()
            way.send(_attempt(work, number, task))
    except (EOFError, OSError):
        return  # the parent is gone: nobody waits for an answer


def _limit(share: Sequence[int]) -> None:
    """Keep this process, and each thread that a library begins in it, on its share of the cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, share)
    for name in _THREADS:
        os.putenv(name, str(len(share)))


def _signal_name(number: int) -> str:
    """Name a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
