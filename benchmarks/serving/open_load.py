"""An open load: requests are due at random times, whatever the server does; every answer is checked.

A request that is due takes a connection that is free. Where all are busy, or this process is 50 ms late,
it is not sent and counted as such, so that the load that reached the server is known. Latency runs from the
moment a request is sent; how late they were sent is told beside it. A connection that ends with a request on
its way is a failed request.

The loop never sleeps while requests are due: it has a core of its own, and a sleep would end a millisecond
late. About 10 us a request, so that it is not this side that is short of time.
"""

from __future__ import annotations

import asyncio
import socket
import time
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import uvloop

_SLACK: Final = 5.0  # seconds that the last answers may take
_LATE: Final = 0.05
_AGAIN: Final = 0.05  # seconds until a refused connection is tried again
_SETTLE: Final = 0.3  # seconds for all connections to open


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


class _Connection(asyncio.Protocol):
    """One connection and the request on its way, if any."""

    __slots__ = ("load", "received", "request", "sent", "transport")

    def __init__(self, load: Load) -> None:
        self.load = load
        self.request: Request | None = None
        self.received = b""
        self.sent = 0.0
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it into use."""
        self.transport = transport
        self.load.free.append(self)

    def send(self, request: Request, now: float) -> None:
        """Send a request."""
        self.request, self.sent, self.received = request, now, b""
        self.transport.write(request.data)

    def data_received(self, data: bytes) -> None:
        """Read what has come; judge it once it is whole."""
        request = self.request
        if request is None:
            self.load.unasked(data)
            return
        if self.received:
            data = self.received + data
        end = data.find(b"\r\n\r\n")
        body = data[end + 4 :] if end >= 0 else b""
        if body not in request.seen:
            head = data[: max(end, 0)].lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            if end < 0 or len(body) < int(length or 0):
                self.received = data
                return
        self.request = None
        self.load.answered(self, request, data[: end + 2], body)

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self.transport = None
        self.load.lost(self, exc)


class Load:
    """A load and what came of it.

    `run` sends `rate` requests a second for so many seconds, over at most so many connections.
    """

    def __init__(self, port: int, requests: Sequence[Request], connections: int) -> None:
        self.free: deque[_Connection] = deque()  # the one idle longest is next: none is idle for long
        self._port = port
        self._requests = requests
        self._connections = connections
        self._open: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._ended = False
        self._busy = 0
        self._count: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._times: list[float] = []
        self._late: list[float] = []
        self._refused: list[float] = []
        self._examples: list[str] = []

    def run(self, rate: float, seconds: float, seed: int = 1) -> dict[str, Any]:
        """Load the server and return what was counted."""
        due = np.cumsum(np.random.default_rng(seed).exponential(1.0 / rate, int(1.2 * rate * seconds) + 50))
        moments = due[due < seconds].tolist()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            spent = runner.run(self._run(moments))
        return self._told(len(moments), spent)

    async def _run(self, moments: list[float]) -> float:
        """Send all that is due, wait for the last answers, return the seconds that sending took."""
        for _ in range(self._connections):
            self._connect(0.0)
        await asyncio.sleep(_SETTLE)
        begin, sent = time.perf_counter(), 0
        while sent < len(moments):
            until = bisect_right(moments, time.perf_counter() - begin, lo=sent)
            for place in range(sent, until):
                if not self._send(self._requests[place % len(self._requests)], begin + moments[place]):
                    self._count["unsent"] += until - place
                    break
            sent = until
            await asyncio.sleep(0)
        spent = time.perf_counter() - begin
        while self._busy and time.perf_counter() - begin < spent + _SLACK:
            await asyncio.sleep(0.01)
        self._ended = True
        self._count["failed"] += self._busy
        if self._busy:
            self._example(f"{self._busy} requests without an answer {_SLACK:g} s after the last was sent")
        for task in tuple(self._opening):
            task.cancel()
        for connection in tuple(self._open):
            connection.transport.abort()
        await asyncio.sleep(0)
        return spent

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

    def _connect(self, wait: float) -> None:
        """Open one connection after so many seconds, again and again until it is open."""
        task = asyncio.get_running_loop().create_task(self._connected(wait))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connected(self, wait: float) -> None:
        """Open one connection."""
        loop = asyncio.get_running_loop()
        while not self._ended:
            await asyncio.sleep(wait)
            wait = _AGAIN
            try:
                transport, connection = await loop.create_connection(
                    lambda: _Connection(self), "127.0.0.1", self._port
                )
            except OSError:
                self._count["not_connected"] += 1
                continue
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self._open.add(connection)
            return

    def _send(self, request: Request, due: float) -> bool:
        """Send a request if a connection is free and it is not too late for it."""
        now = time.perf_counter()
        while self.free and now - due < _LATE:
            connection = self.free.popleft()
            if connection.transport is None or connection.transport.is_closing():
                continue
            self._late.append(now - due)
            self._busy += 1
            connection.send(request, now)
            return True
        return False

    def answered(self, connection: _Connection, request: Request, head: bytes, body: bytes) -> None:
        """Count an answer and free its connection."""
        spent = time.perf_counter() - connection.sent
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
            self._count["retry_after"] += b"\r\nretry-after:" in head.lower()
            self._refused.append(spent)
        else:
            self._count["other"] += 1
            self._example(f"{status.decode()}: {body[:200]!r}")
        self._busy -= 1
        if b"connection: close" in head:
            connection.transport.close()
        else:
            self.free.append(connection)

    def unasked(self, data: bytes) -> None:
        """Count what no request asked for: a server may say why it closes a connection."""
        if data[9:12] != b"408":
            self._example(f"an answer without a request: {data[:100]!r}")
            self._count["wrong"] += 1

    def lost(self, connection: _Connection, error: Exception | None) -> None:
        """Count a connection that ended, and open another."""
        self._open.discard(connection)
        if self._ended:
            return
        if connection.request is None:
            self._count["closed_idle"] += 1
        else:
            self._busy -= 1
            self._count["failed"] += 1
            self._example("the server closed the connection" if error is None else f"on the way: {error}")
        self._connect(0.0)

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
