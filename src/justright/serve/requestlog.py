"""The access log: one line of JSON a request, written by a thread that the server never waits for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Any, Final

import msgspec

__all__ = ["RequestLog"]

_MOST: Final = 20_000
_EVERY: Final = 0.2
_PIECE: Final = 4096


class RequestLog:
    """Lines of JSON to a file or to standard error.

    Parameters
    ----------
    stream : binary file, optional
        Where lines go; None = nowhere.
    lost : callable, optional
        Told how many lines were left out because the stream was slower than the requests.

    Notes
    -----
    At most 20,000 lines wait; about a microsecond a line for the server.

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO()
    >>> log = RequestLog(stream)
    >>> log.write({"event": "reload", "model": "churn"})
    >>> log.close()
    >>> stream.getvalue()
    b'{"event":"reload","model":"churn"}\\n'
    """

    def __init__(self, stream: IO[bytes] | None, lost: Callable[[int], None] | None = None) -> None:
        self._stream = stream
        self._lost = lost
        self._lines: deque[bytes] = deque()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._encode = msgspec.json.Encoder().encode

    @property
    def on(self) -> bool:
        """Lines go somewhere."""
        return self._stream is not None

    def write(self, line: dict[str, Any]) -> None:
        """Take one line; never waits."""
        if self._stream is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="justright-log", daemon=True)
            self._thread.start()
        if len(self._lines) >= _MOST:
            if self._lost is not None:
                self._lost(1)
            return
        self._lines.append(self._encode(line))

    def write_now(self, line: dict[str, Any]) -> None:
        """Write one line at once; for a process that starts no thread."""
        self._lines.append(self._encode(line))
        self._flush()

    def close(self) -> None:
        """Write what waits, and end the thread; gives up after two seconds."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        """Write what has gathered, again and again."""
        while not self._ended.wait(_EVERY):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        """Write what has gathered."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines or self._stream is None:
            return
        # Several processes may share a pipe, which takes 4,096 bytes as one piece.
        piece: list[bytes] = []
        size = 0
        for line in lines:
            if piece and size + len(line) >= _PIECE:
                self._out(piece)
                piece, size = [], 0
            piece.append(line)
            size += len(line) + 1
        self._out(piece)

    def _out(self, lines: list[bytes]) -> None:
        """Write some lines as one piece."""
        assert self._stream is not None
        try:
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()
        except (OSError, ValueError):  # a full disk or a closed pipe: the server goes on without its log
            if self._lost is not None:
                self._lost(len(lines))
