"""Rows like Criteo's, generated: 13 numbers with missing values, 26 Zipf categories, planted crosses.

    python benchmarks/linear/criteo_rows.py FOLDER --rows 1000000

The log odds are known: a curve of each number, a value of each category, tables of six pairs (category x
category, number x category, number x number). About 25 % are positive. Chunk k of a table depends on seed and
k alone, so a longer table begins with the shorter one. The validation rows have a seed of their own and the
same truth; with them goes the log loss of the truth itself, which no model can beat.
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CHUNK = 250_000
VALIDATION = 200_000
NUMBERS = 13
# Values of each category, in Criteo's order of magnitude; how the ranks fall (Zipf) is EXPONENT.
SIZES = (1_000, 500, 1_000_000, 200_000, 300, 20, 10_000, 600, 3, 50_000, 5_000, 500_000, 3_000)
SIZES += (26, 10_000, 300_000, 10, 4_000, 2_000, 4, 400_000, 15, 15, 100_000, 80, 60_000)
EXPONENT = 1.15
MISSING = (0.0, 0.1, 0.2, 0.2, 0.02, 0.2, 0.05, 0.0, 0.05, 0.4, 0.05, 0.5, 0.2)
GROUPS = 32
# Pairs of places: below 13 a number, from 13 on a category.
CROSSES = ((13 + 0, 13 + 7), (13 + 4, 13 + 24), (0, 13 + 5), (3, 13 + 13), (1, 4), (6, 10))
INTERCEPT = -1.9
FOUR = np.array([1.0, 0.7, 0.5, 0.35])


@cache
def truth() -> dict[str, Any]:
    """Return what the log odds are made of; the same for every table."""
    rng = np.random.default_rng(20261121)
    return {
        "middle": rng.normal(1.0, 0.5, NUMBERS),
        "spread": rng.uniform(0.8, 1.6, NUMBERS),
        "curves": rng.normal(0, 0.16, (NUMBERS, 4)) * FOUR,
        "values": [rng.normal(0, 0.28, size) for size in SIZES],
        "tables": [rng.normal(0, 0.40, (GROUPS, GROUPS)) for _ in CROSSES],
    }


@cache
def labels(place: int) -> pa.Array:
    """Return the texts of a category: eight hexadecimal digits each, as in the original."""
    rng = np.random.default_rng(1_000 + place)
    drawn = rng.choice(2**32, SIZES[place], replace=False) if SIZES[place] < 2_000 else None
    values = drawn if drawn is not None else rng.integers(0, 2**32, SIZES[place])
    return pa.array([f"{value:08x}" for value in values.tolist()])


def chunk(seed: int, number: int, rows: int) -> tuple[pa.Table, np.ndarray]:
    """Return rows of one chunk and the true log odds of each."""
    rng, known = np.random.default_rng([seed, number]), truth()
    columns: dict[str, Any] = {}
    odds = np.full(rows, INTERCEPT)
    axes = []
    common = rng.normal(size=rows)  # in all numbers: counts of one visitor rise together
    for j in range(NUMBERS):
        normal = 0.4 * common + np.sqrt(0.84) * rng.normal(size=rows)
        unit = known["middle"][j] + known["spread"][j] * normal
        value = np.floor(np.exp(unit))
        missing = rng.random(rows) < MISSING[j]
        z = (np.log1p(value) - 1.5) / 1.2
        basis = np.stack([z, np.sin(2 * z), np.cos(3 * z), np.sin(5 * z)])
        odds += np.where(missing, 0.2 * np.sin(j), known["curves"][j] @ basis)
        axes.append(np.where(missing, 0, np.clip(((z + 2) * 7).astype(np.int64), 1, GROUPS - 1)))
        columns[f"I{j + 1}"] = pa.array(value.astype(np.int64), mask=missing)
    power = 1.0 - EXPONENT
    for j, size in enumerate(SIZES):
        u = rng.random(rows)
        rank = ((1.0 + u * ((size + 1.0) ** power - 1.0)) ** (1.0 / power)).astype(np.int64) - 1
        rank = np.clip(rank, 0, size - 1)
        odds += known["values"][j][rank]
        axes.append(np.minimum(rank, GROUPS - 1))
        texts = pa.DictionaryArray.from_arrays(pa.array(rank.astype(np.int32)), labels(j))
        columns[f"C{j + 1}"] = texts.cast(pa.string())
    for (a, b), table in zip(CROSSES, known["tables"], strict=True):
        odds += table[axes[a], axes[b]]
    label = rng.random(rows) < 1.0 / (1.0 + np.exp(-odds))
    return pa.table({"label": label.astype(np.int64), **columns}), odds


def write(path: Path, rows: int, seed: int) -> None:
    """Write a table as a stream of chunks, each a row group; beside it the log loss of the truth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer, loss, positive = None, 0.0, 0
    part = path.with_suffix(".part")
    for number, begin in enumerate(range(0, rows, CHUNK)):
        count = min(CHUNK, rows - begin)
        table, odds = chunk(seed, number, CHUNK)
        table, odds = table.slice(0, count), odds[:count]
        y = table["label"].to_numpy()
        loss += float(np.logaddexp(0.0, odds).sum() - odds[y == 1].sum())
        positive += int(y.sum())
        writer = writer or pq.ParquetWriter(part, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
    part.rename(path)
    rate = positive / rows
    base = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    path.with_suffix(".txt").write_text(f"{rate:.6f} {base:.6f} {loss / rows:.6f}\n")


def tables(folder: Path, rows: int) -> tuple[Path, Path]:
    """Return the files of the training and the validation rows; makes those that are not there."""
    train, valid = folder / f"train-{rows}.parquet", folder / "validation.parquet"
    if not train.exists():
        write(train, rows, seed=1)
    if not valid.exists():
        write(valid, VALIDATION, seed=2)
    return train, valid


def known_losses(path: Path) -> dict[str, float]:
    """Return share of positives, log loss of that share, and log loss of the truth, of a table's rows."""
    rate, base, attainable = (float(text) for text in path.with_suffix(".txt").read_text().split())
    return {"rate": rate, "base": base, "attainable": attainable}


def main() -> None:
    """Write tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    options = parser.parse_args()
    for rows in options.rows:
        for path in tables(options.folder, rows):
            print(path, known_losses(path))


if __name__ == "__main__":
    main()
