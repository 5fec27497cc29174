"""The table of the server benchmarks: 30 numbers and 10 categories, two classes, made from a seed.

    python benchmarks/serving/problem.py FILE.csv

Numbers are multiples of 1/256, so that JSON, float32 and float64 hold the very same value and no server is
told a different row. The logit is part linear, part steps and products, so that linear weights, trees and
their blend each have something of their own to find. The rows of requests are none of the table's.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

SEED: Final = 20261122
ROWS: Final = 20_000
ASKED: Final = 100
NUMBERS: Final = tuple(f"number_{i:02d}" for i in range(30))
CATEGORIES: Final = tuple(f"category_{i}" for i in range(10))
SIZES: Final = (2, 3, 4, 5, 6, 8, 10, 12, 20, 40)
NAMES: Final = (*NUMBERS, *CATEGORIES)
TARGET: Final = "bought"
Rows = list[dict[str, Any]]


def _drawn(count: int, seed: int) -> tuple[Any, Any]:
    """Return numbers (rows, 30) and codes of categories (rows, 10)."""
    rng = np.random.default_rng(seed)
    numbers = np.round(256.0 * rng.normal(size=(count, len(NUMBERS)))) / 256.0
    codes = np.stack([rng.integers(0, size, count) for size in SIZES], axis=1)
    return numbers, codes


def _logit(numbers: Any, codes: Any) -> Any:
    """Return the true logit of each row."""
    rng = np.random.default_rng(SEED)
    weights = rng.normal(size=len(NUMBERS)) / 2.5
    logit = numbers @ weights
    for place, size in enumerate(SIZES):
        logit = logit + 0.4 * rng.normal(size=size)[codes[:, place]]
    steps = np.sign(numbers[:, :3]) * np.sign(numbers[:, 3:6])
    return logit + steps @ (0.5, 0.5, 0.5) + 0.7 * np.abs(numbers[:, 12])


def _as_rows(numbers: Any, codes: Any) -> Rows:
    """Return rows as mappings of plain values."""
    return [
        dict(zip(NUMBERS, some, strict=True))
        | {name: f"{name[-1]}-value-{code}" for name, code in zip(CATEGORIES, those, strict=True)}
        for some, those in zip(numbers.tolist(), codes.tolist(), strict=True)
    ]


def asked_rows(count: int = ASKED) -> Rows:
    """Return the rows that requests hold."""
    return _as_rows(*_drawn(count, SEED + 1))


def write_table(path: Path, seed: int = SEED) -> None:
    """Write the training table as CSV."""
    numbers, codes = _drawn(ROWS, seed)
    chances = 1.0 / (1.0 + np.exp(-_logit(numbers, codes)))
    drawn = np.random.default_rng(seed + 2).random(ROWS) < chances
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*NAMES, TARGET])
        writer.writeheader()
        for row, answer in zip(_as_rows(numbers, codes), drawn, strict=True):
            writer.writerow(row | {TARGET: "yes" if answer else "no"})


if __name__ == "__main__":
    write_table(Path(sys.argv[1]))
