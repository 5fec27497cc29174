"""Several processes on one port: they share the listening socket, and one that dies is replaced.

The parent loads nothing more than it must, holds no loop and no thread, forks the workers, waits, and passes
signals on. A connection that a dead worker had not taken yet is taken by another, since the socket is shared.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

__all__ = ["Crew"]

_SOON: Final = 1.0  # a worker that dies sooner after its start is replaced after a pause
_PAUSE: Final = 0.5
_POLL: Final = 0.02


class Crew:
    """Runs workers until a signal comes.

    Parameters
    ----------
    size : int
        Number of workers.
    work : callable
        `(number) -> None`, what a worker does; number in 0..size - 1. It ends on SIGTERM.
    drain_seconds : float
        Workers have so long to end after SIGTERM, then they are killed.
    tell : callable, optional
        Told each event as JSON values: `worker-died`, `worker-killed`.
    look : callable, optional
        Called again and again while the workers run, for example to see whether they are ready.
    """

    def __init__(
        self,
        size: int,
        work: Callable[[int], None],
        drain_seconds: float,
        tell: Callable[[dict[str, Any]], None] = lambda event: None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        self._size = size
        self._work = work
        self._drain = drain_seconds
        self._tell = tell
        self._look = look
        self._workers: dict[int, tuple[int, float]] = {}
        self._ending = False

    def run(self) -> None:
        """Fork the workers and return once all have ended after SIGINT or SIGTERM."""

        def end(number: int, frame: object) -> None:
            self._ending = True

        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for number in range(self._size):
                self._start(number)
            while not self._ending:
                self._replace()
                self._look()
                time.sleep(_POLL)
            self._end()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self, number: int) -> None:
        """Fork one worker."""
        pid = os.fork()
        if pid:
            self._workers[pid] = (number, time.monotonic())
            return
        code = 1
        try:
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, signal.SIG_DFL)
            self._work(number)
            code = 0
        except KeyboardInterrupt:
            code = 0
        finally:
            os._exit(code)  # the parent's handlers and buffers are not ours to run

    def _replace(self) -> None:
        """Start a new worker for each that died."""
        for pid, (number, begun) in tuple(self._workers.items()):
            status = _ended(pid)
            if status is None:
                continue
            del self._workers[pid]
            self._tell({"event": "worker-died", "worker": number, "pid": pid, "code": status})
            if time.monotonic() - begun < _SOON:
                time.sleep(_PAUSE)
            if not self._ending:
                self._start(number)

    def _end(self) -> None:
        """Let all workers finish what is open, then kill who is late."""
        self._signal(signal.SIGTERM)
        last = time.monotonic() + self._drain
        while self._workers and time.monotonic() < last:
            self._reap()
            time.sleep(_POLL / 5)
        for pid, (number, _) in self._workers.items():
            self._tell({"event": "worker-killed", "worker": number, "pid": pid})
        self._signal(signal.SIGKILL)
        while self._workers:
            self._reap()
            time.sleep(_POLL / 5)

    def _reap(self) -> None:
        """Forget workers that ended."""
        for pid in tuple(self._workers):
            if _ended(pid) is not None:
                del self._workers[pid]

    def _signal(self, number: int) -> None:
        """Send a signal to all workers."""
        for pid in self._workers:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _ended(pid: int) -> int | None:
    """Return the exit code of a child, negative for a signal; None while it runs."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if found else None
