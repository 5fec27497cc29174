"""The twelve tables of the comparison of whole trainings, each with its question, its splits and its metric.

    python benchmarks/quality/tables.py

prints them. Test part: a fifth of the rows, by a stated seed; below 10,000 rows three such splits, above one.
Left out are columns that number the rows, those that add up to the target (bike_sharing) and the one that is
known only after the fact (bank_marketing). The hash of the split (who is in which part, which columns are
there) stands beside every result. Compared are RMSE, and log loss of classes.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

SEED: Final = 20261121
SMALL: Final = 10_000
_LEAST: Final = 1e-15


@dataclass(frozen=True)
class Table:
    """What is asked of a table; `positive` is the class of two, empty for a number, `*` for many classes."""

    target: str
    positive: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """What is predicted."""
        return {"": "regression", "*": "multiclass"}.get(self.positive, "binary")


# Smallest first.
TABLES: Final[dict[str, Table]] = {
    "titanic": Table("Survived", "1", ("PassengerId",)),
    "insurance": Table("charges"),
    "abalone": Table("Rings"),
    "telco_churn": Table("Churn", "Yes", ("customerID",)),
    "higgs_7k": Table("label", "1"),
    "bike_sharing": Table("cnt", "", ("instant", "casual", "registered")),
    "letter": Table("letter", "*"),
    "california_housing": Table("median_house_value"),
    "credit_default": Table("default.payment.next.month", "1", ("ID",)),
    "bank_marketing": Table("y", "yes", ("duration",)),
    "adult": Table("income", ">50K"),
    "diamonds": Table("price"),
}
RING: Final = ("titanic", "insurance", "abalone", "telco_churn")
"""Small tables for daily use."""


@dataclass(frozen=True)
class Parts:
    """One split of a table."""

    train: pa.Table
    test: pa.Table
    split: str


def rows_of(name: str, data: Path) -> pa.Table:
    """Return the rows of a table that have a target, without the columns that are left out."""
    asked = TABLES[name]
    table = pq.read_table(data / f"{name}.parquet").drop_columns(list(asked.left_out))
    return table.filter(table[asked.target].is_valid())


def divide(name: str, seed: int, data: Path) -> Parts:
    """Return the parts of a split and its hash."""
    table = rows_of(name, data)
    order = np.random.default_rng(SEED + seed).permutation(table.num_rows)
    cut = table.num_rows // 5
    train, test = np.sort(order[cut:]), np.sort(order[:cut])
    marks = hashlib.sha256("\n".join(table.column_names).encode())
    marks.update(np.concatenate([train, [-1], test]).astype("<i8").tobytes())
    return Parts(table.take(train), table.take(test), marks.hexdigest()[:16])


def seeds_of(name: str, data: Path) -> tuple[int, ...]:
    """Return the seeds of the splits."""
    return (0, 1, 2) if rows_of(name, data).num_rows < SMALL else (0,)


def question_for(name: str, seed: int, train: pa.Table) -> dict[str, Any]:
    """Return what every side is asked, with the column roles that our schema sees."""
    from justright.kinds import infer_schema
    from justright.source import open_source

    asked = TABLES[name]
    schema, _ = infer_schema(open_source(train), target=asked.target)
    kinds = {column.name: column.kind for column in schema.features}
    return {
        "table": name,
        "target": asked.target,
        "positive": asked.positive,
        "task": asked.task,
        "seed": seed,
        "roles": {
            "numbers": [c for c, kind in kinds.items() if kind == "numeric"],
            "categories": [c for c, kind in kinds.items() if kind in ("categorical", "boolean", "text")],
            "dates": [c for c, kind in kinds.items() if kind == "datetime"],
        },
    }


def losses(question: dict[str, Any], test: pa.Table, predictions: Any, classes: list[str]) -> Any:
    """Return the squared error, or the log loss, of each test row; float64 (rows,).

    Predictions are numbers (rows,), or probabilities (rows, classes) in the order of `classes`.
    """
    truth = test[question["target"]]
    if question["task"] == "regression":
        return np.square(truth.to_numpy().astype(float) - np.asarray(predictions, float))
    place = _places(truth, classes)
    return -np.log(_shares(predictions)[np.arange(len(place)), place])


def score(question: dict[str, Any], test: pa.Table, predictions: Any, classes: list[str]) -> dict[str, float]:
    """Return the metrics of predictions on the test rows; `error` is the one that is compared."""
    from sklearn.metrics import roc_auc_score

    mean = float(np.mean(losses(question, test, predictions, classes)))
    if question["task"] == "regression":
        return {"error": mean**0.5, "rmse": mean**0.5}
    place, shares = _places(test[question["target"]], classes), _shares(predictions)
    found = {"error": mean, "log_loss": mean, "accuracy": float(np.mean(shares.argmax(axis=1) == place))}
    if question["task"] == "multiclass":
        return found
    column = classes.index(question["positive"])
    return found | {"roc_auc": float(roc_auc_score(place == column, shares[:, column]))}


def _places(truth: pa.ChunkedArray[Any], classes: list[str]) -> npt.NDArray[np.int64]:
    """Return the number of the class of each row."""
    known = {name: place for place, name in enumerate(classes)}
    return np.asarray([known[str(each)] for each in truth.to_pylist()], np.int64)


def _shares(predictions: Any) -> npt.NDArray[np.float64]:
    """Return probabilities that add up to 1: rounding in float32 leaves sums of 1 +- 1e-6."""
    p = np.clip(np.asarray(predictions, float), _LEAST, 1.0)
    made: npt.NDArray[np.float64] = p / p.sum(axis=1, keepdims=True)
    return made


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data")
    data = Path(parser.parse_args().data)
    for name in TABLES:
        for seed in seeds_of(name, data):
            parts = divide(name, seed, data)
            roles = question_for(name, seed, parts.train)["roles"]
            counts = {role: len(columns) for role, columns in roles.items()}
            print(name, seed, parts.train.num_rows, parts.test.num_rows, parts.split, counts)


if __name__ == "__main__":
    main()
