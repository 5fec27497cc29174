"""Servers pinned to one core, load pinned to the other: start, wait for the first answer, weigh, load, stop.

The load is wrk's: closed loop, one thread, N connections that stay open. Latencies are kept by the
microsecond; wrk adds to them what a stall would have hidden from other clients (correction for coordinated
omission), for every server alike.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
ONE_THREAD: Final = {f"{kind}_NUM_THREADS": "1" for kind in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
_PATIENCE: Final = 180.0


class Server:
    """A running server: its process, its port, and how long it took until the first answer."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log
        self.seconds = 0.0

    def ask(self, route: str, body: bytes, patience: float = 60.0) -> tuple[int, bytes]:
        """Send one request on a connection of its own and return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request("POST", route, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def processes(self) -> list[int]:
        """Return the process and all that it started."""
        found, asked = [], [self.process.pid]
        while asked:
            one = asked.pop()
            found.append(one)
            asked += children(one)
        return found

    def spent(self) -> float:
        """Return the processor seconds of all its processes."""
        ticks = 0
        for one in self.processes():
            for line in _lines(f"/proc/{one}/stat"):
                ticks += sum(int(part) for part in line.rpartition(")")[2].split()[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, float]:
        """Return megabytes of all its processes: resident (shared pages each time), and shared pages once."""
        sums = {"rss": 0, "pss": 0}
        for one in self.processes():
            for line in _lines(f"/proc/{one}/smaps_rollup"):
                name = line.partition(":")[0].lower()
                if name in sums:
                    sums[name] += int(line.split()[1])
        return {name: round(kilobytes / 1024, 1) for name, kilobytes in sums.items()}


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    first: tuple[str, bytes],
    *,
    log: Path,
    more: Mapping[str, str] | None = None,
    core: int = SERVER_CORE,
) -> Iterator[Server]:
    """Start a server on one core, wait until it answers `first` (route, body) with 200, stop it."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    # LightGBM behind scikit-learn warns at each request that an array has no names: not to be timed.
    environment |= ONE_THREAD | {"PYTHONWARNINGS": "ignore"} | (more or {})
    environment["PATH"] = f"{Path(command[0]).parent}:{environment['PATH']}"
    begin = time.perf_counter()
    with log.open("wb") as told:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env=environment,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        _await(server, first, begin)
        server.seconds = round(time.perf_counter() - begin, 3)
        yield server
    finally:
        _stop(server)


def load(
    server: Server, route: str, body: Path, connections: int, seconds: float, core: int = LOAD_CORE
) -> dict[str, Any]:
    """Load a server with wrk and return requests a second, ms, errors, CPU us a request."""
    tool = shutil.which("wrk")
    if tool is None:
        sys.exit("wrk is missing: apt-get install wrk")
    before = server.spent()
    done = subprocess.run(
        [
            *("taskset", "-c", str(core), tool, "-t1", f"-c{connections}", f"-d{seconds:g}s"),
            *("--timeout", "30s", "-s", str(HERE / "wrk.lua"), f"http://127.0.0.1:{server.port}{route}"),
            *("--", str(body)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.strip().splitlines()[-1])
    errors = sum(found.pop(kind) for kind in ("connect", "read", "write", "status", "timeout"))
    rate = round(found["requests"] / found.pop("seconds"), 1)
    cost = 1e6 * (server.spent() - before) / max(found["requests"], 1)
    return {"rate": rate, **found, "errors": errors, "cpu_us": round(cost, 1)}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def children(process: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        found += [int(each) for each in " ".join(_lines(str(path))).split()]
    return found


def _await(server: Server, first: tuple[str, bytes], begin: float) -> None:
    """Ask until there is an answer of 200."""
    while time.perf_counter() - begin < _PATIENCE:
        if server.process.poll() is not None:
            break
        try:
            if server.ask(*first)[0] == 200:
                return
        except OSError:
            pass
        except http.client.HTTPException:
            pass
        time.sleep(0.005)
    words = server.log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"no answer of 200 within {_PATIENCE:.0f} s; the server said:\n{words}")


def _stop(server: Server) -> None:
    """End the server and what it started, first asking and then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if server.process.poll() is None:
            os.killpg(server.process.pid, number)
        try:
            server.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            continue
    # A parent that ended may leave children behind; the group is ours alone.
    with suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)


def _lines(path: str) -> list[str]:
    """Return the lines of a file of /proc, none where the process has ended meanwhile."""
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
