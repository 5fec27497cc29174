"""Requests to answers: finds what a path names, asks the models, and says no in the form of the protocol.

    wire.Request -> Target -> dialect.read -> Batcher -> dialect.write -> Connection.reply

Every refusal is a sentence with the row and the column, never a traceback.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
import traceback
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any, Final, NamedTuple, Protocol

from justright.errors import JustrightError, http_code
from justright.serve.access import Access
from justright.serve.batching import Batcher
from justright.serve.exchange import Answers, Described, Question, Recorder, TooManyRowsError
from justright.serve.limits import Limits
from justright.serve.metrics import Meters
from justright.serve.requestlog import RequestLog
from justright.serve.scoring import Served
from justright.serve.wire import JSON, Connection, Request

__all__ = ["Ask", "Edge", "Later", "Refusal", "Reply", "Target"]

_IDS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
_LONGEST_ID: Final = 128
_KEPT: Final = 1024
_KNOWN: Final = "GET /, /health, /metrics, /openapi.json, /v1/models/NAME, POST /v1/models/NAME:predict"
_FAULT: Final = "a fault inside the server; its log says more"


class Reply(NamedTuple):
    """An answer that is made at once.

    Parameters
    ----------
    status : int
    body : bytes
    kind : str, default JSON
        Content type.
    more : tuple of (str, str)
        Further headers.
    """

    status: int
    body: bytes
    kind: str = JSON
    more: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):  # noqa: N818 - what it says, not that it is an error
    """A no of the server itself, such as for a model that is not here.

    Parameters
    ----------
    status : int
        HTTP status.
    sentence : str
        Why, and what is allowed.
    more : tuple of (str, str)
        Further headers.
    body : bytes, optional
        The whole body, where the protocol wants another form for this status.
    kind : str
        Its content type.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        more: tuple[tuple[str, str], ...] = (),
        *,
        body: bytes | None = None,
        kind: str = JSON,
    ) -> None:
        self.status = status
        self.more = more
        self.body = body
        self.kind = kind
        super().__init__(sentence)


class Read(Protocol):
    """Reads a body: `(request, described) -> Question`, raising errors of `justright.errors`."""

    def __call__(self, request: Request, described: Described, /) -> Question: ...


class Ask(NamedTuple):
    """A question for a model.

    Parameters
    ----------
    pick : callable
        `(request) -> Served`; raises Refusal where there is none.
    read, write : callable
        Of the dialect.
    kind : str
        Content type of the answer.
    """

    pick: Callable[[Request], Served]
    read: Read
    write: Callable[[Question, Answers], bytes]
    kind: str = JSON


class Later(NamedTuple):
    """What takes a while, such as writing to disk: done in a thread.

    Parameters
    ----------
    work : callable
        Gives a Reply, or raises.
    """

    work: Callable[[Request], Reply]


class Target(NamedTuple):
    """What a path names.

    Parameters
    ----------
    protocol : str
        For the counters.
    methods : dict of str to Ask, Later or callable
        What is done by each method; a callable gives a Reply at once, or raises.
    refuse : callable
        `(status, sentence) -> body` in the form of the protocol.
    refuse_kind : str
        Its content type.
    open : bool
        Asks for no token.
    """

    protocol: str
    methods: dict[str, Ask | Later | Callable[[Request], Reply]]
    refuse: Callable[[int, str], bytes]
    refuse_kind: str = JSON
    open: bool = False


class Edge:
    """Answers requests.

    Parameters
    ----------
    find : callable
        `(path) -> Target`, of a path without its query; never fails: what names nothing is a Target that
        refuses.
    limits : Limits
    access : Access
    meters : Meters
    log : RequestLog
    recorder : Recorder, optional
        Told every answered question once its answer is sent.
    clock : callable, optional
        Seconds since 1970.

    Attributes
    ----------
    batcher : Batcher
    alone : callable
        True where a single connection is open, whose request nothing can join.
    """

    def __init__(
        self,
        find: Callable[[str], Target],
        *,
        limits: Limits,
        access: Access,
        meters: Meters,
        log: RequestLog,
        recorder: Recorder | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._find = find
        self._limits = limits
        self._access = access
        self._meters = meters
        self._log = log
        self._recorder = recorder
        self._clock = clock
        self.alone: Callable[[], bool] = lambda: False
        self.batcher = Batcher(limits, self.counted)
        self._targets: dict[bytes, Target] = {}
        self._heads: dict[tuple[int, str], bytes] = {}
        self._ids = _Ids()

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer a request, now or once the models have."""
        request.id = self._ids.of(request.headers.get(b"x-request-id"))
        target = self._targets.get(request.url) or self._target(request.url)
        opened = _Opened(self, request, connection, target)
        try:
            self._check(request, target)
            action = target.methods.get(request.method)
            if action is None and request.method == "HEAD":
                action = target.methods.get("GET")
            if action is None and not target.methods:
                raise Refusal(404, f"received {request.method} {_shown(request.url)}; allowed: {_KNOWN}")
            if action is None:
                allowed = ", ".join(sorted(target.methods))
                received = f"received {request.method} {_shown(request.url)}; allowed: {allowed or 'nothing'}"
                raise Refusal(405, received, (("allow", allowed),))
            if isinstance(action, Ask):
                self._ask(action, request, opened)
            elif isinstance(action, Later):
                self._aside(partial(action.work, request), opened)
            else:
                opened.reply(action(request))
        except Exception as error:  # noqa: BLE001 - translated: ours to a sentence, others to a 500 and the log
            opened.refuse(error)

    def malformed(self, status: int, sentence: str, request: Request) -> tuple[bytes, bytes]:
        """Return head and body of a refusal of what is no whole request; count and log it."""
        request.id = self._ids.of(request.headers.get(b"x-request-id"))
        target = self._target(request.url or b"/")
        body = target.refuse(status, sentence)
        self.ended(request, target, status, len(body))
        return b"".join((self.head(status, target.refuse_kind), request.id.encode("latin-1"), b"\r\n")), body

    def _check(self, request: Request, target: Target) -> None:
        """Refuse who may not ask."""
        host = request.headers.get(b"host")
        if not self._access.reaches(host):
            named = "none" if host is None else _shown(host)
            raise Refusal(421, f"received the host {named}; allowed: those of --allow-host")
        if request.headers.get(b"content-encoding", b"identity").lower() != b"identity" and request.body:
            raise Refusal(415, "received a compressed body; allowed: one that is not")
        if not target.open and not self._access.knows(request.headers.get(b"authorization")):
            sentence = "received no token that is known; allowed: a header 'Authorization: Bearer TOKEN'"
            raise Refusal(401, sentence, (("www-authenticate", "Bearer"),))

    def _ask(self, ask: Ask, request: Request, opened: _Opened) -> None:
        """Read the question and have it answered."""
        batcher = self.batcher
        served = ask.pick(request)
        opened.ask, opened.served = ask, served
        if len(request.body) >= self._limits.large:
            self._aside(partial(self._large, ask, request, served), opened)
            return
        if batcher.admission.full:
            self._shed(opened)
            return
        question = ask.read(request, served.described)
        _check_rows(question, self._limits.rows)
        batcher.submit(served, question, opened, alone=self.alone())

    def _aside(self, work: Callable[[], Any], opened: _Opened) -> None:
        """Do something in the thread."""
        if self.batcher.large_full:
            self._shed(opened)
            return
        self.batcher.aside(work, opened.aside_done)

    def _large(self, ask: Ask, request: Request, served: Served) -> tuple[Question, Answers, bytes]:
        """Read, answer and write in the thread of large requests."""
        question = ask.read(request, served.described)
        _check_rows(question, self._limits.rows)
        answers = served.answer(question)
        return question, answers, ask.write(question, answers)

    def _shed(self, opened: _Opened) -> None:
        """Refuse since too many wait; a while later, for who is told at once may ask again at once.

        And not all at one time, for they would come again together.
        """
        self._meters.add("shed_total")
        self.batcher.admission.held += 1
        opened.request.body = b""
        wait = self._limits.refusal_seconds * (0.5 + random.random())
        asyncio.get_running_loop().call_later(wait, self._come_again, opened)

    def _come_again(self, opened: _Opened) -> None:
        """Tell a client that it was refused."""
        self.batcher.admission.held -= 1
        opened.refuse(Refusal(429, "too many requests wait; try again in a second", (("retry-after", "1"),)))

    def counted(self, requests: int, rows: int) -> None:
        """Count a pass."""
        meters = self._meters
        meters.add("batches_total")
        meters.add("batched_requests_total", requests)
        meters.add("rows_total", rows)

    def _target(self, url: bytes) -> Target:
        """Find what a URL names, and keep it."""
        path = url.decode("latin-1").partition("?")[0].partition("#")[0]
        if "://" in path[:8]:  # a proxy may send the whole address
            path = "/" + path.partition("://")[2].partition("/")[2]
        target = self._find(path)
        if target.methods and len(self._targets) < _KEPT:
            self._targets[url] = target
        return target

    def head(self, status: int, kind: str) -> bytes:
        """Return the status line and the headers that are always the same."""
        found = self._heads.get((status, kind))
        if found is None:
            line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {kind}\r\n"
            found = self._heads[status, kind] = (line + "x-request-id: ").encode("latin-1")
        return found

    def ended(
        self,
        request: Request,
        target: Target,
        status: int,
        size: int,
        served: Served | None = None,
        rows: int = 0,
    ) -> None:
        """Count and log an answer that is about to be sent."""
        seconds = time.monotonic() - request.begun
        self._meters.request(target.protocol, status, seconds)
        if self._log.on:
            line: dict[str, Any] = {
                "time": round(self._clock(), 6),
                "id": request.id,
                "method": request.method,
                "path": _shown(request.url),
                "status": status,
                "ms": round(seconds * 1e3, 3),
                "in": request.size,
                "out": size,
            }
            if served is not None:
                line |= {"model": served.name, "version": served.version, "rows": rows}
            self._log.write(line)

    def record(self, question: Question, answers: Answers) -> None:
        """Tell the recorder what was answered."""
        if self._recorder is not None:
            self._recorder.record(question, answers, self._clock())

    def fault(self, request: Request, error: Exception) -> None:
        """Write a fault of ours to the log, with its traceback, which no client sees."""
        text = "".join(traceback.format_exception(error))
        self._log.write({"time": round(self._clock(), 6), "event": "fault", "id": request.id, "trace": text})


def _check_rows(question: Question, most: int) -> None:
    """Refuse too many rows."""
    if question.size > most:
        raise TooManyRowsError(f"{question.size} rows", allowed=f"at most {most} at once")


class _Ids:
    """Ids of requests: their own where it is safe to repeat, else a new one."""

    def __init__(self) -> None:
        # No two processes, and no two starts, give one id.
        self._mark = f"{os.getpid():x}{secrets.token_hex(4)}-"
        self._number = count(1)

    def of(self, asked: bytes | None) -> str:
        """Return the id of a request by what its header says."""
        if asked is not None:
            text = asked.decode("latin-1")
            if 0 < len(text) <= _LONGEST_ID and _IDS.issuperset(text):
                return text
        return f"{self._mark}{next(self._number):x}"


class _Opened:
    """A request that is being answered; called with the answers to its question."""

    __slots__ = ("_connection", "_edge", "ask", "request", "served", "target")

    def __init__(self, edge: Edge, request: Request, connection: Connection, target: Target) -> None:
        self._edge = edge
        self._connection = connection
        self.request = request
        self.target = target
        self.ask: Ask | None = None
        self.served: Served | None = None

    def __call__(self, question: Question, answers: Answers | Exception) -> None:
        """Write the answers to the question."""
        if isinstance(answers, Exception):
            self.refuse(answers)
            return
        assert self.ask is not None
        try:
            body = self.ask.write(question, answers)
        except Exception as error:  # noqa: BLE001 - translated
            self.refuse(error)
            return
        self._answered(question, answers, body)

    def aside_done(self, result: tuple[Question, Answers, bytes] | Reply | Exception) -> None:
        """Send what the thread made."""
        if isinstance(result, Exception):
            self.refuse(result)
        elif isinstance(result, Reply):
            self.reply(result)
        else:
            self._edge.counted(1, result[0].size)
            self._answered(*result)

    def reply(self, reply: Reply) -> None:
        """Send an answer."""
        edge, request = self._edge, self.request
        lines = [edge.head(reply.status, reply.kind), request.id.encode("latin-1"), b"\r\n"]
        lines += [f"{name}: {value}\r\n".encode("latin-1") for name, value in reply.more]
        edge.ended(request, self.target, reply.status, len(reply.body), self.served)
        self._connection.reply(b"".join(lines), reply.body)

    def refuse(self, error: Exception) -> None:
        """Send a no in the form of the protocol."""
        target = self.target
        more: tuple[tuple[str, str], ...] = ()
        if isinstance(error, Refusal) and error.body is not None:
            self.reply(Reply(error.status, error.body, error.kind, error.more))
            return
        if isinstance(error, Refusal):
            status, sentence, more = error.status, str(error), error.more
        elif isinstance(error, TooManyRowsError):
            status, sentence = 413, str(error)
        elif isinstance(error, JustrightError):
            status, sentence = http_code(error), str(error)
        else:
            status, sentence = 500, _FAULT
            self._edge.fault(self.request, error)
        self.reply(Reply(status, target.refuse(status, sentence), target.refuse_kind, more))

    def _answered(self, question: Question, answers: Answers, body: bytes) -> None:
        """Send the answer of a model, then tell who keeps it."""
        assert self.ask is not None
        edge = self._edge
        head = b"".join((edge.head(200, self.ask.kind), self.request.id.encode("latin-1"), b"\r\n"))
        # Before the answer leaves: a process that dies has counted it.
        edge.ended(self.request, self.target, 200, len(body), self.served, question.size)
        self._connection.reply(head, body)
        edge.record(question, answers)


def _shown(text: bytes) -> str:
    """Return bytes of a client as short plain text."""
    return text[:200].decode("ascii", "backslashreplace")
