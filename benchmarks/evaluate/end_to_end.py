"""Does the interval that `justright train` prints hold the score of its model on new rows?

    python benchmarks/evaluate/end_to_end.py DATA_FOLDER [--repeats 400] [--date YYYY-MM-DD]

Trains on small random samples of real tables, nothing given but the target, and scores each model on
all other rows, and on those of them whose numbers lie in the ranges of the sample: what a linear model
does outside of them no row of the sample shows. Writes `results/DATE-end-to-end.md`.
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


def held(table: pd.DataFrame, target: str, size: int, repeat: int) -> dict[str, tuple[bool, bool]]:
    """Train on a sample; does each interval hold the score of the other rows, of those inside?"""
    order = np.random.default_rng(repeat).permutation(len(table))
    sample, fresh = table.iloc[order[:size]], table.iloc[order[size:]]
    numbers = sample.drop(columns=target).select_dtypes("number")
    within = ~((fresh[numbers.columns] < numbers.min()) | (fresh[numbers.columns] > numbers.max())).any(
        axis=1
    )
    inside = within.to_numpy()
    out = tempfile.mkdtemp()
    run = justright.train(sample, target=target, out=out, baseline=False)
    model = run.model
    if run.summary.task == "regression":
        truth, prediction = fresh[target].to_numpy(float), model.predict(fresh).astype(float)
    else:
        truth = (fresh[target].astype(str) == model.classes[1]).to_numpy().astype(int)
        prediction = model.predict_proba(fresh)[:, 1]
    found = {}
    for name, value in run.summary.metrics.items():
        options = {"threshold": run.summary.threshold} if METRICS[name].needs == "label" else {}
        scores = (
            METRICS[name].function(truth[rows], prediction[rows], **options) for rows in (slice(None), inside)
        )
        every, near = (value.low <= score <= value.high for score in scores)
        found[name] = (every, near)
    shutil.rmtree(out)
    return found


def main() -> None:
    """Run all tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    lines = [
        f"# Coverage of the intervals that training prints, {options.date}",
        "",
        f"`python benchmarks/evaluate/end_to_end.py DATA_FOLDER --repeats {options.repeats}`. Standard error "
        f"of each figure: {100 * (0.05 * 0.95 / options.repeats) ** 0.5:.1f} points.",
        "",
        "| table | rows | metric | held, % | of rows inside the ranges of the sample, % |",
        "|---|---:|---|---:|---:|",
    ]
    for name, target, size in TABLES:
        table = pd.read_parquet(options.folder / f"{name}.parquet")
        results = [held(table, target, size, repeat) for repeat in range(options.repeats)]
        rows = []
        for each in dict.fromkeys(key for result in results for key in result):
            every, near = 100 * np.mean([result[each] for result in results if each in result], axis=0)
            rows.append(f"| {name} | {size} | {each} | {every:.1f} | {near:.1f} |")
        print("\n".join(rows), flush=True)
        lines += rows
    path = Path(__file__).parent / "results" / f"{options.date}-end-to-end.md"
    path.write_text("\n".join(lines) + "\n")
    print(path)


if __name__ == "__main__":
    main()
