"""S2: what becomes of answers under too much load, idle and slow clients, new versions, dying workers.

    python benchmarks/serving/stress.py [--cases overload-linear-1 reload ...] [--scale 1]

The server has core 0, the load core 1. Every answer of 200 is compared with that of the Predictor (1e-9).
Capacity is what wrk gets with 64 connections; unloaded is a fifth of it, sent at random moments.

    overload-MODEL-ROWS  5 times the capacity for 60 s, over at most 1,024 connections (`--connections`); a
                         request that is due while all are busy is not sent: what was offered is reported.
                         Before it a fifth and four fifths of the capacity, after it a fifth. To reach: no
                         wrong answer, no failed request, p99 of the answers below 3 times the unloaded one
    clients              half the capacity for 90 s beside 1,000 connections that send nothing and 200 that
                         send a byte each half second (half of them their headers, half their bodies); before
                         it without them
    reload               half the capacity for 60 s; each second the alias moves to the other of two versions.
                         To reach: no failed request, every answer of one of the two
    kill                 two workers, 30 % of the capacity for 60 s; each 5 s one is killed. Its requests on
                         their way are lost with it: they are counted

Kept by case in `results/DATE-stress.json`; what is kept is not measured again unless `--again` names it. The
page beside it is written anew after each case. Each case holds the lock of timed runs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import problem
from open_load import Load, Request
from pinned import HERE, LOAD_CORE, Server, children, free_port, load, running
from prepare import JUSTRIGHT, WORK, prepare, train
from sides import SIDES, body_of
from stress_page import page
from throughput import kept

sys.path.insert(0, str(HERE.parent))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

NEAR: Final = 1e-9
BODIES: Final = 16
ROUTE: Final = "/v1/models/{name}:predict"
NAME: Final = "churn"
Truth = dict[str, Any]  # version -> probabilities of all asked rows


def requests_for(rows: int, truth: Truth, port: int, name: str = "model") -> list[Request]:
    """Return requests of so many rows with what is right for each; truth by the name of the version."""
    asked = json.loads((WORK / "asked.json").read_text())
    made = []
    for place in range(BODIES):
        chosen = [(7 * place + i) % len(asked) for i in range(rows)]
        body = body_of(SIDES["ours"], [asked[i] for i in chosen])
        head = (
            f"POST {ROUTE.format(name=name)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        right = {version: np.asarray(every)[chosen] for version, every in truth.items()}
        made.append(Request(head.encode() + body, lambda told, right=right: _which(told, right)))
    return made


def _which(body: bytes, right: Truth) -> str | None:
    """Return which version an answer is of, None where of none."""
    try:
        told = SIDES["ours"].read(json.loads(body))
    except (ValueError, KeyError, TypeError):
        return None
    for version, every in right.items():
        if len(told) == len(every) and np.abs(np.subtract(told, every)).max() <= NEAR:
            return version
    return None


def answers_of(path: Path) -> list[float]:
    """Return the probabilities of the asked rows by a model of ours."""
    from justright.bundle.predictor import load as load_model

    rows = json.loads((WORK / "asked.json").read_text())
    return [one["probabilities"]["yes"] for one in load_model(path).predict_rows(rows)]


@contextmanager
def serving(arguments: Sequence[str], rows: int, name: str = "model") -> Iterator[Server]:
    """Run our server with some arguments until the end of the block."""
    asked = json.loads((WORK / "asked.json").read_text())
    port = free_port()
    command = [JUSTRIGHT, "serve", *arguments, "--port", str(port), "--quiet"]
    first = (ROUTE.format(name=name), body_of(SIDES["ours"], asked[:rows]))
    with running(command, port, first, log=WORK / "log-stress.txt") as server:
        yield server


def capacity(server: Server, rows: int, scale: float, name: str = "model") -> float:
    """Return the requests a second that wrk gets with 64 connections."""
    body = WORK / f"body-stress-{rows}.json"
    asked = json.loads((WORK / "asked.json").read_text())
    body.write_bytes(body_of(SIDES["ours"], asked[:rows]))
    load(server, ROUTE.format(name=name), body, 8, 1.0)
    rate: float = load(server, ROUTE.format(name=name), body, 64, max(10.0 * scale, 1.0))["rate"]
    return rate


def say(words: str, found: dict[str, Any]) -> dict[str, Any]:
    """Print what a load found, and hand it on."""
    kinds = ("right", "wrong", "refused", "failed", "other", "unsent")
    counts = ", ".join(f"{found[kind]} {kind}" for kind in kinds)
    print(f"  {words}: {counts}; p50 {found.get('p50')} p99 {found.get('p99')} ms", flush=True)
    return found


@contextmanager
def each(interval: float, task: Callable[[], None]) -> Iterator[list[float]]:
    """Do a task again and again beside the block; gives the seconds each took."""
    end, took = threading.Event(), list[float]()

    def work() -> None:
        while not end.wait(interval):
            begin = time.perf_counter()
            task()
            took.append(time.perf_counter() - begin)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        end.set()
        thread.join()


def overload(model: str, rows: int, scale: float, most: int) -> dict[str, Any]:
    """Send five times what the server can answer."""
    path = WORK / f"ours-{model}"
    with serving([str(path)], rows) as server:
        made: dict[str, Any] = {"capacity": capacity(server, rows, scale)}
        requests = requests_for(rows, {"1": answers_of(path)}, server.port)
        calm = 0.2 * made["capacity"]

        def at(words: str, rate: float, seconds: float, connections: int) -> dict[str, Any]:
            return say(words, Load(server.port, requests, connections).run(rate, seconds * scale))

        made["unloaded"] = at("a fifth of the capacity", calm, 20, 32)
        made["busy"] = at("four fifths of the capacity", 4 * calm, 10, 64)
        made["memory_before"] = server.memory()
        made["overload"] = at("5 times the capacity", 5 * made["capacity"], 60, most)
        made["memory_after"] = server.memory()
        made["afterwards"] = at("a fifth again", calm, 10, 32)
    return made


def clients(scale: float, most: int) -> dict[str, Any]:
    """Answer while other clients are idle or slow."""
    path = WORK / "ours-linear"
    with serving([str(path)], 1) as server, ExitStack() as stack:
        made: dict[str, Any] = {"capacity": capacity(server, 1, scale)}
        requests = requests_for(1, {"1": answers_of(path)}, server.port)
        half = 0.5 * made["capacity"]
        made["alone"] = say("without them", Load(server.port, requests, 64).run(half, 20 * scale))
        made["memory_before"] = server.memory()
        idle = [_connected(stack, server.port) for _ in range(1000)]
        slow = [_connected(stack, server.port) for _ in range(200)]
        whole = requests[0].data
        begin = whole.index(b"\r\n\r\n") + 4
        texts = [whole if place % 2 else whole[begin:] for place in range(len(slow))]
        for one, text in zip(slow, texts, strict=True):
            if text is not whole:
                one.send(whole[:begin])
        sent = [0]

        def drip() -> None:
            """Send the next byte of each slow request."""
            for one, text in zip(slow, texts, strict=True):
                if sent[0] < len(text) - 1 and not _closed(one):
                    with _ignored():
                        one.send(text[sent[0] : sent[0] + 1])
            sent[0] += 1

        with each(0.5, drip):
            made["beside"] = say("beside them", Load(server.port, requests, 64).run(half, 90 * scale))
        made["memory_after"] = server.memory()
        made["idle_closed"] = sum(_closed(one) for one in idle)
        made["slow_heads_closed"] = sum(_closed(one) for one in slow[1::2])
        made["slow_bodies_closed"] = sum(_closed(one) for one in slow[0::2])
    return made


def reload(scale: float, most: int) -> dict[str, Any]:
    """Move the alias each second."""
    from justright.registry import open_registry

    other = WORK / "ours-linear-other"
    if not other.exists():
        problem.write_table(WORK / "other.csv", problem.SEED + 5)
        train("linear", WORK / "other.csv", other)
    shutil.rmtree(WORK / "models", ignore_errors=True)
    registry = open_registry(WORK / "models")
    paths = {"1": WORK / "ours-linear", "2": other}
    for path in paths.values():
        registry.register(path, NAME)
    registry.move(NAME, "champion", 1, "begin")
    asked = [f"{NAME}@champion", "--name", NAME, "--registry", str(registry.root)]
    with serving(asked, 1, NAME) as server:
        made: dict[str, Any] = {"capacity": capacity(server, 1, scale, NAME)}
        truth = {version: answers_of(path) for version, path in paths.items()}
        requests = requests_for(1, truth, server.port, NAME)
        half = 0.5 * made["capacity"]
        made["alone"] = say("without moves", Load(server.port, requests, 64).run(half, 20 * scale))
        now = [1]

        def move() -> None:
            """Point the alias to the other version."""
            now[0] = 3 - now[0]
            registry.move(NAME, "champion", now[0], "benchmark")

        with each(1.0, move) as took:
            made["reloading"] = say("moving", Load(server.port, requests, 64).run(half, 60 * scale))
        made["moves"] = len(took)
        made["seconds_until_seen"] = _seen(server, requests, move, now)
        made["memory_after"] = server.memory()
    return made


def _seen(server: Server, requests: list[Request], move: Callable[[], None], now: list[int]) -> list[float]:
    """Return the seconds from a move to the first answer of the new version, five times."""
    asked = json.loads((WORK / "asked.json").read_text())
    body, route, found = body_of(SIDES["ours"], asked[:1]), ROUTE.format(name=NAME), []
    for _ in range(5):
        move()
        begin = time.perf_counter()
        while requests[0].judged(server.ask(route, body)[1]) != str(now[0]):
            if time.perf_counter() - begin > 20.0:
                found.append(float("inf"))
                break
            time.sleep(0.01)
        else:
            found.append(round(time.perf_counter() - begin, 3))
        time.sleep(0.2)
    return found


def kill(scale: float, most: int) -> dict[str, Any]:
    """Kill a worker each five seconds."""
    path = WORK / "ours-linear"
    with serving([str(path), "--workers", "2"], 1) as server:
        made: dict[str, Any] = {"capacity": capacity(server, 1, scale)}
        requests = requests_for(1, {"1": answers_of(path)}, server.port)
        some = 0.3 * made["capacity"]
        made["alone"] = say("without kills", Load(server.port, requests, 64).run(some, 20 * scale))
        killed: list[int] = []

        def strike() -> None:
            """Kill the oldest worker."""
            workers = sorted(children(server.process.pid))
            if workers:
                killed.append(workers[0])
                os.kill(workers[0], signal.SIGKILL)

        with each(5.0, strike):
            seconds = max(60 * scale, 6.0)
            made["killing"] = say("killing", Load(server.port, requests, 64).run(some, seconds))
        made["killed"] = len(killed)
        time.sleep(2.0)
        made["workers_after"] = len(children(server.process.pid))
        made["afterwards"] = say("after", Load(server.port, requests, 64).run(some, 10 * scale))
    return made


def _connected(stack: ExitStack, port: int) -> socket.socket:
    """Open a connection that is closed with the stack."""
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10.0))


def _closed(one: socket.socket) -> bool:
    """Say whether the server has closed a connection."""
    one.setblocking(False)
    try:
        while one.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def _ignored() -> Iterator[None]:
    """Let a send to a connection that has just been closed fail."""
    try:
        yield
    except OSError:
        return


CASES: Final[dict[str, Callable[[float, int], dict[str, Any]]]] = {
    "overload-linear-1": partial(overload, "linear", 1),
    "overload-linear-100": partial(overload, "linear", 100),
    "overload-boosted-100": partial(overload, "boosted", 100),
    "overload-blend-100": partial(overload, "blend", 100),
    "clients": clients,
    "reload": reload,
    "kill": kill,
}


def main() -> None:
    """Run the cases that are not kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--again", nargs="*", default=[], choices=list(CASES))
    parser.add_argument("--scale", type=float, default=1.0, help="of all durations, for a quick look")
    parser.add_argument("--connections", type=int, default=1024, help="at most, under overload")
    parser.add_argument("--free", action="store_true", help="neither wait for other timed runs nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--name", default="stress", help="of the results")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the server too
    prepare()
    os.sched_setaffinity(0, {LOAD_CORE})
    results = HERE / "results" / f"{options.date}-{options.name}.json"
    failed = []
    for case in options.cases:
        with kept(results) as found:
            if case in found and case not in options.again:
                continue
        print(case, flush=True)
        try:
            with nullcontext(os.getloadavg()[0]) if options.free else alone() as before:
                made = CASES[case](options.scale, options.connections)
        except (RuntimeError, OSError, ValueError) as error:
            failed.append(case)
            print(f"{case} failed: {error}", flush=True)
            continue
        made |= {"connections": options.connections} if "overload" in made else {}
        made |= {"load": [round(before, 2), round(os.getloadavg()[0], 2)], "scale": options.scale}
        with kept(results) as found:
            found[case] = made
            text = page(found, options.date)
        results.with_suffix(".md").write_text(text)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    print(results.with_suffix(".md"))


if __name__ == "__main__":
    main()
