"""Whole trainings with a budget of two minutes beside boosting machines and AutoGluon on the same rows.

    python benchmarks/quality/quality.py [--ring] [--tables adult ...] [--sides ours ...] [--again ours]

The tables, splits and metrics of tables.py; ours.py in both choices (`simplest`, which is the default, and
`best`), the rivals of rivals.py in an environment of their own. Each side is a fresh process with two
threads that holds the lock of timed runs; test rows take part in no choice. Results are kept by table, split
and side in `results/DATE-quality.json`; what is kept is not measured again unless `--again` names it, so that
`--again ours` repeats ours alone. A new date begins with the rivals of the newest file before it. `--ring`:
four small tables, for daily use. `--free` neither waits for the lock nor holds it: for sides whose result
does not depend on the clock (all but ours and autogluon).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from quality_page import OURS, page
from rivals_env import rival_python
from tables import RING, TABLES, divide, question_for, score, seeds_of

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent))

from environment import SHARED, call  # noqa: E402  (a script: its neighbours are not on the path before)
from glassbox import kept  # noqa: E402

from lock import alone  # noqa: E402

RIVALS: Final = ("lightgbm", "lightgbm_tuned", "histgb", "autogluon")
TIMED: Final = ("ours", "autogluon")
"""Sides whose result hangs on how fast the machine is."""


def run_side(side: str, folder: Path, limit: float, free: bool) -> dict[str, dict[str, Any]]:
    """Run a side in a fresh process; returns what its results are called and what they hold."""
    script = ["ours.py", str(folder)] if side == "ours" else ["rivals.py", str(folder), side]
    python = sys.executable if side == "ours" else str(rival_python())
    with nullcontext(os.getloadavg()[0]) if free else alone() as load:
        ended = call([python, str(HERE / script[0]), *script[1:]], limit, SHARED if free else None)
    loads = {"load": [round(load, 1), round(os.getloadavg()[0], 1)], "nice": os.nice(0)}
    if not ended:
        sys.exit(f"{side} did not end within {limit:.0f} s; --limit gives it more")
    names = OURS if side == "ours" else (side,)
    return {name: json.loads((folder / f"{name}.json").read_text()) | loads for name in names}


def measure(name: str, seed: int, sides: list[str], results: Path, options: argparse.Namespace) -> None:
    """Run the sides of one split that are not kept, and write after each."""
    parts = divide(name, seed, Path(options.data))
    limits = {"budget": options.budget, "autogluon_limit": options.budget}
    limits |= {"trials": options.trials, "tuning_limit": options.tuning_limit}
    question = question_for(name, seed, parts.train) | limits
    with tempfile.TemporaryDirectory() as place:
        for side in sides:
            asked = OURS[0] if side == "ours" else side
            if side not in options.again and _known(results, name, seed, parts.split, asked):
                continue
            folder = Path(place) / side
            folder.mkdir()
            pq.write_table(parts.train, folder / "train.parquet")
            pq.write_table(parts.test, folder / "test.parquet")
            (folder / "question.json").write_text(json.dumps(question))
            made = run_side(side, folder, options.limit, options.free)
            for one, found in made.items():
                if side != "ours":
                    predictions = np.load(folder / f"{one}.npy")
                    found["scores"] = score(question, parts.test, predictions, found.pop("classes"))
                found["date"] = datetime.date.today().isoformat()
                error, seconds = found["scores"]["error"], found["seconds"]
                print(f"{name} {seed} {one} {error:.5g} {seconds:.1f} s {found.get('rung', '')}", flush=True)
            rows = [parts.train.num_rows, parts.test.num_rows]
            _write(results, name, seed, {"split": parts.split, "rows": rows, "sides": made}, options)


def _known(results: Path, name: str, seed: int, split: str, side: str) -> bool:
    """Say whether a result of this very split is kept."""
    with kept(results) as found:
        one = found.get(name, {}).get(str(seed), {})
        return one.get("split") == split and side in one["sides"]


def _write(results: Path, name: str, seed: int, made: dict[str, Any], options: argparse.Namespace) -> None:
    """Keep results of a split, and write the page anew."""
    with kept(results) as found:
        seeds = found.setdefault(name, {})
        before = seeds.get(str(seed), {})
        sides = before["sides"] if before.get("split") == made["split"] else {}
        seeds[str(seed)] = made | {"sides": sides | made["sides"]}
        everything = dict(found)
    results.with_suffix(".md").write_text(page(everything, options.date, options.budget))


def begin_with(results: Path) -> None:
    """Take the rivals over from the newest results before these, where these have none."""
    path = results.with_suffix(".json")
    older = [each for each in sorted(results.parent.glob("*-quality.json")) if each.name < path.name]
    if path.exists() or not older:
        return
    with kept(older[-1].with_suffix(".md")) as found:
        everything = json.loads(json.dumps(found))
    for seeds in everything.values():
        for one in seeds.values():
            one["sides"] = {side: made for side, made in one["sides"].items() if side in RIVALS}
    path.write_text(json.dumps(everything, indent=1) + "\n")


def main() -> None:
    """Measure side by side: the quick ones of all tables first, so that a broken-off run leaves most."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = ["ours", *RIVALS]
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--ring", action="store_true", help=f"only {', '.join(RING)}")
    parser.add_argument("--sides", nargs="+", default=every, choices=every)
    parser.add_argument("--again", nargs="*", default=[], choices=every, help="measure anew what is kept")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--budget", type=float, default=120.0, help="seconds of ours and of autogluon")
    parser.add_argument("--trials", type=int, default=30, help="of lightgbm_tuned")
    parser.add_argument("--tuning-limit", type=float, default=1800.0, help="most seconds of lightgbm_tuned")
    parser.add_argument("--limit", type=float, default=3600.0, help="most seconds of one side")
    parser.add_argument("--free", action="store_true", help="do not wait for other timed runs, nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--name", default="quality", help="of the results")
    options = parser.parse_args()
    results = HERE / "results" / f"{options.date}-{options.name}.md"
    results.parent.mkdir(exist_ok=True)
    begin_with(results)
    failed = []
    for side in options.sides:
        for name in RING if options.ring else options.tables:
            for seed in seeds_of(name, Path(options.data)):
                try:
                    measure(name, seed, [side], results, options)
                except subprocess.CalledProcessError as error:
                    failed.append(f"{name} {seed} {side}: {error}")
    if failed:
        sys.exit("failed, what is above this line: " + "; ".join(failed))
    print(results)


if __name__ == "__main__":
    main()
