"""Seconds of 5 folds x 7 rates of one 64-64 network: one population of ours beside loops of the rivals.

    python benchmarks/neural/folds_rates.py [--sides ours scan torch ...] [--repeats 3]

20,000 rows of 16 made numbers, each network trained 10 passes on four fifths of them (batches of 256, Adam,
rates 1e-4 to 1e-1) and judged on its own fifth after each pass. Ours is 35 members of one training; `scan`
is our own bare `vmap` of the same; rivals train one network after the other. Each side is a fresh process
with two threads; caches of compiled programs are empty, imports apart: `first` is a first answer, `warm` a
second one of the same process (ours and `scan`). Results are kept by side in
`results/DATE-folds-rates.json`; `--again` measures rivals anew, `--free` does not wait for the lock of
timed runs.
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
from pathlib import Path
from typing import Any

import numpy as np
from environment import SHARED, call, rival_python
from epochs import MINE, PLAIN, SIDES
from problem import BATCH, FEATURES, Work, folds, make
from usage import cpu, peak_memory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent))

from glassbox import kept  # noqa: E402  (a script: its neighbours are not on the path before)

from lock import alone  # noqa: E402

RATES = [float(f"{rate:.3g}") for rate in np.logspace(-4, -1, 7)]
QUESTION: dict[str, Any] = {"rows": 20_000, "hidden": [64, 64], "passes": 10, "folds": 5, "rates": RATES}
WANTED = 4.0


def ours(question: dict[str, Any]) -> dict[str, Any]:
    """Train the population by our Trainer, from a table in memory."""
    import pyarrow as pa

    import justright
    from justright.datamodule import prepare
    from justright.kinds import infer_schema
    from justright.models.base import Spec
    from justright.models.registry import learner_for
    from justright.optim.losses import loss_for
    from justright.optim.schedules import schedule_for
    from justright.recipe import Descent, from_data
    from justright.schema import Member
    from justright.source import open_source
    from justright.training.loop import Trainer

    rows = make(question["rows"])
    columns = {f"x{number}": rows.x[:, number].astype(float) for number in range(FEATURES)}
    table = pa.table(columns | {"y": rows.y.astype(float)})
    network = PLAIN | {"hidden": question["hidden"], "epochs": question["passes"], "cv": question["folds"]}
    split = {"folds": question["folds"]}
    recipe = from_data({"target": "y", "family": "neural", "network": network, "split": split})
    members = tuple(
        Member(fold=fold, setting=setting, rate=rate)
        for fold in range(question["folds"])
        for setting, rate in enumerate(question["rates"])
    )
    seconds, used, held = [], [], []
    for _ in range(2):
        before, begin = cpu(), time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            source = open_source(table)
            schema, _ = infer_schema(source, target="y")
            loss = loss_for("squared", "regression", 0.5)
            data = prepare(source, schema, recipe, loss=loss.name, folder=Path(scratch))
            descent = Descent("sgd", epochs=question["passes"], patience=1e6, tolerance=0.0)
            spec = Spec(loss, 1, data.plan, descent, schedule_for("constant"), data.rows)
            trainer = Trainer(learner_for("neural", recipe))
            trained = trainer.fit(spec, members, data.blocks, seed=0, question="")
        seconds.append(time.perf_counter() - begin)
        used.append(cpu() - before)
        held = [row.validation for row in trained.history.rows[-len(members) :]]
    table_of = np.asarray(held, float).reshape(question["folds"], -1).tolist()
    return {
        "seconds": seconds,
        "cpu": used,
        "held": table_of,
        "version": f"justright {justright.__version__}",
    }


def bare(question: dict[str, Any]) -> dict[str, Any]:
    """Train the population by our own bare scan."""
    from importlib.metadata import version

    import scan

    rows, fold_of_row = make(question["rows"]), folds(question["rows"], question["folds"])
    seconds, used = [], []
    for _ in range(2):
        before, begin = cpu(), time.perf_counter()
        work = Work(rows, tuple(question["hidden"]), question["passes"], lambda: None)
        held = scan.train_members(work, fold_of_row, np.asarray(question["rates"]))
        seconds.append(time.perf_counter() - begin)
        used.append(cpu() - before)
    return {"seconds": seconds, "cpu": used, "held": held.tolist(), "version": f"jax {version('jax')}"}


def run_side(side: str, question: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Run one side once in a fresh process."""
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
                    "held": [],
                    "load": [load],
                    "version": "did not end",
                }
        found: dict[str, Any] = json.loads((folder / f"{side}.json").read_text())
    return found | {"load": [round(load, 1), round(os.getloadavg()[0], 1)], "nice": os.nice(0)}


def mine(side: str, folder: Path) -> None:
    """Run one of our sides in this process, called with --mine."""
    question = json.loads((folder / "question.json").read_text())
    found = {"ours": ours, "scan": bare}[side](question)
    (folder / f"{side}.json").write_text(json.dumps(found | {"memory": round(peak_memory())}))


def page(found: dict[str, Any], date: str) -> str:
    """Return the results as a page."""
    lines = [
        f"# Seconds of 5 folds x 7 rates of one network, {date}",
        "",
        "`python benchmarks/neural/folds_rates.py`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, two threads each. {QUESTION['rows']:,} rows of {FEATURES} numbers, 64-64, 10 passes each, "
        f"batches of {BATCH}, Adam at {', '.join(f'{rate:g}' for rate in RATES)}. `first`: caches of "
        "compiled programs empty, imports apart; `warm`: once more in the same process. `loss`: mean over "
        "folds of the held-out loss at the best rate (ours: half the squared error, of a target in standard "
        "units). Ours reads the table and encodes it too. Wall seconds at a load above two are upper "
        "bounds.",
        "",
        "| side | s first | s warm | cpu s first | x ours | loss | best rate | MB | load |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    first = {
        side: statistics.median(run["seconds"][0] for run in found[side]) for side in SIDES if side in found
    }
    for side, seconds in first.items():
        runs = found[side]
        held = np.asarray(runs[-1]["held"], float)
        means = np.nanmean(held, axis=0) if held.size else np.full(len(RATES), np.nan)
        warm = [run["seconds"][1] for run in runs if len(run["seconds"]) > 1]
        times = f"{seconds / first['ours']:.2f}" if "ours" in first else ""
        burnt = statistics.median(run["cpu"][0] if run["cpu"] else float("nan") for run in runs)
        lines.append(
            f"| {side} | {seconds:.2f} | {f'{statistics.median(warm):.2f}' if warm else ''} | {burnt:.2f} "
            f"| {times} | {np.nanmin(means):.4f} "
            f"| {RATES[int(np.nanargmin(means))]:g} | {max(run.get('memory', 0) for run in runs)} "
            f"| {', '.join(map(str, runs[-1]['load']))} |"
        )
    versions = sorted({run["version"] for runs in found.values() for run in runs})
    return "\n".join([*lines, "", *_verdict(first), "", f"Versions: {', '.join(versions)}.", ""])


def _verdict(first: dict[str, float]) -> list[str]:
    """Return what was wanted and found, of ours or, where that is missing, of the bare scan."""
    own = "ours" if "ours" in first else "scan"
    others = {side: seconds for side, seconds in first.items() if side not in MINE}
    if own not in first or not others:
        return []
    best = min(others, key=others.__getitem__)
    times = others[best] / first[own]
    word = "reached" if times >= WANTED else "missed"
    return [
        f"- {own}: {times:.2f} x the best rival ({best}), wanted {WANTED:g} ({word}), compile time counted."
    ]


def main() -> None:
    """Measure, the sides taking turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=QUESTION["rows"], help="fewer, to see that a side works")
    parser.add_argument("--limit", type=float, default=3600.0, help="most seconds of one side")
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
    results = options.results / f"{options.date}-folds-rates.md"
    with kept(results) as found:
        done = {side for side in found if side not in MINE and not options.again}
    fresh: dict[str, list[dict[str, Any]]] = {}
    for _ in range(options.repeats):
        for side in (each for each in options.sides if each not in done):
            fresh.setdefault(side, []).append(run_side(side, QUESTION | {"rows": options.rows}, options))
            print(side, fresh[side][-1]["seconds"], fresh[side][-1]["cpu"], flush=True)
            with kept(results) as found:
                found[side] = fresh[side]
                everything = dict(found)
            results.with_suffix(".md").write_text(page(everything, options.date))


if __name__ == "__main__":
    main()
