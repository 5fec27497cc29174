"""Seconds a pass of one plain network: ours beside our own bare scan and the frameworks.

    python benchmarks/neural/epochs.py [--cases small-64 ...] [--sides ours scan torch ...] [--repeats 3]

Rows of 16 made numbers, 20,000 and 1,000,000; networks 64-64 and 256-256-256 (ReLU); batches of 256, Adam
at 1e-3, float32. After each pass every side looks at a tenth as many held-out rows; history and early
stopping (with a patience that never ends a training) are on, but for the bare loops. Each side is a fresh
process with two threads; sides take turns, `--repeats` times. `first` is the first pass with what is built
and compiled on the way (imports apart), `pass` the median of the later ones, `all` their sum. Ours is the
whole road: its `first` has reading and encoding in it, its `all` judging and saving too. Results are kept
by case and side in `results/DATE-epochs.json`; `--again` measures rivals anew, `--free` does not wait for
the lock of timed runs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environment import SHARED, call, rival_python
from problem import BATCH, FEATURES, RATE, Work, make
from usage import cpu, peak_memory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent))

from glassbox import kept  # noqa: E402  (a script: its neighbours are not on the path before)

from lock import alone  # noqa: E402

SIDES = ("ours", "scan", "torch", "lightning", "skorch", "keras", "keras_torch", "sklearn")
MINE = ("ours", "scan")


@dataclass(frozen=True)
class Case:
    """One size of table and network, and how many passes are timed."""

    rows: int
    hidden: tuple[int, ...]
    passes: int


CASES = {
    "small-64": Case(20_000, (64, 64), 10),
    "small-256": Case(20_000, (256, 256, 256), 10),
    "large-64": Case(1_000_000, (64, 64), 3),
    "large-256": Case(1_000_000, (256, 256, 256), 3),
}
# Case ending, sides, how many times as fast as the best of them, as the issue asks.
WANTED = (("64", ("torch",), 3.0), ("64", ("lightning", "skorch", "keras"), 6.0), ("256", ("torch",), 1.2))


# What turns our recipe into the plain network of this benchmark, ended by nothing but its passes.
PLAIN: dict[str, Any] = {
    "activation": "relu",
    "numbers": "plain",
    "ensemble": 1,
    "factors": False,
    "dropout": 0.0,
    "optimizer": "adam",
    "options": {"b2": 0.999},
    "rate": RATE,
    "schedule": "constant",
    "batch": BATCH,
    "decay": 0.0,
    "patience": 1e6,
}


@dataclass
class Ticks:
    """A callback of our Trainer that keeps when each of its passes ended."""

    seconds: list[float]
    cpu: list[float]

    def after_pass(self, moment: Any) -> None:
        """Keep the time."""
        self.seconds.append(time.perf_counter())
        self.cpu.append(cpu())


def ours(question: dict[str, Any]) -> dict[str, Any]:
    """Time our whole road, from a table in memory to a saved model.

    Of a quarter more rows a fifth are held out, so that as many are trained on; more are looked at.
    """
    import pyarrow as pa

    import justright

    count, passes = question["rows"] * 5 // 4, question["passes"]
    rows = make(count)
    columns = {f"x{number}": rows.x[:, number].astype(float) for number in range(FEATURES)}
    table = pa.table(columns | {"y": rows.y.astype(float)})
    network = PLAIN | {"hidden": question["hidden"], "epochs": passes}
    ticks = Ticks([time.perf_counter()], [cpu()])
    with tempfile.TemporaryDirectory() as out:
        run = justright.train(
            table, target="y", out=out, baseline=False, family="neural", network=network, callbacks=[ticks]
        )
        road = time.perf_counter() - ticks.seconds[0]
    # Of a large table the Trainer takes a share of the rows at a time.
    each = (len(ticks.seconds) - 1) // passes
    found = {
        name: [values[each] - values[0], *(each * np.diff(values[each:])).tolist()]
        for name, values in (("seconds", ticks.seconds), ("cpu", ticks.cpu))
    }
    return found | {
        "road": road,
        "held": run.summary.validation.value,
        "version": f"justright {justright.__version__}",
    }


def bare(question: dict[str, Any]) -> dict[str, Any]:
    """Time our own bare scan."""
    from importlib.metadata import version

    import scan

    rows = make(question["rows"])
    ticks, used = [time.perf_counter()], [cpu()]

    def tick() -> None:
        ticks.append(time.perf_counter())
        used.append(cpu())

    history = scan.train(Work(rows, tuple(question["hidden"]), question["passes"], tick))
    found = {"seconds": np.diff(ticks).tolist(), "cpu": np.diff(used).tolist(), "held": history[-1][1]}
    return found | {"version": f"jax {version('jax')}"}


def run_side(side: str, case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Run one side once in a fresh process."""
    question = {"rows": options.rows or case.rows, "hidden": case.hidden, "passes": case.passes + 1}
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as cache:
        folder = Path(place)
        (folder / "question.json").write_text(json.dumps(question))
        if side in MINE:
            command = [sys.executable, str(Path(__file__).resolve()), "--mine", side, str(folder)]
        else:
            command = [str(rival_python()), str(HERE / "epochs_rival.py"), str(folder), side]
        with nullcontext(os.getloadavg()[0]) if options.free else alone() as load:
            more = (SHARED if options.free else {}) | {"JAX_COMPILATION_CACHE_DIR": cache}
            if not call(command, options.limit, more):
                return {
                    "seconds": [options.limit],
                    "cpu": [],
                    "load": [round(load, 1)],
                    "version": "did not end",
                }
        found: dict[str, Any] = json.loads((folder / f"{side}.json").read_text())
    return found | {"load": [round(load, 1), round(os.getloadavg()[0], 1)], "nice": os.nice(0)}


def mine(side: str, folder: Path) -> None:
    """Run one of our sides in this process, called with --mine."""
    question = json.loads((folder / "question.json").read_text())
    found = {"ours": ours, "scan": bare}[side](question)
    (folder / f"{side}.json").write_text(json.dumps(found | {"memory": round(peak_memory())}))


def summary(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Return seconds of a side, medians of its runs: the first pass, a later one, and all together."""
    return {
        "first": statistics.median(run["seconds"][0] for run in runs),
        "pass": statistics.median(s for run in runs for s in run["seconds"][1:] or run["seconds"]),
        "cpu": statistics.median(s for run in runs for s in run["cpu"][1:] or [float("nan")]),
        "all": statistics.median(run.get("road", sum(run["seconds"])) for run in runs),
    }


def page(found: dict[str, Any], date: str) -> str:
    """Return the results as a page."""
    lines = [
        f"# Seconds a pass of one network, {date}",
        "",
        "`python benchmarks/neural/epochs.py`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, two threads each. Rows of {FEATURES} numbers, batches of {BATCH}, Adam at {RATE:g}, "
        "float32; history, a look at held-out rows after each pass and early stopping on (not in the bare "
        "loops `scan` and `torch`, which look only). `first`: first pass with what is built and compiled "
        "on the way, caches empty, imports apart; `pass`: median of later passes; `cpu`: processor "
        "seconds of a pass; `all`: first and later passes together, 1 + 10 of 20,000 rows, 1 + 3 of "
        "1,000,000. Ours is the whole road from a table in memory: its `first` has reading and encoding "
        "in it, its `all` judging and saving too; `x ours`, `x scan`: `pass` over that side's. Wall "
        "seconds at a load above two are upper bounds.",
        "",
        "| case | side | s first | s pass | ms a step | cpu s pass | s all | x ours | x scan | MB | load |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name in (case for case in CASES if case in found):
        sides = {side: summary(found[name][side]) for side in SIDES if side in found[name]}
        lines += [_row(name, side, sides, found[name][side]) for side in sides]
    versions = sorted({run["version"] for case in found.values() for runs in case.values() for run in runs})
    return "\n".join([*lines, "", *_verdicts(found), "", f"Versions: {', '.join(versions)}.", ""])


def _row(name: str, side: str, sides: dict[str, dict[str, float]], runs: list[dict[str, Any]]) -> str:
    """Return one line of the table."""
    made, step = sides[side], sides[side]["pass"] / -(-CASES[name].rows // BATCH) * 1e3
    times = [
        f"{made['pass'] / sides[other]['pass']:.2f}" if other in sides and other != side else ""
        for other in MINE
    ]
    memory, load = max(run.get("memory", 0) for run in runs), ", ".join(map(str, runs[-1]["load"]))
    return (
        f"| {name} | {side} | {made['first']:.2f} | {made['pass']:.4f} | {step:.3f} | {made['cpu']:.4f} "
        f"| {made['all']:.2f} | {' | '.join(times)} | {memory} | {load} |"
    )


def _verdicts(found: dict[str, Any]) -> list[str]:
    """Return what was wanted and what was found, of ours or, where that is missing, of the bare scan."""
    lines = []
    for name in (case for case in CASES if case in found):
        sides = {side: summary(found[name][side])["pass"] for side in SIDES if side in found[name]}
        own = "ours" if "ours" in sides else "scan"
        if own not in sides:
            continue
        for ending, others, wanted in WANTED:
            there = [sides[other] for other in others if other in sides]
            if name.endswith(ending) and there:
                times = min(there) / sides[own]
                word = "reached" if times >= wanted else "missed"
                lines.append(
                    f"- {name}, {own}: {times:.2f} x {' / '.join(others)}, wanted {wanted:g} ({word})."
                )
        if own == "ours" and "scan" in sides:
            cost = sides["ours"] / sides["scan"]
            word = "reached" if cost <= 1.05 else "missed"
            lines.append(f"- {name}: ours takes {cost:.3f} x our bare scan, wanted 1.05 ({word}).")
    return lines


def main() -> None:
    """Measure case by case, the sides taking turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=0, help="fewer rows, to see that a side works")
    parser.add_argument("--limit", type=float, default=1800.0, help="most seconds of one side")
    parser.add_argument("--again", action="store_true", help="measure rivals anew, on a quieter machine")
    parser.add_argument("--free", action="store_true", help="do not wait for other timed runs, nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the results")
    parser.add_argument("--mine", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.mine:
        mine(options.mine[0], Path(options.mine[1]))
        return
    options.results.mkdir(exist_ok=True)
    results = options.results / f"{options.date}-epochs.md"
    for name in options.cases:
        with kept(results) as found:
            done = {side for side in found.get(name, {}) if side not in MINE and not options.again}
        fresh: dict[str, list[dict[str, Any]]] = {}
        for _ in range(options.repeats):
            for side in (each for each in options.sides if each not in done):
                fresh.setdefault(side, []).append(run_side(side, CASES[name], options))
                print(name, side, {k: round(v, 4) for k, v in summary(fresh[side][-1:]).items()}, flush=True)
                with kept(results) as found:
                    found.setdefault(name, {})[side] = fresh[side]
                    everything = dict(found)
                results.with_suffix(".md").write_text(page(everything, options.date))


if __name__ == "__main__":
    main()
