"""Real processes on real ports: drained on a signal, replaced when they die, reloaded without a failure."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import msgspec
import pytest

from justright.bundle.predictor import load
from justright.errors import StorageError
from justright.prediction_log import read_log
from justright.registry import open_registry
from justright.serve.app import Setup, _baselines, _columns, serve
from justright.serve.dataplane import DataPlane, Group
from justright.serve.registered import Wanted
from justright.workflow import train

SERVER = """
import json, sys
from justright.serve.app import Setup, serve
from justright.serve.limits import Limits
from justright.serve.registered import Wanted
given = json.loads(sys.argv[1])
given["limits"] = Limits(**given.get("limits", {}))
given["wanted"] = tuple(Wanted(*each) for each in given.get("wanted", ()))
serve(Setup(port=0, **given), on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


class Running:
    def __init__(self, **setup):
        command = [sys.executable, "-c", textwrap.dedent(SERVER), json.dumps(setup)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.process.stderr.read()
        self.port = int(self.url.rpartition(":")[2])

    def ask(self, path, value=None, connection=None):
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = None if value is None else json.dumps(value)
        try:
            own.request("GET" if value is None else "POST", path, body)
            answer = own.getresponse()
            return answer.status, answer.read()
        finally:
            if connection is None:
                own.close()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_answers_and_ends_on_a_signal(bundle_path, golden, number):
    with Running(models={"buys": str(bundle_path)}) as server:
        status, body = server.ask("/v1/models/buys:predict", {"instances": golden["rows"]})
        assert (status, len(json.loads(body)["predictions"])) == (200, 4)
        assert server.end(number) == (0, "ended\n", "")


def test_open_requests_are_finished_on_a_signal(bundle_path, golden):
    with Running(models={"buys": str(bundle_path)}) as server:
        body = json.dumps({"instances": golden["rows"]}).encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as half:
            head = f"POST /v1/models/buys:predict HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n"
            half.sendall(head.encode().replace(b"host: a", b"host: localhost") + body[:20])
            server.ask("/health")  # what came before has been read
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            half.sendall(body[20:])
            sent = b"".join(iter(lambda: half.recv(65536), b""))
        assert sent.startswith(b"HTTP/1.1 200") and b"connection: close" in sent and b"predictions" in sent
        assert server.process.wait(60) == 0


def test_workers_share_the_port_and_one_that_dies_is_replaced(bundle_path, golden):
    with Running(models={"buys": str(bundle_path)}, workers=2) as server:
        body = {"instances": golden["rows"][:1]}
        wanted = server.ask("/v1/models/buys:predict", body)[1]
        killed = 0
        last = time.monotonic() + 60
        answered = 0
        while answered < 60 and time.monotonic() < last:
            if answered in (20, 40) and killed < answered // 20:
                children = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
                os.kill(int(Path(children).read_text().split()[0]), signal.SIGKILL)
                killed += 1
                time.sleep(0.1)
            assert server.ask("/v1/models/buys:predict", body) == (200, wanted)
            answered += 1
        assert (answered, killed) == (60, 2)
        text = server.ask("/metrics")[1].decode()
        assert 'justright_requests_total{protocol="tfserving",code="200"} 61' in text
        assert server.end()[:2] == (0, "ended\n")


def test_reload_loses_no_request_and_a_broken_version_changes_nothing(bundle_path, golden, tmp_path):
    registry = open_registry(tmp_path / "models")
    first = registry.register(bundle_path, "buys", alias="champion")
    second = _second(registry, bundle_path, tmp_path)
    with Running(wanted=[["buys", ["champion"]]], registry=str(tmp_path / "models")) as server:
        failures, versions, stop = [], set(), threading.Event()

        def ask_on():
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            while not stop.is_set():
                status, body = server.ask(
                    "/v1/models/buys/labels/champion:predict", {"instances": golden["rows"]}, connection
                )
                if status != 200:
                    failures.append(body)
            connection.close()

        thread = threading.Thread(target=ask_on)
        thread.start()
        for entry in (second, first, second, first):
            registry.move("buys", "champion", entry.version, "a test")
            versions.add(_wait(server, str(entry.version)))
        (second.path / "model.json").chmod(0o644)
        (second.path / "model.json").write_bytes(b"{}")
        registry_aliases = tmp_path / "models" / "buys" / "aliases.json"
        registry_aliases.write_text(json.dumps({"champion": second.version}), encoding="utf-8")
        last = time.monotonic() + 60
        while b"reload_failures_total 1" not in server.ask("/metrics")[1] and time.monotonic() < last:
            time.sleep(0.05)
        stop.set()
        thread.join()
        assert failures == []
        assert versions == {"1", "2"}
        assert server.ask("/v1/models/buys:predict", {"instances": golden["rows"]})[0] == 200
        assert server.end()[0] == 0


def test_versions_that_share_the_traffic_log_the_columns_of_both(tmp_path):
    registry = open_registry(tmp_path / "models")
    for dropped in ("age", "shop"):
        table = {name: values for name, values in _shop().items() if name != dropped}
        run = train(table, target="price", out=tmp_path / "runs", family="linear", baseline=False)
        registry.register(run.path, "price", alias="champion" if dropped == "age" else None)
    row = {"size": 1.0, "age": 2.0, "shop": "a"}
    wanted = [["price", ["champion"], {"1": 50, "2": 50}]]
    log = tmp_path / "log"
    with Running(wanted=wanted, registry=str(tmp_path / "models"), log=str(log)) as server:
        for version in "12":
            path = f"/v1/models/price/versions/{version}:predict"
            assert server.ask(path, {"instances": [row]})[0] == 200
        assert server.end()[0] == 0
    kept = read_log(log, model="price").select(["_version", "size", "age", "shop"])
    found = sorted(kept.to_pylist(), key=lambda each: each["_version"])
    assert [each["_version"] for each in found] == ["1", "2"]
    assert [each["size"] for each in found] == [1.0, 1.0]
    assert (found[0]["shop"], found[1]["age"]) == ("a", 2.0)


def test_the_columns_of_a_log_are_in_a_stable_order(tmp_path):
    models = {}
    for version, dropped in (("3", "age"), ("4", "shop")):
        table = {name: values for name, values in _shop().items() if name != dropped}
        run = train(table, target="price", out=tmp_path, family="linear", baseline=False)
        models[version] = load(run.path / "model")
    wanted = ("size", "shop", "age")
    for default in models:
        assert _columns(DataPlane({"price": Group("price", models, default=default)}), "price") == wanted


def test_where_accepted_baselines_are_looked_for(tmp_path):
    for folder in ("run/model", "alone"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "run" / "recipe.json").touch()
    models = {"one": tmp_path / "run", "two": tmp_path / "run" / "model", "three": tmp_path / "alone"}
    setup = Setup(models=models, wanted=(Wanted("churn"),), registry=tmp_path / "models")
    own = tmp_path / "run" / "baselines"
    assert _baselines(setup) == {"one": own, "two": own, "churn": tmp_path / "models" / "churn" / "baselines"}


def _shop():
    """A small table with a price."""
    size = [float(k * 37 % 101) for k in range(200)]
    age = [float(k * 53 % 97) for k in range(200)]
    shop = ["abc"[k % 3] for k in range(200)]
    price = [
        2 * a + b + 9 * (c == "a") + k % 5 for k, (a, b, c) in enumerate(zip(size, age, shop, strict=True))
    ]
    return {"size": size, "age": age, "shop": shop, "price": price}


def _second(registry, bundle_path, tmp_path):
    """Register a copy with another description as a second version."""
    import hashlib
    import shutil

    folder = tmp_path / "other"
    shutil.copytree(bundle_path, folder)
    model = json.loads((folder / "model.json").read_bytes()) | {"threshold": 0.9}
    data = json.dumps(model).encode()
    (folder / "model.json").write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["model.json"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest, order="sorted"))
    return registry.register(folder, "buys")


def _wait(server, version):
    """Wait until a version is the default."""
    last = time.monotonic() + 60
    while time.monotonic() < last:
        found = json.loads(server.ask("/v1/models")[1])["models"][0]["default"]
        if found == version:
            return found
        time.sleep(0.02)
    raise TimeoutError(version)


def test_a_taken_port_and_a_foreign_address_are_storage_errors(bundle_path):
    models = {"buys": str(bundle_path)}
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StorageError, match=r"in use.*another --port"):
            serve(Setup(models=models, port=other.getsockname()[1]))
    with pytest.raises(StorageError, match=r"host='198\.51\.100\.1'"):
        serve(Setup(models=models, host="198.51.100.1", port=0))
    with pytest.raises(StorageError, match="port=70000"):
        serve(Setup(models=models, port=70000))
