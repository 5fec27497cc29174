"""The monitor of a running server: counts of all processes together, windows by time, a page and gauges."""

from __future__ import annotations

import asyncio
import re

import pytest

from justright.bundle.predictor import load
from justright.monitor.accepted import Accepted
from justright.monitor.counters import watch
from justright.serve.dataplane import DataPlane, Group
from justright.serve.server import Server
from justright.serve.watching import Watching
from justright.workflow.accepted import accept


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def watched_bundle(tmp_path_factory):
    """A small line with a baseline of its training rows."""
    import numpy as np

    from justright.workflow import train

    rng = np.random.default_rng(3)
    size, age = rng.normal(size=400), rng.normal(size=400)
    shop = np.asarray(["a", "b", "c"])[rng.integers(0, 3, 400)]
    price = 2 * size + age + (shop == "a") + rng.normal(size=400)
    table = {"size": size.tolist(), "age": age.tolist(), "shop": shop.tolist(), "price": price.tolist()}
    return train(table, target="price", out=tmp_path_factory.mktemp("runs"), family="linear").path / "model"


def rows(shift, count=200):
    return [
        {"size": (i * 37 % 101) / 25 - 2 + shift, "age": (i * 53 % 97) / 24 - 2, "shop": "abc"[i % 3]}
        for i in range(count)
    ]


def test_counts_of_two_processes_and_two_windows(watched_bundle, tmp_path, wired, monkeypatch):
    clock = Clock()
    servers = []
    for number in range(2):
        monkeypatch.setattr("os.getpid", lambda number=number: 100 + number)
        plane = DataPlane({"price": Group("price", {"1": load(watched_bundle)})})
        watching = Watching(plane, tmp_path, 60.0, clock)
        servers.append((wired.Client(Server(plane, watching=watching)), watching, 100 + number))

    def look():
        for _, watching, pid in servers:
            monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
            watching.look()

    for client, _, _ in servers:
        assert client.post("/v1/models/price:predict", {"instances": rows(0.0)}).status == 200
    look()
    clock.now += 60
    look()
    for client, _, _ in servers:
        for row in rows(3.0):
            assert client.post("/v1/models/price:predict", {"instances": [row]}).status == 200
    look()
    model_id = servers[0][0].server.plane.described("price").model_id
    counts = servers[0][1]._windows(model_id)
    assert [each.rows for each in counts] == [400.0, 400.0]
    text = servers[1][0].get("/metrics").text
    assert 'justright_monitor_alarm{model="price"} 1' in text
    assert re.search(r'monitor_anomaly\{model="price",input="size"[^}]*\} 1', text)
    page = servers[0][0].get("/monitor/price")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "justright retrain price --with NEW" in page.text and "script" not in page.text
    assert servers[0][0].get("/monitor").body[:100] == page.body[:100]


def accepted_now(bundle, shift):
    """Accept rows as the new normal; both versions of a model may be served with it."""
    model = load(bundle)
    counters = watch(model)
    block = model.encoder.rows(rows(shift))
    counters.add(block, model.margins_of(block))
    record = Accepted(model.model_id, "2026-11-22T10:00:00Z", "me", "moved", "", [], counters.snapshot())
    return accept(bundle, record)


def test_a_baseline_that_is_accepted_ends_the_alarm_without_a_restart(watched_bundle, tmp_path, wired):
    plane = DataPlane({"price": load(watched_bundle), "other": load(watched_bundle)})
    baselines = {"price": watched_bundle.parent / "baselines"}
    watching = Watching(plane, tmp_path, 60.0, Clock(), baselines)
    client = wired.Client(Server(plane, watching=watching))
    events = []

    async def follow():
        task = asyncio.create_task(watching.follow(events.append))
        await asyncio.sleep(0)
        while not any(event["event"].startswith("baseline") for event in events):
            await asyncio.sleep(0.01)
        task.cancel()

    assert client.post("/v1/models/price:predict", {"instances": rows(3.0)}).status == 200
    watching.look()
    text = client.get("/metrics").text
    assert 'justright_monitor_alarm{model="price"} 1' in text
    assert 'justright_monitor_baseline{model="price",baseline="training"} 1' in text
    assert "against 400 training rows" in client.get("/monitor/price").text
    path = accepted_now(watched_bundle, 3.0)
    try:
        asyncio.run(follow())
        text = client.get("/metrics").text
        assert 'justright_monitor_alarm{model="price"} 0' in text
        assert 'justright_monitor_baseline{model="price",baseline="2026-11-22T10:00:00Z"} 1' in text
        assert 'justright_monitor_baseline{model="other",baseline="training"} 1' in text
        page = client.get("/monitor/price").text
        assert "against 200 rows accepted as normal on 2026-11-22 by me" in page
        assert "Nothing has changed" in page and "retrain" not in page
        heads = [line for line in text.splitlines() if line.startswith("#")]
        assert len(heads) == len(set(heads))
        events.clear()
        path.write_bytes(b"{")
        asyncio.run(follow())
        assert 'baseline="2026-11-22T10:00:00Z"' in client.get("/metrics").text
    finally:
        path.unlink()
    assert events == [
        {
            "event": "baseline-failed",
            "model": "price",
            "version": "1",
            "reason": events[0]["reason"],
        }
    ]
    assert "2026-11-22.json" in events[0]["reason"]
    watching.refresh()
    assert 'justright_monitor_baseline{model="price",baseline="training"} 1' in client.get("/metrics").text


def test_a_server_that_starts_later_knows_what_was_accepted(watched_bundle, tmp_path, wired):
    path = accepted_now(watched_bundle, 3.0)
    try:
        plane = DataPlane({"price": load(watched_bundle)})
        watching = Watching(plane, tmp_path, 60.0, Clock(), {"price": path.parent})
        client = wired.Client(Server(plane, watching=watching))
        assert 'baseline="2026-11-22T10:00:00Z"' in client.get("/metrics").text
    finally:
        path.unlink()


def test_a_bundle_without_a_baseline_is_left_alone(plane, bundle_path, tmp_path, wired, golden):
    own = DataPlane({"buys": load(bundle_path)})
    client = wired.Client(Server(own, watching=Watching(own, tmp_path, 60.0)))
    assert client.post("/v1/models/buys:predict", {"instances": golden["rows"]}).status == 200
    assert client.get("/metrics").status == 200
    answer = client.get("/monitor")
    assert answer.status == 404 and "baseline" in answer.json()["error"]
