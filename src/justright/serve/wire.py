"""HTTP/1.1 over one connection: bytes to requests, answers to bytes, with every limit on the way.

    transport -> httptools (llhttp) -> Request -> handle(request, connection) -> connection.reply(...)

A request is handed on once it is whole. One request of a connection is answered at a time; what a client
sends ahead waits. There is no task and no coroutine on the way: `handle` may answer at once or later.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Final, TypeAlias

import httptools

from justright.serve.limits import Limits

__all__ = ["JSON", "PLAIN", "Connection", "Connections", "Handle", "Request"]

JSON: Final = "application/json"
PLAIN: Final = "text/plain; charset=utf-8"

_AHEAD: Final = 8  # requests that a client may send before it reads an answer
_HEADERS: Final = 100
_LAST: Final = 0.5  # seconds after its last answer in which a request may come while the server ends
_LINGER: Final = 2.0  # seconds in which a client may read why it was refused
_OFFERS: Final = (b"upgrade", b"http2-settings", b"connection")
_NAMES: Final = (b"content-length", b"host", b"authorization")  # must not come twice


class Request:
    """One whole request.

    Parameters
    ----------
    method : str
        In capitals.
    url : bytes
        As it was sent: path and query.
    headers : mapping of bytes to bytes
        By name in small letters.
    body : bytes
    begun : float
        `time.monotonic()` when its first byte came.

    Attributes
    ----------
    size : int
        Bytes of the body, also once it is dropped.
    """

    __slots__ = ("begun", "body", "headers", "id", "keep", "method", "size", "url")

    def __init__(
        self, method: str, url: bytes, headers: Mapping[bytes, bytes], body: bytes, begun: float
    ) -> None:
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.size = len(body)
        self.begun = begun
        self.keep = True
        self.id = ""


Handle: TypeAlias = "Callable[[Request, Connection], None]"
"""Answers a request by `connection.reply`, now or later, once."""


class Connections:
    """The open connections of a process: told the time, they close those that waste it.

    Parameters
    ----------
    handle : callable
        Answers requests.
    limits : Limits
    malformed : callable
        `(status, sentence, request) -> (head, body)` of a refusal that is made before a request is whole, of
        which the body, and maybe more, is missing; the head as for `Connection.reply`.
    """

    def __init__(
        self, handle: Handle, limits: Limits, malformed: Callable[[int, str, Request], tuple[bytes, bytes]]
    ) -> None:
        self.handle = handle
        self.limits = limits
        self.malformed = malformed
        self.open: set[Connection] = set()
        self.draining = False
        self.date = b""
        self.dropped = 0
        self.tick()

    def make(self) -> Connection:
        """Make the connection of a client that just came."""
        return Connection(self)

    def tick(self) -> None:
        """Renew the date and drop who is too slow; call it about once a second."""
        self.date = b"\r\ndate: " + formatdate(usegmt=True).encode("ascii")
        now = time.monotonic()
        for connection in tuple(self.open):
            connection.check(now)

    def drain(self) -> None:
        """Close every connection after the answer to its next request, or once it is idle for a moment.

        One that is closed at once would be reset under a request that is on its way.
        """
        self.draining = True
        for connection in tuple(self.open):
            connection.drain()


class Connection(asyncio.Protocol):
    """One connection of one client.

    Parameters
    ----------
    family : Connections
        What it shares with the others.
    """

    __slots__ = ("_ahead", "_blocked", "_busy", "_deaf", "_done", "_family", "_incoming", "_transport")

    def __init__(self, family: Connections) -> None:
        self._family = family
        self._incoming = _Incoming(self, family.limits)
        self._ahead: deque[Request] = deque()
        self._busy: Request | None = None
        self._done = time.monotonic()  # when the last answer was written
        self._blocked = 0.0  # since when the client takes nothing
        self._deaf = 0.0  # since when nothing of it is listened to
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is a Transport without being one
        if len(self._family.open) >= self._family.limits.connections:
            self.refuse(503, "too many connections are open")
            return
        self._family.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left."""
        self._family.open.discard(self)
        self._transport = None
        self._ahead.clear()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._deaf:
            return
        if not self._incoming.feed(data):  # it wants a tunnel, which is not given here
            self._end_after()
            if self._busy is None and self._transport is not None:
                self._transport.close()

    def eof_received(self) -> bool:
        """The client sends no more; what it asked is still answered."""
        if self._busy is None:
            return False
        self._end_after()
        return True

    def pause_writing(self) -> None:
        """The client reads slower than it asks."""
        self._blocked = time.monotonic()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._blocked = 0.0

    def take(self, request: Request) -> None:
        """Hand a whole request on, or let it wait for the one before."""
        transport = self._transport
        if self._deaf or transport is None or transport.is_closing():
            return
        request.keep = request.keep and not self._family.draining
        if self._busy is None:
            self._busy = request
            self._family.handle(request, self)
            return
        self._ahead.append(request)
        if len(self._ahead) >= _AHEAD:
            transport.pause_reading()

    def wait_no_more(self) -> None:
        """Tell a client that asked whether it may send its body."""
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def reply(self, head: bytes, body: bytes) -> None:
        """Write the answer to the request that is being answered, then take the next one.

        Parameters
        ----------
        head : bytes
            Status line and headers, each line ended, without the empty line, the length and the date.
        body : bytes
        """
        request, self._busy = self._busy, None
        transport = self._transport
        if transport is None or transport.is_closing() or request is None:
            return
        length = b"content-length: %d" % len(body)
        end = b"\r\n\r\n" if request.keep else b"\r\nconnection: close\r\n\r\n"
        sent = b"" if request.method == "HEAD" else body
        transport.write(b"".join((head, length, self._family.date, end, sent)))
        self._done = time.monotonic()
        if not request.keep:
            transport.close()
        elif self._ahead:
            asyncio.get_running_loop().call_soon(self._next)

    def check(self, now: float) -> None:
        """Drop the client if it is too slow."""
        limits, transport = self._family.limits, self._transport
        if transport is None:
            return
        if self._deaf and now - self._deaf > _LINGER:
            transport.abort()
        elif self._blocked and now - self._blocked > limits.body_seconds:
            self._family.dropped += 1
            transport.abort()
        elif self._deaf or self._busy is not None:
            return
        elif self._incoming.begun and not (self._family.draining and self._incoming.empty):
            late = limits.body_seconds if self._incoming.in_body else limits.head_seconds
            if now - self._incoming.begun > late:
                self._family.dropped += 1
                self.refuse(408, f"the request was not whole after {late:g} seconds")
        elif now - self._done > (_LAST if self._family.draining else limits.idle_seconds):
            transport.close()

    def drain(self) -> None:
        """Close after the last request that has come."""
        self._end_after()

    def refuse(self, status: int, sentence: str) -> None:
        """Refuse and close: what follows on this connection cannot be understood, or is too much.

        A connection that is closed at once would be reset with what is still coming in, and the client would
        never read why; so it is closed when the client ends, or a moment later.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._deaf:
            return
        self._deaf = time.monotonic()
        if self._busy is not None:  # the answer that is being made comes first, and then the end
            self._ahead.clear()
            self._end_after()
            return
        head, body = self._family.malformed(status, sentence, self._incoming.so_far())
        length = b"content-length: %d" % len(body)
        transport.write(b"".join((head, length, self._family.date, b"\r\nconnection: close\r\n\r\n", body)))
        if transport.can_write_eof():
            transport.write_eof()

    def _next(self) -> None:
        """Answer what the client sent ahead."""
        if self._transport is None or self._busy is not None or not self._ahead:
            return
        if len(self._ahead) >= _AHEAD:
            self._transport.resume_reading()
        self._busy = self._ahead.popleft()
        self._family.handle(self._busy, self)

    def _end_after(self) -> None:
        """Close after the answer to the last request that came."""
        last = self._ahead[-1] if self._ahead else self._busy
        if last is not None:
            last.keep = False


class _Incoming:
    """What comes in on a connection, piece by piece, until a request is whole.

    The parser calls what begins with `on_`; an error raised there would be lost: a refusal closes instead.
    """

    __slots__ = (
        "_body", "_connection", "_head", "_headers", "_limits", "_over", "_parser", "_size", "_upgrade",
        "_url", "begun", "in_body",
    )  # fmt: skip

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self.begun = time.monotonic()  # of the request that is coming in, 0 = none is
        self.in_body = False
        self._over = False
        self._upgrade = False
        self._head = 0
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0  # bytes of the headers, then of the body

    def feed(self, data: bytes) -> bool:
        """Take what came; False where the client wants another protocol from now on."""
        if not self.begun:
            self.begun = time.monotonic()
        if not self.in_body:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            return self._upgrade and self._as_it_is(data[stop.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(400, f"received what is not HTTP/1.1 ({error!s:.80})")
            return True
        if not self.in_body and self._head > self._limits.head:
            self._refuse(431, f"received more than {self._limits.head} bytes of headers")
        return True

    @property
    def empty(self) -> bool:
        """Nothing of a request has come."""
        return not self._head and not self.in_body

    def so_far(self) -> Request:
        """Return what is known of a request that is not whole."""
        method = self._parser.get_method().decode("ascii") if self._url else ""
        return Request(method, self._url, self._headers, b"", self.begun or time.monotonic())

    def _as_it_is(self, rest: bytes) -> bool:
        """Read a request whose client offers another protocol as if it did not: the offer is not taken.

        Clients of Java offer HTTP/2 with every first request; RFC 9110, 7.8: a server may ignore that.
        """
        self._upgrade = False
        line = b"%s %s HTTP/%s\r\n" % (
            self._parser.get_method(),
            self._url,
            self._parser.get_http_version().encode("ascii"),
        )
        kept = [(name, value) for name, value in self._headers.items() if name not in _OFFERS]
        if b"close" in self._headers.get(b"connection", b"").lower():
            kept.append((b"connection", b"close"))
        head = b"".join(b"%s: %s\r\n" % each for each in kept)
        self._parser = httptools.HttpRequestParser(self)
        self.in_body, self._head = False, 0
        return self.feed(b"".join((line, head, b"\r\n", rest)))

    def on_message_begin(self) -> None:
        """A request begins."""
        if not self.begun:  # it came together with the one before
            self.begun = time.monotonic()
        self._url = b""
        self._headers = {}
        self._body = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        name = name.lower()
        if name in self._headers and name in _NAMES:
            self._refuse(400, f"received the header {name.decode('ascii', 'replace')} twice")
        elif len(self._headers) >= _HEADERS:
            self._refuse(431, f"received more than {_HEADERS} headers")
        self._size += len(name) + len(value)
        if self._size > self._limits.head:
            self._refuse(431, f"received more than {self._limits.head} bytes of headers")
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Refuse what is too long before it comes."""
        self._upgrade = self._parser.should_upgrade() and self._parser.get_method() != b"CONNECT"
        if self._upgrade:
            return
        self.in_body = True
        self._head = self._size = 0
        length = self._headers.get(b"content-length", b"0")
        if len(length) > 18 or int(length) > self._limits.body:
            self._too_long()
        elif self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._connection.wait_no_more()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._over:
            return
        self._size += len(body)
        if self._size > self._limits.body:
            self._body = []
            self._too_long()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the request on."""
        if self._over or self._upgrade:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = self._parser.get_method().decode("ascii")
        request = Request(method, self._url, self._headers, body, self.begun)
        request.keep = self._parser.should_keep_alive()
        self._body = []
        self.in_body = False
        self._head = 0
        self.begun = 0.0
        self._connection.take(request)

    def _too_long(self) -> None:
        """Refuse a body that is too long."""
        self._refuse(413, f"received more than {self._limits.body} bytes; send fewer rows at once")

    def _refuse(self, status: int, sentence: str) -> None:
        """Refuse, and take nothing more."""
        self._over = True
        self._connection.refuse(status, sentence)
