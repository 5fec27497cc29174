"""The tables of the planted faults, each one Block: rows that train and judge, and clean rows beside.

Rows are drawn by a stated seed. The clean half has weight 0 and no fold, so that nobody trains on it; a fault
is planted into the other half, and what it costs is measured on the clean one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from justright.datamodule import DataModule, prepare
from justright.kinds import Profile, infer_schema
from justright.recipe import Recipe, Split
from justright.schema import Block, Schema
from justright.source import open_source

SEED = 20261121
ROWS = 3_000  # that train and judge
CLEAN = 3_000
FOLDS = 5
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

# Target, columns left out (row numbers, parts of the target, known only after the fact).
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "california_housing": ("median_house_value", ()),
    "diamonds": ("price", ()),
    "abalone": ("Rings", ()),
    "bike_sharing": ("cnt", ("instant", "casual", "registered", "dteday")),
    "adult": ("income", ("fnlwgt",)),
    "telco_churn": ("Churn", ("customerID",)),
    "higgs_7k": ("label", ()),
    "wine_quality": ("quality", ()),
    "bank_marketing": ("y", ("duration",)),
    "nycflights13_100k": ("arr_delay", ("arr_time", "air_time", "tailnum", "time_hour", "flight", "year")),
    "credit_default": ("default.payment.next.month", ("ID",)),
    "letter": ("letter", ()),
}
LOOKED_AT = ("bike_sharing", "adult")
"""Tables that were left out while the rules were written, and looked at once before they were mended."""
LEFT_OUT = ("bank_marketing", "nycflights13_100k")
"""Tables whose runs the rules have not seen; their scores were, in the first two rounds."""
FRESH = ("credit_default", "letter")
"""Tables of which nothing was seen when the rules of the third round were frozen."""


@dataclass(frozen=True)
class Sheet:
    """One encoded table: a single Block of training rows, then clean rows."""

    name: str
    data: DataModule
    schema: Schema
    profile: Profile
    train: int

    @property
    def block(self) -> Block:
        """All rows."""
        return self.data.blocks[0]

    @property
    def task(self) -> str:
        """What is learned."""
        assert self.schema.target is not None
        return self.schema.target.task

    @property
    def classes(self) -> int:
        """Number of classes, 0 for numbers."""
        assert self.schema.target is not None
        return len(self.schema.target.classes)


def rows_of(name: str, data: Path = SHARED) -> pa.Table:
    """Return the drawn rows, training rows first."""
    target, left_out = TABLES[name]
    table = pq.read_table(data / f"{name}.parquet").drop_columns(list(left_out))
    table = table.filter(table[target].is_valid())
    if name == "wine_quality":  # three grades: low, middle, high
        grade = np.digitize(table[target].to_numpy(), [5.5, 6.5])
        named = pa.array(np.asarray(["low", "middle", "high"])[grade])
        table = table.set_column(table.schema.get_field_index(target), target, named)
    order = np.random.default_rng(SEED).permutation(table.num_rows)[: ROWS + CLEAN]
    return table.take(order)


def encoded(name: str, rows: pa.Table) -> Sheet:
    """Return rows as a Sheet; the first half (at most ROWS) trains."""
    target, _ = TABLES[name]
    source = open_source(rows)
    schema, profile = infer_schema(source, target=target)
    recipe = Recipe(target=target, split=Split(folds=FOLDS))
    made = prepare(source, schema, recipe, loss="auto", folder=None)
    block, train = made.blocks[0], min(ROWS, rows.num_rows // 2)
    weight, fold = block.weight.copy(), block.fold.copy()
    weight[train:], fold[train:] = 0.0, -2
    block = replace(block, weight=weight, fold=fold)
    return Sheet(name, replace(made, blocks=[block]), schema, profile, train)


def with_rows(sheet: Sheet, **changed: Any) -> Sheet:
    """Return a sheet with some arrays of its Block changed."""
    return replace(sheet, data=replace(sheet.data, blocks=[replace(sheet.block, **changed)]))
