"""S1: requests of 1 and 100 rows to our server and to its peers, which serve the same kind of model.

    python benchmarks/serving/throughput.py [--sides ours mlflow ...] [--models linear ...] [--seconds 10]

30 numbers, 10 categories; linear, boosted of 200 trees, their blend; 1, 8 and 64 connections. The server has
core 0, wrk core 1. A run is one server started anew: seconds until its first 200, its answers for 100 rows
compared with those of its own library (1e-6), then every size and number of connections, then its memory.
The runs of all sides alternate, `--repeats` times. What is kept in `results/DATE-throughput.json` is not
measured again unless `--again` names the side, so that a broken-off run goes on; the page beside it is
written anew after each. Each run holds the lock of timed runs.

First time: `python benchmarks/serving/prepare.py` (environments, models), `apt-get install wrk`.
"""

from __future__ import annotations

import argparse
import datetime
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Final

from peers import versions
from pinned import HERE, free_port, load, running
from prepare import MODELS, WORK, prepare, truth
from sides import SIDES, Side, answer_file, body_of
from throughput_page import page

sys.path.insert(0, str(HERE.parent))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

ROWS: Final = (1, 100)
CONNECTIONS: Final = (1, 8, 64)
APART: Final = 1e-6
WARM: Final = 1.0


@contextmanager
def kept(path: Path) -> Iterator[dict[str, Any]]:
    """Give the results to change; two runs of this script may write at once."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        found = json.loads(text) if text else {}
        yield found
        file.seek(0)
        file.truncate()
        file.write(json.dumps(found, indent=1) + "\n")


@cache
def known(model: str) -> dict[str, list[float]]:
    """Return what the libraries answer."""
    return truth(model)


def check(side: Side, model: str, server: Any, asked: list[dict[str, Any]]) -> float:
    """Compare the answers with those of the server's own library; return how far they are apart."""
    worst = 0.0
    for rows in ROWS:
        status, answer = server.ask(side.route(rows), body_of(side, asked[:rows]))
        if status != 200:
            sys.exit(f"{side.name} {model}, {rows} rows: {status} {answer[:300]!r}")
        told = side.read(json.loads(answer))
        right = known(model)[side.truth][:rows]
        if len(told) != rows:
            sys.exit(f"{side.name} {model}: {len(told)} answers for {rows} rows")
        worst = max(worst, *(abs(one - other) for one, other in zip(told, right, strict=True)))
        if side.name == "ours":
            answer_file(model, rows).write_bytes(answer)
    if worst > APART:
        sys.exit(f"{side.name} {model}: answers differ from those of its library by {worst:.2g}")
    return worst


def measure(side: Side, model: str, options: argparse.Namespace) -> dict[str, Any]:
    """Start one server, check it and load it with every case."""
    asked = json.loads((WORK / "asked.json").read_text())
    bodies = {}
    for rows in ROWS:
        bodies[rows] = WORK / f"body-{side.name}-{rows}.json"
        bodies[rows].write_bytes(body_of(side, asked[:rows]))
    port = free_port()
    command, more = side.command(model, port)
    first = (side.route(1), bodies[1].read_bytes())
    with (
        nullcontext(os.getloadavg()[0]) if options.free else alone() as before,
        running(command, port, first, log=WORK / f"log-{side.name}.txt", more=more) as server,
    ):
        made: dict[str, Any] = {"start": server.seconds, "apart": check(side, model, server, asked)}
        made["memory_at_start"] = server.memory()
        if options.check:
            words = f"apart {made['apart']:.1g}, start {server.seconds:.2f} s, {made['memory_at_start']} MB"
            print(f"{model:8} {side.name:15} {words}", flush=True)
            return made
        made["cases"] = {}
        for rows in ROWS:
            load(server, side.route(rows), bodies[rows], 8, min(WARM, options.seconds))
            for connections in CONNECTIONS:
                found = load(server, side.route(rows), bodies[rows], connections, options.seconds)
                made["cases"][f"{rows}x{connections}"] = found
                print(
                    f"{model:8} {side.name:15} {rows:3} rows {connections:2} connections "
                    f"{found['rate']:9.1f}/s p50 {found['p50']:8.2f} p99 {found['p99']:8.2f} ms "
                    f"errors {found['errors']}",
                    flush=True,
                )
        made |= {"memory": server.memory(), "processes": len(server.processes())}
    return made | {
        "bytes": {str(rows): bodies[rows].stat().st_size for rows in ROWS},
        "seconds": options.seconds,
        "load": [round(before, 2), round(os.getloadavg()[0], 2)],
        "date": datetime.date.today().isoformat(),
    }


def one(side: Side, model: str, repeat: int, options: argparse.Namespace, results: Path) -> None:
    """Measure one run unless it is kept, keep it, and write the page."""
    if options.check:
        measure(side, model, options)
        return
    with kept(results) as found:
        runs = found.setdefault("runs", {}).setdefault(model, {}).setdefault(side.name, {})
        if str(repeat) in runs:
            return
    made = measure(side, model, options)
    with kept(results) as found:
        found["runs"][model][side.name][str(repeat)] = made
        told = found.setdefault("versions", {})
        if side.packages and side.name not in told:
            told[side.name] = versions(side.environment, side.packages)
        text = page(found, options.date)
    results.with_suffix(".md").write_text(text)


def main() -> None:
    """Measure side by side, every side once before any a second time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=list(SIDES))
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--again", nargs="*", default=[], choices=list(SIDES), help="forget what is kept")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each case")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="start and compare answers only; keep nothing")
    parser.add_argument("--free", action="store_true", help="neither wait for other timed runs nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--name", default="throughput", help="of the results")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the server too
    prepare()
    results = HERE / "results" / f"{options.date}-{options.name}.json"
    with nullcontext({}) if options.check else kept(results) as found:
        for runs in found.get("runs", {}).values():
            for name in options.again:
                runs.pop(name, None)
    failed = []
    for repeat in range(options.repeats):
        for model in options.models:
            for name in options.sides:
                try:
                    one(SIDES[name], model, repeat, options, results)
                except (RuntimeError, KeyError, SystemExit, subprocess.CalledProcessError) as error:
                    failed.append(f"{name} {model} {repeat}: {error}")
                    print(failed[-1], flush=True)
    if failed:
        sys.exit(f"{len(failed)} runs failed, what is above this line")
    if not options.check:
        print(results.with_suffix(".md"))


if __name__ == "__main__":
    main()
