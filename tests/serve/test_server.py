"""A server in process: right statuses, one error form, never a 500, the same answer for every client."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.serve.dataplane import DataPlane, load_plane
from justright.serve.limits import Limits
from justright.serve.server import Server, build_app

PREDICT = "/v1/models/buys:predict"


def test_known_answers(client, golden):
    answer = client.post(PREDICT, {"instances": golden["rows"]})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    for found, expected in zip(answer.json()["predictions"], golden["predictions"], strict=True):
        assert found["label"] == expected["label"]
        assert found["probabilities"] == pytest.approx(expected["probabilities"], rel=1e-12)


def test_objects_and_lists_give_one_answer(client, golden, plane):
    lists = [[row[name] for name in plane.columns("buys")] for row in golden["rows"]]
    assert (
        client.post(PREDICT, {"instances": lists}).body
        == client.post(PREDICT, {"instances": golden["rows"]}).body
    )


def test_status_health_and_models(client):
    assert client.get("/health").json() == {"status": "ok", "models": ["buys"]}
    assert client.get("/v1/models/buys").json()["model_version_status"][0]["state"] == "AVAILABLE"
    assert client.get("/v1/models").json()["models"][0]["traffic"] == {"1": 100}
    assert client.get("/v1/models/buys/versions/1/metadata").json()["model_spec"]["version"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", PREDICT, b"", 400, "not JSON"),
        ("POST", PREDICT, b"age=1", 400, "not JSON"),
        ("POST", PREDICT, b'{"instances": []}', 400, "no instances"),
        ("POST", PREDICT, b'{"instances": [7]}', 400, "received 7 (in row 0)"),
        ("POST", PREDICT, b'{"instances": [null]}', 400, "received None (in row 0)"),
        ("POST", PREDICT, b'{"instances": [[]]}', 400, "a list of 0 values (in row 0)"),
        ("POST", PREDICT, b'{"instances": [{"colour": "red"}]}', 400, "a row without 'seen'"),
        ("POST", PREDICT, b'{"instances": [{"seen": null, "colour": {"a": 1}}]}', 400, "row 0"),
        (
            "POST",
            PREDICT,
            b'{"instances": [{"seen": "soon", "colour": null}]}',
            400,
            "seen='soon' (in row 0)",
        ),
        ("POST", PREDICT, b'{"instances": [{"seen": null, "colour": null, "age": 1e400}]}', 400, "1e400"),
        ("POST", PREDICT, b"[" * 100_000, 400, "deep"),
        ("POST", "/v1/models/sells:predict", b"{}", 404, "model='sells'; allowed: one of: buys"),
        ("POST", "/v1/models/buys/versions/7:predict", b"{}", 404, "version='7' of buys; allowed: one of: 1"),
        ("POST", "/v1/models/buys/labels/best:predict", b"{}", 404, "version='best'"),
        ("GET", "/v1/models/sells", None, 404, "model='sells'"),
        ("PUT", PREDICT, b"{}", 405, "allowed: POST"),
        ("POST", "/health", b"", 405, "allowed: GET"),
        ("GET", "/nothing", None, 404, "allowed: GET /"),
        ("GET", "/v1/models/a/b", None, 404, "received GET /v1/models/a/b"),
        ("GET", "/v1/models/..%2F..%2Fetc", None, 404, "model='../../etc'"),
    ],
)
def test_refusals_are_one_sentence(client, method, path, body, status, message):
    answer = client.request(method, path, body)
    assert answer.status == status
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]
    assert "Traceback" not in answer.text


def test_too_many_rows_are_refused(plane, wired):
    client = wired.Client(build_app(plane, limits=Limits(rows=2)))
    answer = client.post(PREDICT, {"instances": [{}, {}, {}]})
    assert answer.status in (400, 413)
    row = {"seen": None, "colour": None}
    assert client.post(PREDICT, {"instances": [row] * 3}).status == 413
    assert client.post(PREDICT, {"instances": [row] * 2}).status == 200


@pytest.mark.parametrize("large", [100, 10**9])
def test_large_requests_give_the_same_answers(plane, golden, large, wired):
    client = wired.Client(build_app(plane, limits=Limits(large=large)))
    rows = golden["rows"] * 300
    answer = client.post(PREDICT, {"instances": rows}).json()["predictions"]
    single = client.post(PREDICT, {"instances": golden["rows"]}).json()["predictions"]
    assert [a["label"] for a in answer] == [a["label"] for a in single] * 300
    bad = client.post(PREDICT, {"instances": [*rows, {"colour": 1}]})
    assert (bad.status, "row 1200" in bad.json()["error"]) == (400, True)


def test_many_clients_each_get_their_own_answer(client, golden, wired):
    rows = [golden["rows"][i % 4] | {"age": i % 50} for i in range(200)]
    single = [client.post(PREDICT, {"instances": [row]}).json() for row in rows]
    assert len({json.dumps(each) for each in single}) == 100
    requests = [wired.raw("POST", PREDICT, json.dumps({"instances": [row]}).encode()) for row in rows]
    for answer, alone in zip(client.together(requests), single, strict=True):
        found, expected = answer.json()["predictions"][0], alone["predictions"][0]
        assert found["label"] == expected["label"]
        assert found["probabilities"] == pytest.approx(expected["probabilities"], rel=1e-12)
    assert (
        "justright_batches_total 201" in client.get("/metrics").text
        or client.server.meters.total("rows_total") > 0
    )


def test_a_refused_row_does_not_spoil_the_others(plane, golden, wired):
    server = build_app(plane)
    rows = [golden["rows"][i % 4] for i in range(20)]
    rows[7] = {"seen": "soon", "colour": None}
    rows[11] = {}
    requests = [wired.raw("POST", PREDICT, json.dumps({"instances": [row]}).encode()) for row in rows]
    answers = wired.Client(server).together(requests)
    assert [i for i, answer in enumerate(answers) if answer.status != 200] == [7, 11]
    assert "seen='soon' (in row 0)" in answers[7].text
    single = wired.Client(server).post(PREDICT, {"instances": [rows[3]]}).json()["predictions"][0]
    assert answers[3].json()["predictions"][0]["label"] == single["label"]


def test_a_full_queue_is_a_429(plane, golden, wired):
    server = build_app(plane, limits=Limits(queue=5))
    body = json.dumps({"instances": golden["rows"][:1]}).encode()
    answers = wired.Client(server).together([wired.raw("POST", PREDICT, body)] * 9)
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 4
    assert answers[-1].headers["retry-after"] == "1"
    assert server.meters.total("shed_total") == 4
    assert wired.Client(server).post(PREDICT, body).status == 200


def test_a_refusal_waits_so_that_others_are_answered_first(plane, golden, wired):
    limits = Limits(queue=1, refusal_seconds=0.4)
    body = json.dumps({"instances": golden["rows"][:1]}).encode()

    async def ask() -> list[float]:
        server = build_app(plane, limits=limits)
        pipes = [wired.Pipe(server) for _ in range(3)]
        begin, told = time.monotonic(), [0.0] * 3
        for pipe in pipes:
            pipe.give(wired.raw("POST", PREDICT, body))
        while not all(told):
            await asyncio.sleep(0.005)
            for i, pipe in enumerate(pipes):
                told[i] = told[i] or (time.monotonic() - begin if pipe.sent else 0.0)
        assert b" 200 OK" in pipes[0].sent and b" 429 " in pipes[1].sent
        return told

    first, *others = asyncio.run(ask())
    assert first < min(others) and min(others) >= 0.2


def test_a_held_refusal_outlives_neither_the_client_nor_the_server(plane, golden, wired):
    body = json.dumps({"instances": golden["rows"][:1]}).encode()

    async def leave() -> int:
        server = build_app(plane, limits=Limits(queue=1, refusal_seconds=0.05))
        pipes = [wired.Pipe(server) for _ in range(3)]
        for pipe in pipes:
            pipe.give(wired.raw("POST", PREDICT, body))
        pipes[1].close()
        server.connections.drain()
        while not all(pipe.closed for pipe in pipes):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        assert b" 429 " in pipes[2].sent and not pipes[1].sent
        return len(server.connections.open)

    assert asyncio.run(leave()) == 0


def test_request_ids_come_back(client):
    assert client.get("/health", {"x-request-id": "a-1"}).headers["x-request-id"] == "a-1"
    given = {client.get("/health").headers["x-request-id"] for _ in range(3)}
    assert len(given) == 3
    for odd in ("", "a b", "x" * 200, 'a"b', "\xff"):
        assert client.get("/health", {"x-request-id": odd}).headers["x-request-id"] != odd


def test_a_fault_of_ours_shows_nothing_of_its_inside(bundle_path, golden, monkeypatch, wired):
    import io

    from justright.serve.requestlog import RequestLog

    plane = load_plane({"buys": bundle_path})
    stream = io.BytesIO()
    server = Server(plane, log=RequestLog(stream))

    def broken(block):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(plane.group("buys").served["1"].predictor, "margins_of", broken)
    answer = wired.Client(server).post(PREDICT, {"instances": golden["rows"][:1]})
    assert (answer.status, list(answer.json())) == (500, ["error"])
    assert "secret" not in answer.text
    server.log.close()
    assert b"secret" in stream.getvalue()


def test_metrics_count(plane, golden, wired):
    client = wired.Client(build_app(plane))
    client.post(PREDICT, {"instances": golden["rows"]})
    client.post(PREDICT, b"x")
    text = client.get("/metrics").text
    assert 'justright_requests_total{protocol="tfserving",code="200"} 1' in text
    assert 'justright_requests_total{protocol="tfserving",code="400"} 1' in text
    assert "justright_rows_total 4" in text
    assert 'justright_request_seconds_bucket{le="+Inf"} 2' in text
    assert 'model="buys",version="1"' in text


def test_the_document_has_an_example_that_works(client):
    document = client.get("/openapi.json").json()
    post = document["paths"][PREDICT]["post"]
    example = post["requestBody"]["content"]["application/json"]["example"]
    assert set(example["instances"][0]) == set(document["components"]["schemas"]["Row1"]["properties"])
    assert client.post(PREDICT, example).status == 200


def test_the_page_runs_its_own_script_alone(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.text.startswith("<!doctype html>")


def test_vertex_routes(plane, golden, wired):
    client = wired.Client(Server(plane, vertex_routes=("/alive", "/ask")))
    assert client.get("/alive").status == 200
    by_vertex = client.post("/ask", {"instances": golden["rows"], "parameters": {}})
    assert by_vertex.body == client.post(PREDICT, {"instances": golden["rows"]}).body


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["age", "income", "seen", "colour", "shop", "member", "note"]) | st.text(max_size=4)
REQUESTS = st.fixed_dictionaries({"instances": st.lists(st.dictionaries(NAMES, CELLS) | CELLS, max_size=4)})


def check(answer):
    assert answer.status in (200, 400), answer.text
    found = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(found) in (["predictions"], ["error"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REQUESTS, st.booleans())
def test_odd_rows_are_never_a_500(client, request_body, complete):
    if complete:
        full = {"seen": None, "colour": None}
        request_body["instances"] = [
            full | r if isinstance(r, dict) else r for r in request_body["instances"]
        ]
    check(client.post(PREDICT, json.dumps(request_body).encode()))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100), st.integers(0, 60), st.integers(0, 60))
def test_odd_bytes_are_never_a_500(client, noise, begin, end):
    whole = b'{"instances": [{"age": 1, "seen": "2024-01-01", "colour": "red"}]}'
    check(client.post(PREDICT, whole[:begin] + noise + whole[end:]))


@pytest.mark.parametrize("digits", [400, 5000, 100_000])
def test_endless_numbers_are_refused(client, digits):
    for cell in ("9" * digits, "-" + "9" * digits, "0." + "9" * digits, '"' + "9" * digits + '"'):
        for name in ("age", "colour", "shop", "seen", "member", "note"):
            row = f'{{"seen": null, "colour": null, "{name}": {cell}}}'
            check(client.post(PREDICT, f'{{"instances": [{row}]}}'.encode()))


def test_an_empty_plane_answers_its_health(wired):
    assert wired.Client(build_app(DataPlane({}))).get("/health").json()["models"] == []
