"""Coverage on real tables: does the interval of a small sample hold the score of all other rows?

    python benchmarks/evaluate/real_tables.py DATA_FOLDER [--repeats 400] [--date YYYY-MM-DD]

A linear model is fitted on a quarter of the rows; the truth is its score on the other three quarters, of
which samples of 300 and 1,000 rows are drawn with replacement. Real errors are skewed, heavy and uneven,
unlike those of `coverage.py`. Writes `results/DATE-real-tables.md`.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from justright.evaluate import interval
from justright.metrics import METRICS, metrics_for
from justright.schema import Task

TABLES: tuple[tuple[str, str, Task], ...] = (
    ("california_housing", "median_house_value", "regression"),
    ("diamonds", "price", "regression"),
    ("adult", "income", "binary"),
    ("bank_marketing", "y", "binary"),
    ("letter", "letter", "multiclass"),
)


def predictions(path: Path, target: str, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions of the rows that a linear model has not seen."""
    table = pd.read_parquet(path)
    raw = table.pop(target)
    y = raw.to_numpy(float) if task == "regression" else np.unique(raw.astype(str), return_inverse=True)[1]
    numbers = table.select_dtypes("number").columns
    table[numbers] = table[numbers].fillna(table[numbers].median())
    columns = make_column_transformer(
        (StandardScaler(), numbers),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=20), table.columns.difference(numbers)),
    )
    order = np.random.default_rng(0).permutation(len(y))
    train, rest = order[: len(y) // 4], order[len(y) // 4 :]
    family = Ridge(1.0) if task == "regression" else LogisticRegression(max_iter=1000)
    model = make_pipeline(columns, family).fit(table.iloc[train], y[train])
    if task == "regression":
        return y[rest], model.predict(table.iloc[rest])
    share = model.predict_proba(table.iloc[rest])
    return y[rest], share[:, 1] if task == "binary" else share


def main() -> None:
    """Run all tables and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    lines = [
        f"# Coverage of the 95 % intervals on real tables, {options.date}",
        "",
        f"`python benchmarks/evaluate/real_tables.py DATA_FOLDER --repeats {options.repeats}`. "
        f"Standard error of each figure: {100 * (0.05 * 0.95 / options.repeats) ** 0.5:.1f} points.",
        "",
        "| table | metric | n = 300 | n = 1000 |",
        "|---|---|---:|---:|",
    ]
    for name, column, task in TABLES:
        target, prediction = predictions(options.folder / f"{name}.parquet", column, task)
        names = [each.name for each in metrics_for(task)]
        truth = {each: METRICS[each].function(target, prediction) for each in names}
        rng = np.random.default_rng(1)
        held = {each: [0, 0] for each in names}
        for place, size in enumerate((300, 1000)):
            for _ in range(options.repeats):
                rows = rng.integers(0, len(target), size)
                for each in names:
                    found = interval(each, target[rows], prediction[rows])
                    held[each][place] += found.low <= truth[each] <= found.high
        lines += [
            f"| {name} | {each} | "
            + " | ".join(f"{100 * count / options.repeats:.1f}" for count in held[each])
            + " |"
            for each in names
        ]
        print("\n".join(lines[-len(names) :]), flush=True)
    path = Path(__file__).parent / "results" / f"{options.date}-real-tables.md"
    path.write_text("\n".join(lines) + "\n")
    print(path)


if __name__ == "__main__":
    main()
