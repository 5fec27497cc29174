from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from justright.cli.serve import _setup


def test_serve_answers_until_a_signal(run_folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "justright",
        "serve",
        str(run_folder),
        "--port",
        "0",
        "--name",
        "house",
        "--quiet",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stderr is not None
        said = server.stdout.readline()
        assert said.startswith("serving house on http://127.0.0.1:")
        body = json.dumps({"instances": [{"size": 150, "colour": "red", "street": "street 1"}]}).encode()
        with urlopen(Request(said.split()[3], body), timeout=20) as answer:
            found = json.load(answer)
        assert set(found["predictions"][0]["probabilities"]) == {"no", "yes"}
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
        assert server.stdout.read() == server.stderr.read() == ""


def test_refusals(call: Any, run_folder: Path, tmp_path: Path) -> None:
    assert call("serve", tmp_path / "nothing").code == 7
    said = call("serve", run_folder, "--host", "no.such.host.invalid", "--port", "0", "--no-token")
    assert said.code == 7 and "no.such.host.invalid" in said.err
    assert call("serve", run_folder, "--port", "99999999").code == 7


def running(run_folder: Path, *options: str, **environment: str) -> Any:
    command = [sys.executable, "-m", "justright", "serve", str(run_folder), *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


def test_vertex_says_port_and_routes(run_folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    routes = {"AIP_HTTP_PORT": str(port), "AIP_HEALTH_ROUTE": "/alive", "AIP_PREDICT_ROUTE": "/ask"}
    with running(run_folder, **routes) as server:
        assert server.stdout is not None and server.stderr is not None
        assert f"0.0.0.0:{port}" in server.stdout.readline()
        with urlopen(f"http://127.0.0.1:{port}/alive", timeout=20) as answer:
            assert answer.status == 200
        body = json.dumps({"instances": [{"size": 150, "colour": "red", "street": "street 1"}]}).encode()
        with urlopen(Request(f"http://127.0.0.1:{port}/ask", body), timeout=20) as answer:
            assert set(json.load(answer)["predictions"][0]["probabilities"]) == {"no", "yes"}
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        lines = [json.loads(line) for line in server.stderr.read().splitlines()]
        assert [(line["path"], line["status"]) for line in lines] == [("/alive", 200), ("/ask", 200)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIP_HTTP_PORT", "abc"),
        ("AIP_HTTP_PORT", "70000"),
        ("AIP_PREDICT_ROUTE", "/metrics"),
        ("AIP_PREDICT_ROUTE", "predict"),
        ("AIP_PREDICT_ROUTE", "/alive"),
        ("AIP_HEALTH_ROUTE", "/"),
    ],
)
def test_a_platform_that_says_what_cannot_be(
    call: Any, run_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    told = {"AIP_HTTP_PORT": "0", "AIP_HEALTH_ROUTE": "/alive", "AIP_PREDICT_ROUTE": "/ask"} | {name: value}
    for each in told.items():
        monkeypatch.setenv(*each)
    said = call("serve", run_folder)
    assert said.code == 2 and f"{name}={value!r}" in said.err


def test_a_log_takes_rows_and_labels(run_folder: Path, tmp_path: Path) -> None:
    options = ("--port", "0", "--log", str(tmp_path / "log"), "--quiet", "--name", "house")
    with running(run_folder, *options) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[3]
        body = json.dumps({"instances": [{"size": 150, "colour": "red", "street": "street 1"}] * 2}).encode()
        with urlopen(Request(url, body, {"x-request-id": "r7"}), timeout=20) as answer:
            assert answer.headers["x-request-id"] == "r7"
        labels = json.dumps({"labels": [{"id": "r7/1", "label": "yes"}]}).encode()
        with urlopen(
            Request(url.replace("/v1/models/house:predict", "/v1/feedback"), labels), timeout=20
        ) as answer:
            assert json.load(answer) == {"added": 1}
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    from justright.prediction_log import read_log

    table = read_log(tmp_path / "log").to_pylist()
    assert [row["_id"] for row in table] == ["r7/0", "r7/1"]


def test_refused_choices(call: Any, run_folder: Path, tmp_path: Path) -> None:
    def refused(*options: str) -> str:
        said = call("serve", *options)
        assert said.code in (2, 7), said
        return str(said.err)

    run = str(run_folder)
    assert "without a token" in refused(run, "--host", "0.0.0.0")
    assert "token file" in refused(run, "--token-file", str(tmp_path / "none"))
    assert "no model" in refused()
    assert "without a name" in refused(run, run)
    assert "two models" in refused(f"a={run}", f"a={run}")
    assert "name='a/b'" in refused(f"a/b={run}")
    assert "sum to 90" in refused(run, "--traffic", "m@1=90")
    assert "one version" in refused(run, "--name", "m", "--traffic", "m@1=100")
    assert "traffic of 'other'" in refused(run, "--traffic", "other@1=100")
    assert "monitor='soon'" in refused(run, "--monitor", "soon")
    log = ("--log", str(tmp_path / "log"))
    assert "share" in refused(run, *log, "--log-set", "share=2")
    assert "without a log" in refused(run, "--log-set", "share=0.5")
    assert "leave_out='colours'" in refused(run, *log, "--log-set", "leave_out=colours")
    assert "2 models" in refused(f"a={run}", f"b={run}", "--name", "m")
    assert call("register", run, "--name", "house", "--registry", str(tmp_path / "models")).code == 0
    registry = ("--registry", str(tmp_path / "models"))
    assert "name='other'" in refused("house", "--name", "other", *registry)
    assert "which is not there (in" in refused("horse", *registry)
    assert "one of: house" in refused("horse", *registry)
    assert "which is not there" in refused("house", "--registry", str(tmp_path / "none"))
    assert "another name" in refused(f"mine={tmp_path / 'models' / 'house'}")


def test_a_registry_may_stand_before_the_name(call: Any, run_folder: Path, tmp_path: Path) -> None:
    registry = tmp_path / "models"
    assert (
        call("register", run_folder, "--name", "house", "--alias", "champion", "--registry", registry).code
        == 0
    )
    found = _setup([f"{registry}/house@champion"], "", [], "models")
    assert (found.models, found.registry) == ({}, str(registry))
    assert [(each.name, each.which) for each in found.wanted] == [("house", ("champion",))]


def test_rows_that_the_log_could_not_take_are_told_at_the_end(run_folder: Path, tmp_path: Path) -> None:
    options = ("--port", "0", "--log", str(tmp_path / "log"), "--log-set", "queue_rows=3", "--quiet")
    with running(run_folder, *options) as server:
        assert server.stdout is not None and server.stderr is not None
        url = server.stdout.readline().split()[3]
        for rows in (2, 4):
            body = json.dumps({"instances": [{"size": 150, "colour": "red", "street": "street 1"}] * rows})
            with urlopen(Request(url, body.encode()), timeout=20) as answer:
                assert len(json.load(answer)["predictions"]) == rows
        server.send_signal(signal.SIGTERM)
        told = server.stderr.read()
        assert server.wait(30) == 7
    assert "4 answered rows that the prediction log could not take (it has 2)" in told
