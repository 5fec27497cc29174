"""The tables of the comparison of networks, each with its one split, its question and its metric.

    python benchmarks/neural/tables.py

prints them. Test part: the official one of Adult (the last 16,281 rows), a third of Bank, else a fifth, by
a stated seed; held out for choices: a fifth of the training rows by the same seed. All sides get the same
rows of each part, and the hash of the split stands beside every result. Left out are columns that number
the rows and the two of bike_sharing that add up to its target. Errors: RMSE, 1 - AUC of two classes, log
loss of more.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent))

import glassbox  # noqa: E402  (a script: its neighbours are not on the path before)

SMALL = 10_000
# File, target, positive class ("" for a number, "*" for many classes), columns left out; smallest first.
TABLES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "higgs_7k": ("higgs_7k.parquet", "label", "1", ()),
    "bike_sharing": ("bike_sharing.parquet", "cnt", "", ("instant", "casual", "registered")),
    "letter": ("letter.parquet", "letter", "*", ()),
    "california": glassbox.TABLES["california"],
    "credit_default": glassbox.TABLES["credit_default"],
    "bank": glassbox.TABLES["bank"],
    "adult": glassbox.TABLES["adult"],
    "diamonds": glassbox.TABLES["diamonds"],
}


@dataclass(frozen=True)
class Parts:
    """One table in its parts; `held` are the places in `train` that choose and are not trained on."""

    train: pa.Table
    test: pa.Table
    held: np.ndarray[Any, np.dtype[np.int64]]
    split: str


def divide(name: str, data: Path) -> Parts:
    """Return the parts of a table and a hash of who is where; the test rows are those of glassbox.py."""
    file, target, _, left_out = TABLES[name]
    table = pq.read_table(data / file).drop_columns(list(left_out))
    table = table.filter(table[target].is_valid())
    rows = table.num_rows
    if name == "adult":
        train, test = np.arange(glassbox.OFFICIAL), np.arange(glassbox.OFFICIAL, rows)
    else:
        order = np.random.default_rng(glassbox.SEED).permutation(rows)
        cut = rows // 3 if name == "bank" else rows // 5
        train, test = np.sort(order[cut:]), np.sort(order[:cut])
    shuffled = np.random.default_rng(glassbox.SEED + 1).permutation(len(train))
    held = np.sort(shuffled[: len(train) // 5])
    marks = np.concatenate([train, [-1], test, [-1], held])
    split = hashlib.sha256(marks.astype("<i8").tobytes()).hexdigest()[:16]
    return Parts(table.take(train), table.take(test), held, split)


def seeds_for(train_rows: int, test_rows: int) -> tuple[int, ...]:
    """Return the seeds of the models: three for a small table, else one."""
    return (0, 1, 2) if train_rows + test_rows < SMALL else (0,)


def question_for(name: str, train: pa.Table) -> dict[str, Any]:
    """Return what every side is asked, with the column roles that our schema sees."""
    from justright.kinds import infer_schema
    from justright.source import open_source

    _, target, positive, _ = TABLES[name]
    schema, _ = infer_schema(open_source(train), target=target)
    kinds = {column.name: column.kind for column in schema.features}
    return {
        "table": name,
        "target": target,
        "positive": positive,
        "task": {"": "regression", "*": "multiclass"}.get(positive, "binary"),
        "roles": {
            "numbers": [c for c, kind in kinds.items() if kind == "numeric"],
            "categories": [c for c, kind in kinds.items() if kind in ("categorical", "boolean", "text")],
            "dates": [c for c, kind in kinds.items() if kind == "datetime"],
        },
    }


def score(question: dict[str, Any], test: pa.Table, predictions: Any, classes: list[str]) -> dict[str, float]:
    """Return the metrics of predictions on the test rows; `error` is the one that is compared.

    Predictions are numbers (rows,), or probabilities (rows, classes) in the order of `classes`.
    """
    from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

    truth = test[question["target"]]
    if question["task"] == "regression":
        value = float(root_mean_squared_error(truth.to_numpy(), predictions))
        return {"error": value, "rmse": value}
    y = np.asarray([str(each) for each in truth.to_pylist()])
    # Rounding in float32 leaves sums of 1 +- 1e-6.
    p = np.clip(np.asarray(predictions, float), 1e-15, 1.0)
    p /= p.sum(axis=1, keepdims=True)
    found = {
        "log_loss": float(log_loss(y, p, labels=classes)),
        "accuracy": float(np.mean(np.asarray(classes)[p.argmax(axis=1)] == y)),
    }
    if question["task"] == "multiclass":
        return {"error": found["log_loss"]} | found
    area = float(roc_auc_score(y == question["positive"], p[:, classes.index(question["positive"])]))
    return {"error": 1.0 - area, "roc_auc": area} | found


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data")
    data = Path(parser.parse_args().data)
    for name in TABLES:
        parts = divide(name, data)
        roles = question_for(name, parts.train)["roles"]
        counts = {role: len(columns) for role, columns in roles.items()}
        print(name, parts.train.num_rows, parts.test.num_rows, len(parts.held), parts.split, counts)


if __name__ == "__main__":
    main()
