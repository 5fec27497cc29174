"""An open load: requests are due at random times, whatever the server does; every answer is checked.

A request that is due takes a connection that is free. Where all are busy, or this process is 50 ms late,
it is not sent and counted as such, so that the load that reached the server is known. Latency runs from the
moment a request is sent; how late they were sent is told beside it. A connection that ends with a request on
its way is a failed request.
"""

from __future__ import annotations

import errno
import heapq
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

_READ: Final = 1 << 18
_SLACK: Final = 5.0  # seconds that the last answers may take
_LATE: Final = 0.05
_AGAIN: Final = 0.05  # seconds until a refused connection is tried again


@dataclass(frozen=True)
class Request:
    """One request as bytes, and what names the right answer that a body is, None for a wrong one."""

    data: bytes
    judge: Callable[[bytes], str | None]
    seen: dict[bytes, str] = field(default_factory=dict)

    def judged(self, body: bytes) -> str | None:
        """Judge an answer; one that came before is remembered."""
        known = self.seen.get(body)
        if known is None:
            known = self.judge(body)
            if known is not None and len(self.seen) < 64:
                self.seen[body] = known
        return known


class _Connection:
    """One connection and the request on its way, if any."""

    __slots__ = ("open", "received", "request", "rest", "sent", "socket")

    def __init__(self) -> None:
        self.request: Request | None = None
        self.open = False
        self.received = b""
        self.rest = b""
        self.sent = 0.0
        self.socket: Any = None


class Load:
    """A load and what came of it.

    `run` sends `rate` requests a second for so many seconds, over at most so many connections.
    """

    def __init__(self, port: int, requests: Sequence[Request], connections: int) -> None:
        self._address = ("127.0.0.1", port)
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._free: deque[_Connection] = deque()  # the one idle longest is next: none is idle for long
        self._waiting: list[tuple[float, int, _Connection]] = []  # to be opened again, at what time
        self._busy = 0
        self._count: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._times: list[float] = []
        self._late: list[float] = []
        self._refused: list[float] = []
        self._examples: list[str] = []
        self._all = [_Connection() for _ in range(connections)]

    def run(self, rate: float, seconds: float, seed: int = 1) -> dict[str, Any]:
        """Load the server and return what was counted."""
        for connection in self._all:
            self._open(connection)
        self._poll(time.perf_counter() + 0.3, 0.3)
        due = np.cumsum(np.random.default_rng(seed).exponential(1.0 / rate, int(1.2 * rate * seconds) + 50))
        moments = due[due < seconds].tolist()
        begin, sent = time.perf_counter(), 0
        while sent < len(moments):
            now = time.perf_counter()
            while sent < len(moments) and begin + moments[sent] <= now:
                self._send(self._requests[sent % len(self._requests)], begin + moments[sent])
                sent += 1
            if sent < len(moments):
                self._poll(now, max(begin + moments[sent] - time.perf_counter(), 0.0))
        spent = time.perf_counter() - begin
        while self._busy and time.perf_counter() - begin < spent + _SLACK:
            self._poll(time.perf_counter(), 0.05)
        self._count["failed"] += self._busy
        if self._busy:
            self._example(f"{self._busy} requests without an answer {_SLACK:g} s after the last was sent")
        for connection in self._all:
            self._drop(connection)
        return self._told(len(moments), spent)

    def _told(self, due: int, spent: float) -> dict[str, Any]:
        """Return the counts and the quantiles."""
        made: dict[str, Any] = {"due": due, "seconds": round(spent, 2)}
        kinds = ("unsent", "right", "wrong", "refused", "failed", "other", "closed_idle", "not_connected")
        made |= {kind: self._count[kind] for kind in kinds}
        made["offered_rate"] = round((due - self._count["unsent"]) / spent, 1)
        made["right_rate"] = round(self._count["right"] / spent, 1)
        made["retry_after"] = self._count["retry_after"]
        made |= quantiles(self._times)
        made["late_ms"] = quantiles(self._late)
        made["refused_ms"] = quantiles(self._refused)
        made["by_answer"] = dict(self._right)
        made["examples"] = self._examples
        return made

    def _open(self, connection: _Connection) -> None:
        """Begin to connect."""
        one = socket.socket()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        one.setblocking(False)
        connection.socket, connection.open = one, False
        connection.received = connection.rest = b""
        found = one.connect_ex(self._address)
        if found not in (0, errno.EINPROGRESS):
            self._later(connection)
            return
        self._selector.register(one, selectors.EVENT_WRITE, connection)

    def _opened(self, connection: _Connection) -> None:
        """Take a connection into use, or try again soon."""
        if connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._later(connection)
            return
        connection.open = True
        self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
        self._free.append(connection)

    def _later(self, connection: _Connection) -> None:
        """Try to connect again soon."""
        self._count["not_connected"] += 1
        self._drop(connection)
        heapq.heappush(self._waiting, (time.perf_counter() + _AGAIN, id(connection), connection))

    def _drop(self, connection: _Connection) -> None:
        """Close a connection."""
        if connection.socket is None:
            return
        if connection.socket.fileno() in self._selector.get_map():
            self._selector.unregister(connection.socket)
        connection.socket.close()
        connection.socket, connection.open = None, False

    def _send(self, request: Request, due: float) -> None:
        """Send a request if a connection is free and it is not too late for it."""
        now = time.perf_counter()
        while self._free and now - due < _LATE:
            connection = self._free.popleft()
            # One that was closed while it was free and is open again stands here twice.
            if connection.open and connection.request is None:
                break
        else:
            self._count["unsent"] += 1
            return
        connection.request, connection.sent, connection.received = request, now, b""
        self._late.append(now - due)
        connection.rest = request.data
        self._busy += 1
        self._push(connection)

    def _push(self, connection: _Connection) -> None:
        """Send what is left of a request."""
        try:
            count = connection.socket.send(connection.rest)
        except BlockingIOError:
            count = 0
        except OSError as error:
            self._failed(connection, f"while sending: {error}")
            return
        before, connection.rest = connection.rest, connection.rest[count:]
        if connection.rest:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(connection.socket, both, connection)
        elif connection.request is not None and before is not connection.request.data:
            self._selector.modify(connection.socket, selectors.EVENT_READ, connection)

    def _poll(self, now: float, patience: float) -> None:
        """Wait for whatever comes first and deal with it."""
        while self._waiting and self._waiting[0][0] <= now:
            self._open(heapq.heappop(self._waiting)[2])
        for key, mask in self._selector.select(patience):
            connection = key.data
            if not connection.open:
                self._opened(connection)
                continue
            if mask & selectors.EVENT_READ:
                self._receive(connection)
            if mask & selectors.EVENT_WRITE and connection.open and connection.rest:
                self._push(connection)

    def _receive(self, connection: _Connection) -> None:
        """Read what has come; judge it once it is whole."""
        try:
            data = connection.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(connection, f"while waiting: {error}")
            return
        if not data:
            self._failed(connection, "the server closed the connection")
            return
        if connection.request is None:
            # A server may say why it closes a connection that was never used.
            if data[9:12] != b"408":
                self._example(f"an answer without a request: {data[:100]!r}")
                self._count["wrong"] += 1
            return
        connection.received += data
        head, found, body = connection.received.partition(b"\r\n\r\n")
        if found:
            low = head.lower()
            if len(body) >= int(low.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0):
                self._answered(connection, low, body)

    def _answered(self, connection: _Connection, head: bytes, body: bytes) -> None:
        """Count an answer and free its connection."""
        request, spent = connection.request, time.perf_counter() - connection.sent
        assert request is not None
        status = head[9:12]
        if status == b"200":
            name = request.judged(body)
            self._count["wrong" if name is None else "right"] += 1
            self._times.append(spent)
            if name is None:
                self._example(f"wrong: {body[:200]!r}")
            else:
                self._right[name] += 1
        elif status == b"429":
            self._count["refused"] += 1
            self._count["retry_after"] += b"\r\nretry-after:" in head
            self._refused.append(spent)
        else:
            self._count["other"] += 1
            self._example(f"{status.decode()}: {body[:200]!r}")
        self._busy -= 1
        connection.request = None
        if connection.rest or b"connection: close" in head:
            self._drop(connection)
            self._open(connection)
        else:
            self._free.append(connection)

    def _failed(self, connection: _Connection, words: str) -> None:
        """Count a connection that ended, and open it anew."""
        if connection.request is None:
            self._count["closed_idle"] += 1
        else:
            self._busy -= 1
            self._count["failed"] += 1
            self._example(words)
        connection.request = None
        self._drop(connection)
        self._open(connection)

    def _example(self, words: str) -> None:
        """Keep the first few words on what went wrong."""
        if len(self._examples) < 5 and words not in self._examples:
            self._examples.append(words)


def quantiles(times: Sequence[float]) -> dict[str, float]:
    """Return quantiles in milliseconds; empty without times."""
    if not times:
        return {}
    ranked = sorted(times)
    ranks = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: round(1e3 * ranked[int(share * (len(ranked) - 1))], 3) for name, share in ranks.items()}
