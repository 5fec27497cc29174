"""Tables whose truth is linear: the ladder must end on the linear rung.

    python benchmarks/quality/planted.py [--seeds 4] [--budget 30]

Five shapes of 300 to 5,000 rows and 5 to 40 columns, some of them categories, some without effect; a target
that is a number or one of two classes, linear in all of them, and noise. Prints and writes the share of runs
whose choice is linear, and for the others what was taken, by how much it seemed better, and by how much it is
so on 20,000 fresh rows of the same law. Runs are kept in `results/DATE-planted.json` and not made twice
(`--again` makes them anew).
"""

from __future__ import annotations

import argparse
import datetime
import logging
import platform
import shutil
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from tables import SEED, losses

import justright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent))

from glassbox import kept  # noqa: E402  (a script: its neighbours are not on the path before)

FRESH: Final = 20_000
"""Rows that tell how a model does."""


@dataclass(frozen=True)
class Shape:
    """One shape of tables.

    Parameters
    ----------
    rows : int
        Rows.
    numbers, categories : int
        Columns; of either kind the first half (rounded up) has an effect.
    classes : bool
        Whether the target is one of two classes, else a number.
    noise : float
        Standard deviation of the noise of a number, of what is linear being 1; of classes the standard
        deviation of the log odds is 2.
    """

    rows: int
    numbers: int
    categories: int
    classes: bool
    noise: float = 0.7


SHAPES: Final = {
    "300 x 5": Shape(300, 4, 1, False),
    "500 x 10, classes": Shape(500, 8, 2, True),
    "1,000 x 20": Shape(1_000, 16, 4, False, 1.0),
    "2,000 x 40, classes": Shape(2_000, 34, 6, True),
    "5,000 x 30": Shape(5_000, 26, 4, False, 0.5),
}


def drawn(shape: Shape, seed: int) -> tuple[pa.Table, pa.Table]:
    """Return rows to train on and fresh ones: numbers normal and partly correlated, 3 to 6 levels."""
    rng, rows = np.random.default_rng((SEED, shape.rows, seed)), shape.rows + FRESH
    shared = rng.normal(size=(rows, 1))
    numbers = 0.4 * shared + rng.normal(size=(rows, shape.numbers))
    weight = rng.normal(size=shape.numbers) * (np.arange(shape.numbers) < -(-shape.numbers // 2))
    linear = numbers @ weight
    columns: dict[str, Any] = {f"number {i}": numbers[:, i] for i in range(shape.numbers)}
    for i in range(shape.categories):
        levels = 3 + i % 4
        codes = rng.integers(0, levels, rows)
        if i < -(-shape.categories // 2):
            linear += rng.normal(size=levels)[codes]
        columns[f"category {i}"] = np.asarray([f"level {level}" for level in range(levels)])[codes]
    linear = (linear - linear.mean()) / linear.std()
    if shape.classes:
        share = 1.0 / (1.0 + np.exp(-2.0 * linear))
        target: Any = np.where(rng.uniform(size=rows) < share, "yes", "no")
    else:
        target = linear + shape.noise * rng.normal(size=rows)
    table = pa.table(columns | {"target": target})
    return table.slice(0, shape.rows), table.slice(shape.rows)


def climbed(shape: Shape, seed: int, budget: float) -> dict[str, Any]:
    """Train; return the rung, where each one stands, and how the model does on fresh rows."""
    table, fresh = drawn(shape, seed)
    out = tempfile.mkdtemp()
    try:
        run = justright.train(
            table, target="target", out=out, family="ladder", ladder={"budget": budget}, seed=seed
        )
        linear = justright.train(table, target="target", out=out, family="linear", baseline=False, seed=seed)
        scored = [_loss(each, fresh) for each in (run, linear)]
    finally:
        shutil.rmtree(out)
    why = next(each for each in run.findings if each.id == "rung-chosen")
    return {
        "rung": run.summary.family,
        "best": why.evidence["best"],
        "standings": why.evidence["rungs"],
        "seconds": round(run.summary.seconds.total, 1),
        "fresh": scored,
    }


def _loss(run: Any, fresh: pa.Table) -> float:
    """Return the mean loss of a run's model on fresh rows."""
    classes = [str(each) for each in run.model.classes]
    question = {"target": "target", "task": run.summary.task}
    inputs = fresh.drop_columns(["target"])
    made = run.model.predict_proba(inputs) if classes else run.model.predict(inputs)
    return float(np.mean(losses(question, fresh, made, classes)))


def page(found: dict[str, Any], date: str, budget: float) -> str:
    """Return the results as a page."""
    runs = [made for shape in found.values() for made in shape.values()]
    linear = sum(made["rung"] == "linear" for made in runs)
    lines = [
        f"# Tables whose truth is linear, {date}",
        "",
        "`python benchmarks/quality/planted.py`",
        "",
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, "
        f"justright {justright.__version__}; budget {budget:.0f} s a run. Wanted: the linear rung. Gap: "
        "held-out loss a row above that of the rung that seemed best, with its standard error.",
        "",
        f"**Linear in {linear} of {len(runs)} runs ({100 * linear / max(len(runs), 1):.0f} %).**",
        "",
        "| shape | runs | linear | taken else: seed, rung, gap of linear (standard error), loss on fresh "
        "rows over that of linear | seconds, most |",
        "|---|---:|---:|---|---:|",
    ]
    for name, shape in found.items():
        others = []
        for seed, made in shape.items():
            if made["rung"] != "linear":
                own = next(one for one in made["standings"] if one["name"] == "linear")
                gap = f"{own['gap']:.3g} ({own['error']:.2g})"
                truth = made["fresh"][0] / made["fresh"][1]
                others.append(f"{seed}: {made['rung']}, {gap}, {truth:.4f}")
        good = sum(made["rung"] == "linear" for made in shape.values())
        most = max(made["seconds"] for made in shape.values())
        lines.append(f"| {name} | {len(shape)} | {good} | {'; '.join(others)} | {most:.0f} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Run seed by seed, so that a broken-off run has all shapes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--budget", type=float, default=30.0)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    results = HERE / "results" / f"{options.date}-planted.md"
    results.parent.mkdir(exist_ok=True)
    for seed in range(options.seeds):
        for name, shape in SHAPES.items():
            with kept(results) as found:
                known = str(seed) in found.get(name, {})
            if known and not options.again:
                continue
            made = climbed(shape, seed, options.budget)
            with kept(results) as found:
                found.setdefault(name, {})[str(seed)] = made
                everything = dict(found)
            results.with_suffix(".md").write_text(page(everything, options.date, options.budget))
            print(name, seed, made["rung"], made["best"], made["seconds"], flush=True)


if __name__ == "__main__":
    main()
