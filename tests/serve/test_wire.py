"""HTTP over one connection: whole requests in order, limits on what comes, and slow clients are dropped."""

from __future__ import annotations

import asyncio
import io
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.serve.limits import Limits
from justright.serve.requestlog import RequestLog
from justright.serve.server import Server, build_app

PREDICT = "/v1/models/buys:predict"
ROW = json.dumps({"instances": [{"seen": None, "colour": None}]}).encode()


def talk(wired, server, *pieces, answers=1):
    """Send pieces on one connection, and give the pipe with its answers."""

    async def main():
        pipe = wired.Pipe(server)
        for piece in pieces:
            if not pipe.closed:
                pipe.give(piece)
            await asyncio.sleep(0)
        return pipe, await pipe.answers(answers)

    return asyncio.run(main())


def test_requests_sent_ahead_are_answered_in_order(wired, plane):
    paths = ["/health", "/v1/models/buys", "/nothing", "/v1/models"]
    whole = b"".join(wired.raw("GET", path) for path in paths)
    whole = whole[:0] + wired.raw("POST", PREDICT, ROW) + whole
    _, answers = talk(wired, build_app(plane), whole, answers=5)
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 200]
    assert b"predictions" in answers[0].body and b"status" in answers[1].body


def test_a_client_that_sends_too_far_ahead_is_read_no_further(wired, plane):
    server = build_app(plane)
    pipe, _ = talk(wired, server, wired.raw("POST", PREDICT, ROW) * 12, answers=12)
    assert pipe.paused is False
    assert len(wired.parsed(bytes(pipe.sent))) == 12


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 250), max_size=6))
def test_pieces_make_the_same_request(wired, plane, cuts):
    whole = wired.raw("POST", PREDICT, ROW, {"x-request-id": "a"})
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]
    _, answers = talk(wired, build_app(plane), *pieces)
    assert answers[0].status == 200 and answers[0].headers["x-request-id"] == "a"


def test_a_body_in_chunks(wired, plane):
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunks = [b"%x\r\n" % len(part) + part + b"\r\n" for part in (ROW[:10], ROW[10:])]
    _, answers = talk(wired, build_app(plane), head, *chunks, b"0\r\n\r\n")
    assert answers[0].status == 200


def test_the_time_of_a_request_that_came_with_another_begins_with_it(wired, plane):
    server = build_app(plane)
    whole = wired.raw("GET", "/health")
    begin = time.monotonic()
    _, answers = talk(wired, server, whole * 7, answers=7)
    spent = time.monotonic() - begin
    assert [answer.status for answer in answers] == [200] * 7
    told = server.meters.text()
    assert float(told.partition("justright_request_seconds_sum ")[2].partition("\n")[0]) <= 7 * spent

    async def half():
        pipe = wired.Pipe(build_app(plane))
        pipe.give(whole + whole[:20])
        pipe.connection.check(time.monotonic() + 11)
        return await pipe.answers(2)

    assert [answer.status for answer in asyncio.run(half())] == [200, 408]


OFFER = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAAB"}


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_an_offer_of_another_protocol_is_not_taken(wired, plane, step):
    server = build_app(plane)
    plain, offered = wired.raw("POST", PREDICT, ROW), wired.raw("POST", PREDICT, ROW, OFFER)
    chunked = offered.replace(b"content-length: %d" % len(ROW), b"transfer-encoding: chunked")
    chunked = chunked[: -len(ROW)] + b"%x\r\n" % len(ROW) + ROW + b"\r\n0\r\n\r\n"
    looked = wired.raw("GET", "/health", None, OFFER)
    sent = offered + plain + chunked + looked + plain
    parts = [sent[i : i + step] for i in range(0, len(sent), step)]
    pipe, answers = talk(wired, server, *parts, answers=5)
    assert [answer.status for answer in answers] == [200] * 5
    assert len({answer.body for answer in (*answers[:3], answers[4])}) == 1
    assert not pipe.closed


def test_an_offer_with_a_close_and_one_that_is_too_long(wired, plane):
    ends = OFFER | {"connection": "upgrade, close"}
    pipe, answers = talk(wired, build_app(plane), wired.raw("POST", PREDICT, ROW, ends))
    assert answers[0].status == 200 and pipe.closed
    long = wired.raw("POST", PREDICT, b"x" * 2000, OFFER)
    _, answers = talk(wired, build_app(plane, limits=Limits(body=1000)), long)
    assert [answer.status for answer in answers] == [413]
    pipe, answers = talk(wired, build_app(plane), b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answers[0].status in (404, 405) and pipe.closed


def test_a_refusal_before_the_end_has_the_form_of_its_protocol_an_id_and_a_line(wired, plane):
    stream = io.BytesIO()
    log = RequestLog(stream)
    server = Server(plane, limits=Limits(body=1000), log=log)
    head = wired.raw("POST", "/invocations", None, {"content-length": "5000", "x-request-id": "mine-1"})
    _, answers = talk(wired, server, head)
    assert (answers[0].status, answers[0].headers["x-request-id"]) == (413, "mine-1")
    assert answers[0].json()["error_code"] == "BAD_REQUEST"
    log.close()
    line = json.loads(stream.getvalue().splitlines()[0])
    assert (line["id"], line["status"], line["path"], line["method"]) == (
        "mine-1",
        413,
        "/invocations",
        "POST",
    )


def test_a_client_that_waits_for_100_continue(wired, plane):
    head = wired.raw("POST", PREDICT, None, {"expect": "100-continue", "content-length": str(len(ROW))})
    pipe, answers = talk(wired, build_app(plane), head, ROW, answers=2)
    assert [answer.status for answer in answers] == [100, 200]


def test_connection_close_and_old_clients(wired, plane):
    server = build_app(plane)
    pipe, answers = talk(wired, server, wired.raw("GET", "/health", None, {"connection": "close"}))
    assert pipe.closed and answers[0].headers["connection"] == "close"
    pipe, answers = talk(wired, server, b"GET /health HTTP/1.0\r\n\r\n")
    assert pipe.closed and answers[0].status == 200


def test_head_has_no_body(wired, plane):
    pipe, _ = talk(wired, build_app(plane), wired.raw("HEAD", "/health"), answers=0)
    assert bytes(pipe.sent).endswith(b"\r\n\r\n") and b"200 OK" in pipe.sent


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (b"hello\r\n\r\n", 400, "not HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, "host twice"),
        (b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", 400, ""),
        (b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400, ""),
        (b"POST / HTTP/1.1\r\ncontent-length: 1001\r\n\r\n", 413, "more than 1000 bytes"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n", 4, ""),
        (
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001,
            413,
            "more than 1000",
        ),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 3000, 431, "2000 bytes of headers"),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 3000 + b"\r\n\r\n", 431, "2000 bytes of headers"),
        (
            b"GET / HTTP/1.1\r\n" + b"".join(b"x%d: y\r\n" % i for i in range(101)) + b"\r\n",
            431,
            "100 headers",
        ),
    ],
)
def test_what_is_too_much_or_no_request(wired, plane, sent, status, message):
    server = build_app(plane, limits=Limits(body=1000, head=2000))
    pipe, answers = talk(wired, server, sent)
    assert answers[0].status == status or answers[0].status // 100 == status
    assert list(answers[0].json()) == ["error"]
    assert message in answers[0].json()["error"]
    assert answers[0].headers["connection"] == "close"
    assert pipe.half  # the client may read the reason before the connection ends
    pipe.give(b"x" * 10_000)
    assert len(wired.parsed(bytes(pipe.sent))) == 1


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=60), begin=st.integers(0, 120), end=st.integers(0, 120))
def test_odd_bytes_on_the_wire_are_never_a_500(wired, plane, noise, begin, end):
    whole = wired.raw("POST", PREDICT, ROW)
    sent = whole[:begin] + noise + whole[end:]

    async def main():
        pipe = wired.Pipe(build_app(plane))
        pipe.give(sent)
        for _ in range(4):
            await asyncio.sleep(0)
        return wired.parsed(bytes(pipe.sent))

    assert all(answer.status < 500 for answer in asyncio.run(main()))


@pytest.mark.parametrize(
    ("sent", "late", "status"),
    [(b"", 11, 408), (b"GET / HTT", 11, 408), (b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc", 61, 408)],
)
def test_slow_clients_are_dropped(wired, plane, sent, late, status):
    async def main():
        server = build_app(plane)
        pipe = wired.Pipe(server)
        pipe.give(sent) if sent else None
        now = time.monotonic()
        pipe.connection.check(now + late - 5)
        assert not pipe.sent
        pipe.connection.check(now + late)
        assert wired.parsed(bytes(pipe.sent))[0].status == status
        pipe.connection.check(time.monotonic() + 3)
        assert pipe.aborted
        assert server.connections.dropped == 1

    asyncio.run(main())


def test_idle_and_deaf_clients_are_closed(wired, plane):
    async def main():
        server = build_app(plane)
        idle, deaf = wired.Pipe(server), wired.Pipe(server)
        for pipe in (idle, deaf):
            pipe.give(wired.raw("GET", "/health"))
        deaf.connection.pause_writing()
        now = time.monotonic()
        for pipe in (idle, deaf):
            pipe.connection.check(now + 59)
            assert not pipe.closed
        idle.connection.check(now + 76)
        deaf.connection.check(now + 61)
        assert (idle.closed, idle.aborted, deaf.aborted) == (True, False, True)

    asyncio.run(main())


def test_draining_finishes_what_is_open(wired, plane):
    async def main():
        server = build_app(plane)
        idle, open_, half, new, late = (wired.Pipe(server) for _ in range(5))
        idle.give(wired.raw("GET", "/health"))
        open_.give(wired.raw("POST", PREDICT, ROW))
        half.give(wired.raw("POST", PREDICT, ROW)[:-5])
        server.connections.drain()
        # What is on its way to a connection that seems idle is still answered, and then it closes.
        late.give(wired.raw("POST", PREDICT, ROW))
        server.connections.tick()
        assert not any(pipe.closed for pipe in (idle, open_, half, new))
        for pipe in (idle, open_, half, new):
            pipe.connection.check(time.monotonic() + 1)
        assert idle.closed and new.closed and not open_.closed and not half.closed
        assert (await late.answers(1))[0].headers["connection"] == "close" and late.closed
        assert (await open_.answers(1))[0].headers["connection"] == "close"
        half.give(ROW[-5:])
        assert (await half.answers(1))[0].status == 200
        await asyncio.sleep(0)
        assert open_.closed and half.closed and not server.connections.open

    asyncio.run(main())


def test_connections_are_bounded(wired, plane):
    async def main():
        server = build_app(plane, limits=Limits(connections=2))
        pipes = [wired.Pipe(server) for _ in range(3)]
        assert wired.parsed(bytes(pipes[2].sent))[0].status == 503
        assert len(server.connections.open) == 2

    asyncio.run(main())


def test_a_client_that_leaves_early_harms_nobody(wired, plane):
    async def main():
        server = build_app(plane)
        gone, stays = wired.Pipe(server), wired.Pipe(server)
        gone.give(wired.raw("POST", PREDICT, ROW))
        stays.give(wired.raw("POST", PREDICT, ROW))
        gone.close()
        assert (await stays.answers(1))[0].status == 200

    asyncio.run(main())
