"""The HTTP edge in process: right statuses, one error form, never a 500, the same answer for every client."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.errors import StorageError
from justright.serve.app import build_app, serve
from justright.serve.dataplane import DataPlane

with warnings.catch_warnings():
    # Newer starlette asks for httpx2 where only httpx is installed; both work.
    warnings.filterwarnings("ignore", "Using `httpx`")
    from starlette.testclient import TestClient

PREDICT = "/v1/models/buys:predict"


@pytest.fixture(scope="module")
def client(plane):
    with TestClient(build_app(plane)) as client:
        yield client


def test_known_answers(client, golden):
    answer = client.post(PREDICT, json={"instances": golden["rows"]})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    for found, expected in zip(answer.json()["predictions"], golden["predictions"], strict=True):
        assert found["label"] == expected["label"]
        assert found["probabilities"] == pytest.approx(expected["probabilities"], rel=1e-12)


def test_objects_and_lists_give_one_answer(client, golden, plane):
    lists = [[row[name] for name in plane.columns("buys")] for row in golden["rows"]]
    by_list = client.post(PREDICT, json={"instances": lists}).content
    assert by_list == client.post(PREDICT, json={"instances": golden["rows"]}).content


def test_nan_tokens_are_missing_and_answers_are_strict_json(client, golden):
    row = golden["rows"][0]
    with_nan = json.dumps({"instances": [row | {"age": float("nan")}, row | {"age": float("inf")}]})
    answer = client.post(PREDICT, content=with_nan).json()["predictions"]
    assert answer == client.post(PREDICT, json={"instances": [row | {"age": None}] * 2}).json()["predictions"]
    assert "NaN" not in client.post(PREDICT, content=with_nan).text


def test_status_and_health(client):
    assert client.get("/health").json() == {"status": "ok", "models": ["buys"]}
    assert client.get("/v1/models/buys").json()["model_version_status"][0]["state"] == "AVAILABLE"


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
        ("POST", PREDICT, b'{"instances": [{"seen": null, "colour": {"a": 1}}]}', 400, "colour={'a': 1}"),
        (
            "POST",
            PREDICT,
            b'{"instances": [{"seen": "soon", "colour": null}]}',
            400,
            "seen='soon' (in row 0)",
        ),
        ("POST", "/v1/models/sells:predict", b"{}", 404, "model='sells'; allowed: one of: buys"),
        ("GET", "/v1/models/sells", None, 404, "model='sells'"),
        ("PUT", PREDICT, b"{}", 405, "Method Not Allowed"),
        ("POST", "/health", b"", 405, "Method Not Allowed"),
        ("GET", "/", None, 404, "Not Found"),
        ("GET", "/v1/models/a/b", None, 404, "Not Found"),
        ("GET", "/v1/models/..%2F..%2Fetc", None, 404, "Not Found"),
    ],
)
def test_refusals_are_one_sentence(client, method, path, body, status, message):
    answer = client.request(method, path, content=body)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert message in answer.json()["error"]
    assert "Traceback" not in answer.text


def test_a_large_body_is_refused_before_it_is_read_whole(plane):
    sent = []

    def endless():
        for i in range(1000):
            sent.append(i)
            yield b" " * 1000

    with TestClient(build_app(plane, max_body=10_000)) as client:
        answer = client.post(PREDICT, content=b"[" * 10_001)
        assert (answer.status_code, list(answer.json())) == (413, ["error"])
        assert client.post(PREDICT, content=endless()).status_code == 413
        assert client.post(PREDICT, content=b"[" * 10_000).status_code == 400


def test_large_requests_give_the_same_answers(client, golden):
    rows = golden["rows"] * 300
    answer = client.post(PREDICT, json={"instances": rows}).json()["predictions"]
    single = client.post(PREDICT, json={"instances": golden["rows"]}).json()["predictions"]
    assert [a["label"] for a in answer] == [a["label"] for a in single] * 300
    bad = client.post(PREDICT, json={"instances": [*rows, {"colour": 1}]})
    assert (bad.status_code, "row 1200" in bad.json()["error"]) == (400, True)


def test_many_clients_each_get_their_own_answer(client, golden):
    rows = [golden["rows"][i % 4] | {"age": i % 50} for i in range(200)]
    single = [client.post(PREDICT, json={"instances": [row]}).content for row in rows]
    assert len(set(single)) == 100
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda row: client.post(PREDICT, json={"instances": [row]}).content, rows))
    assert together == single


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["age", "income", "seen", "colour", "shop", "member", "note"]) | st.text(max_size=4)
REQUESTS = st.fixed_dictionaries({"instances": st.lists(st.dictionaries(NAMES, CELLS) | CELLS, max_size=4)})


def check(answer):
    assert answer.status_code in (200, 400), answer.text
    found = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(found) in (["predictions"], ["error"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REQUESTS, st.booleans())
def test_odd_rows_are_never_a_500(client, request_body, complete):
    if complete:
        full = {"seen": None, "colour": None}
        request_body["instances"] = [
            full | r if isinstance(r, dict) else r for r in request_body["instances"]
        ]
    check(client.post(PREDICT, content=json.dumps(request_body).encode()))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100), st.integers(0, 60), st.integers(0, 60))
def test_odd_bytes_are_never_a_500(client, noise, begin, end):
    whole = b'{"instances": [{"age": 1, "seen": "2024-01-01", "colour": "red"}]}'
    check(client.post(PREDICT, content=whole[:begin] + noise + whole[end:]))


@pytest.mark.parametrize("digits", [400, 5000, 100_000])
def test_endless_numbers_are_refused(client, digits):
    for cell in ("9" * digits, "-" + "9" * digits, "0." + "9" * digits, '"' + "9" * digits + '"'):
        for name in ("age", "colour", "shop", "seen", "member", "note"):
            row = f'{{"seen": null, "colour": null, "{name}": {cell}}}'
            check(client.post(PREDICT, content=f'{{"instances": [{row}]}}'.encode()))


def test_a_fault_of_ours_shows_nothing_of_its_inside(plane):
    class Broken(DataPlane):
        def predict(self, name, rows):
            raise ZeroDivisionError("secret")

    broken = Broken(plane._models)
    with TestClient(build_app(broken), raise_server_exceptions=False) as client:
        answer = client.post(PREDICT, json={"instances": [{"seen": 1}]})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert list(answer.json()) == ["error"]


SERVER = """
import sys
from justright.serve.app import serve
serve(sys.argv[1], name="buys", port=0, on_ready=lambda url: print(url, flush=True))
print("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_real_server_answers_and_ends_on_a_signal(bundle_path, golden, number):
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(bundle_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        body = json.dumps({"instances": golden["rows"]}).encode()
        with urllib.request.urlopen(urllib.request.Request(url + PREDICT, body)) as answer:
            assert len(json.load(answer)["predictions"]) == 4
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url + PREDICT, b"x"))
        with refused.value:
            assert refused.value.code == 400
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "ended\n", "")


def test_a_taken_port_and_a_foreign_address_are_storage_errors(bundle_path):
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StorageError, match=r"in use.*another --port"):
            serve(bundle_path, port=other.getsockname()[1])
    with pytest.raises(StorageError, match=r"host='198\.51\.100\.1'"):
        serve(bundle_path, host="198.51.100.1", port=0)
    with pytest.raises(StorageError, match="port=70000"):
        serve(bundle_path, port=70000)
