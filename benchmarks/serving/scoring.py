"""How fast a bundle loads and scores: fresh-interpreter load, one row, many rows from Arrow.

    python benchmarks/serving/scoring.py [--write]

The model is linear and logistic with 20 columns (14 numbers, 5 categories, 1 date), made from a seed.
`--write` adds a dated file under `benchmarks/serving/results/`.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from justright.bundle.format import ModelFile, write_bundle
from justright.bundle.predictor import load
from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.models.linear.forward import Layout
from justright.schema import Column, Schema, Target

ROWS = 1_000_000
COLOURS = tuple(f"colour {i}" for i in range(12))

LOAD = """
import time; start = time.perf_counter()
from justright.bundle.predictor import load
model = load({path!r}); loaded = time.perf_counter()
model.predict_rows([{row!r}]); scored = time.perf_counter()
print(loaded - start, scored - loaded)
"""

NUMPY = "import time; start = time.perf_counter(); import numpy; print(time.perf_counter() - start)"


def make_model(path: Path) -> dict[str, Any]:
    """Write the model and return one row for it."""
    numbers = [Column(f"number_{i}", "numeric", "number") for i in range(14)]
    texts = [Column(f"text_{i}", "categorical", "text") for i in range(5)]
    when = Column("when", "datetime", "datetime")
    numeric = tuple(NumericFeature(c, 0.5, 0.3, 0.0, 1.0) for c in numbers)
    trend = NumericFeature(when, 1.7e9, 1e7, 1.6e9, 1.8e9, part="trend")
    categorical = tuple(CategoricalFeature(c, COLOURS, (0.0, 0.0, *[9.0] * 12)) for c in texts)
    plan = FeaturePlan(PlanData((*numeric, trend), categorical, (), None))
    layout = Layout(15, [], [14] * 5, 0)
    weights = np.random.default_rng(1).normal(size=(layout.width, 1))
    target = Target(Column("y", "categorical", "text"), "binary", ("no", "yes"))
    model = ModelFile(
        schema=Schema((*numbers, *texts, when), target),
        features=plan.to_data(),
        family="linear",
        front=layout.to_front(),
        task="binary",
        outputs=1,
        link="logistic",
    )
    write_bundle(path, model, {"weights": weights, "bias": np.zeros(1)}, {}, "")
    row: dict[str, Any] = {c.name: i / 14 for i, c in enumerate(numbers)}
    return row | {c.name: COLOURS[i] for i, c in enumerate(texts)} | {"when": "2024-05-06T07:08:09"}


def make_table() -> pa.Table:
    """A million rows of the same columns."""
    rng = np.random.default_rng(2)
    columns: dict[str, Any] = {f"number_{i}": rng.random(ROWS) for i in range(14)}
    for i in range(5):
        columns[f"text_{i}"] = pa.array(COLOURS).take(pa.array(rng.integers(0, 12, ROWS)))
    seconds = rng.integers(1_600_000_000, 1_800_000_000, ROWS)
    return pa.table(columns | {"when": pa.array(seconds, pa.timestamp("s"))})


def times_of(code: str, env: dict[str, str]) -> list[float]:
    """Run code in a fresh interpreter and return the numbers it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    return [float(x) for x in done.stdout.split()]


def spread(runs: list[list[float]]) -> str:
    """Median and best first number: on a shared machine the best says what the work itself costs."""
    times = [1e3 * run[0] for run in runs]
    return f"{statistics.median(times):.0f} ms, best {min(times):.0f} ms"


def median_seconds(task: Callable[[], object], repeats: int) -> float:
    """Median time of a task."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        row = make_model(path)
        code = LOAD.format(path=str(path), row=row)
        # Compiled files as an installed package has them, whatever this shell says about writing them.
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "cache")
        runs = [times_of(code, env) for _ in range(16)][1:]
        numpy_alone = [times_of(NUMPY, env) for _ in range(15)]
        model = load(path)
        table = make_table()
        model.predict_rows([row])
        model.margins(table)
        lines = [
            (
                "load in a fresh interpreter, imports included",
                spread(runs),
            ),
            ("of which numpy alone", spread(numpy_alone)),
            ("first row after that", f"{1e3 * statistics.median(r[1] for r in runs):.2f} ms"),
            ("load in a warm process", f"{1e3 * median_seconds(lambda: load(path), 50):.1f} ms"),
            ("one row as a dict", f"{1e6 * median_seconds(lambda: model.predict_rows([row]), 2000):.0f} us"),
            (
                "100 rows as dicts, a row",
                f"{1e4 * median_seconds(lambda: model.predict_rows([row] * 100), 200):.1f} us",
            ),
            (
                f"probabilities of {ROWS:,} rows from Arrow",
                f"{ROWS / median_seconds(lambda: model.predict_proba(table), 5) / 1e6:.2f} M rows/s",
            ),
        ]
    text = "\n".join(f"| {name} | {value} |" for name, value in lines)
    print(text)
    if write:
        results = Path(__file__).parent / "results"
        results.mkdir(exist_ok=True)
        machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
        command = "`python benchmarks/serving/scoring.py --write`"
        head = f"# Scoring, {date.today()}\n\n{machine}. {command}\n\n| what | median |\n|---|---|\n"
        (results / f"{date.today()}-scoring.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
