"""Does the interval that `justright train` prints hold the score of its model on new rows?

    python benchmarks/evaluate/end_to_end.py DATA_FOLDER [--repeats 200] [--date YYYY-MM-DD]

Trains on small random samples of real tables, nothing given but the target, and scores each model on
15,000 other rows. Writes `results/DATE-end-to-end.md`.
"""

from __future__ import annotations

import argparse
import datetime
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import justright
from justright.metrics import METRICS

TABLES = (
    ("california_housing", "median_house_value", 300),
    ("diamonds", "price", 500),
    ("adult", "income", 400),
    ("bank_marketing", "y", 1000),
)
_FRESH = 15_000


def held(table: pd.DataFrame, target: str, size: int, repeat: int) -> dict[str, bool]:
    """Train on a sample; for each metric, does its interval hold the score on the other rows?"""
    order = np.random.default_rng(repeat).permutation(len(table))
    fresh = table.iloc[order[size : size + _FRESH]]
    out = tempfile.mkdtemp()
    run = justright.train(table.iloc[order[:size]], target=target, out=out, baseline=False)
    model = run.model
    if run.summary.task == "regression":
        truth, prediction = fresh[target].to_numpy(float), model.predict(fresh).astype(float)
    else:
        truth = (fresh[target].astype(str) == model.classes[1]).to_numpy().astype(int)
        prediction = model.predict_proba(fresh)[:, 1]
    found = {}
    for name, value in run.summary.metrics.items():
        options = {"threshold": run.summary.threshold} if METRICS[name].needs == "label" else {}
        score = METRICS[name].function(truth, prediction, **options)
        found[name] = value.low <= score <= value.high
    shutil.rmtree(out)
    return found


def main() -> None:
    """Run all tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    lines = [
        f"# Coverage of the intervals that training prints, {options.date}",
        "",
        f"`python benchmarks/evaluate/end_to_end.py DATA_FOLDER --repeats {options.repeats}`. Standard error "
        f"of each figure: {100 * (0.05 * 0.95 / options.repeats) ** 0.5:.1f} points.",
        "",
        "| table | rows | metric | held, % |",
        "|---|---:|---|---:|",
    ]
    for name, target, size in TABLES:
        table = pd.read_parquet(options.folder / f"{name}.parquet")
        results = pd.DataFrame([held(table, target, size, repeat) for repeat in range(options.repeats)])
        rows = [f"| {name} | {size} | {each} | {100 * results[each].mean():.1f} |" for each in results]
        print("\n".join(rows), flush=True)
        lines += rows
    path = Path(__file__).parent / "results" / f"{options.date}-end-to-end.md"
    path.write_text("\n".join(lines) + "\n")
    print(path)


if __name__ == "__main__":
    main()
