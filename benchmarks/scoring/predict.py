"""Batch scoring from Parquet to Parquet: rows a second of a linear model with 20 columns; limit 1.5 million.

    python benchmarks/scoring/predict.py [--rows 4000000] [--repeats 5] [--unlocked] [--date YYYY-MM-DD]

Each run is a fresh process with two cores: `score_folder` over four files of random rows (14 numbers, 2
whole numbers, 4 categories of 3 to 400 texts), the parts of the run before removed. Wall time from the first
read to the last rename, with the model loaded before; processor time of the same; the largest memory of the
process. Then the same again with all parts there. `--unlocked` does not wait for a quiet machine and gives
processor time alone. Prints the table and writes it to `results/DATE-predict.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from justright.bundle.format import ModelFile, write_bundle
from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.models.linear.forward import Layout
from justright.schema import Column, Schema, Target

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

FILES, LIMIT = 4, 1.5e6
SIZES = (3, 10, 50, 400)

RUN = """
import json, os, re, sys, time
cores = sorted(os.sched_getaffinity(0))[:2]
os.sched_setaffinity(0, cores)
from justright.bundle.predictor import load
from justright.bundle.scoring_folder import score_folder
model = load(sys.argv[1])
found = []
for _ in range(2):  # the second time all parts are there
    used, begin = time.process_time(), time.perf_counter()
    report = score_folder(model, sys.argv[2], sys.argv[3], threads=2)
    found.append((time.perf_counter() - begin, time.process_time() - used, report.kept))
assert report.scored == report.rows
status = open("/proc/self/status").read()
print(json.dumps([*found, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024]))
"""


def write_model(path: Path) -> None:
    """Write a logistic linear model with 20 columns, its weights from a seed."""
    numbers = [Column(f"number_{i}", "numeric", "number") for i in range(16)]
    texts = [Column(f"text_{i}", "categorical", "text") for i in range(len(SIZES))]
    numeric = tuple(NumericFeature(c, 0.5, 0.3, 0.0, 1.0) for c in numbers)
    categorical = tuple(
        CategoricalFeature(c, tuple(f"text {j}" for j in range(size)), (0.0, 0.0, *[9.0] * size))
        for c, size in zip(texts, SIZES, strict=True)
    )
    layout = Layout(len(numeric), [], [size + 2 for size in SIZES], 0, clip=4.0)
    weights = np.random.default_rng(1).normal(size=(layout.width, 1))
    target = Target(Column("y", "categorical", "text"), "binary", ("no", "yes"))
    made = ModelFile(
        schema=Schema((*numbers, *texts), target),
        features=FeaturePlan(PlanData(numeric, categorical, (), None)).to_data(),
        family="linear",
        front=layout.to_front(),
        task="binary",
        outputs=1,
        link="logistic",
    )
    write_bundle(path, made, {"weights": weights, "bias": np.zeros(1)}, {}, "")


def write_rows(folder: Path, rows: int) -> None:
    """Write the table, file by file."""
    folder.mkdir()
    for number in range(FILES):
        rng = np.random.default_rng(number)
        n = rows // FILES
        columns = {f"number_{i}": rng.random(n) for i in range(14)}
        columns |= {f"number_{i}": rng.integers(0, 1000, n) for i in (14, 15)}
        for i, size in enumerate(SIZES):
            texts = pa.array([f"text {j}" for j in range(size)])
            columns[f"text_{i}"] = texts.take(pa.array(rng.integers(0, size, n)))
        pq.write_table(pa.table(columns), folder / f"{number}.parquet")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--unlocked", action="store_true")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    rows = options.rows // FILES * FILES
    runs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_model(folder / "model")
        write_rows(folder / "in", rows)
        command = [sys.executable, "-c", RUN, folder / "model", folder / "in", folder / "out"]
        lock = contextlib.nullcontext(os.getloadavg()[0]) if options.unlocked else alone()
        with lock as load:
            for _ in range(options.repeats):
                shutil.rmtree(folder / "out", ignore_errors=True)
                runs.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    walls = [] if options.unlocked else sorted(run[0][0] for run in runs)
    middle = [statistics.median(walls)] if walls else []
    used = min(run[0][1] for run in runs)
    lines = [
        f"# Batch scoring, {options.date}",
        "",
        f"{platform.machine()}, Python {platform.python_version()}, two cores, load average {load:.1f} "
        f"at the start{', not alone on the machine' * options.unlocked}; {rows:,} rows in {FILES} files, "
        f"{options.repeats} fresh processes.",
        f"`python benchmarks/scoring/predict.py --rows {rows}{' --unlocked' * options.unlocked}`",
        "",
        "| | value |",
        "|---|---:|",
        *(f"| million rows a second, best | {rows / each / 1e6:.2f} |" for each in walls[:1]),
        *(f"| the same, median; limit {LIMIT / 1e6:.1f} | {rows / each / 1e6:.2f} |" for each in middle),
        f"| million rows a processor second | {rows / used / 1e6:.2f} |",
        f"| nanoseconds of one core a row | {used / rows * 1e9:.0f} |",
        f"| processor seconds when all parts are there | {min(run[1][1] for run in runs):.3f} |",
        f"| largest memory, MB | {max(run[2] for run in runs):.0f} |",
    ]
    text = "\n".join(lines) + "\n"
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{options.date}-predict.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
