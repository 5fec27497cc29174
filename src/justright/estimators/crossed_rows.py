"""Rows of the additive models: what says nothing is left out, and nothing depends on the order.

Columns of numbers are put into an order that follows their content, others by name, rows into the order of
their fingerprints, and equal rows become one with the sum of their weights. So permuted columns, permuted
rows, constant columns and repetitions give the solver the same numbers, but for the rounding of the scales.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError, JustrightWarning
from justright.estimators.columns import Table
from justright.kernels.hashing import mix64
from justright.schema import Column, FloatArray
from justright.split import content_key

__all__ = ["Rows", "collapse", "keys_in_order", "telling"]


@dataclass(frozen=True)
class Rows:
    """Rows that train.

    Parameters
    ----------
    table : Table
        Their columns in canonical order.
    encoded : int32 or float32 (rows,)
        Class numbers, or values on the scale of training.
    weight : float64 (rows,)
        Above 0.
    fold : int8 (rows,)
        Validation fold; -2 = none.
    key : uint64 (rows,)
        Fingerprint of the columns.
    """

    table: Table
    encoded: npt.NDArray[Any]
    weight: FloatArray
    fold: npt.NDArray[np.int8]
    key: npt.NDArray[np.uint64]


def telling(table: Table, weight: FloatArray) -> Table:
    """Return the columns that can tell rows of positive weight apart, in canonical order.

    Warns of columns that are set aside: those that name rows, and free text. Where no column tells rows
    apart, the first is kept.

    Raises
    ------
    ColumnError
        Nothing but free text.
    """
    texts = [column.name for column in table.columns if column.kind == "text"]
    columns = [column for column in table.columns if column.kind != "text"]
    if not columns:
        raise ColumnError(
            f"free text only: {', '.join(texts)}",
            allowed="at least one column of numbers, dates or categories",
            next_step="LinearClassifier or LinearRegressor, which read words",
        )
    if aside := [*table.aside, *texts]:
        warnings.warn(
            f"Columns that name rows or hold free text were set aside: {', '.join(aside)}."
            " Next: give them the type category to keep them",
            JustrightWarning,
            stacklevel=4,
        )
    ranks = [(_rank(table, column, weight), column) for column in columns]
    kept = [(rank, column) for rank, column in ranks if rank] or ranks[:1]
    numbers = [column for _, column in sorted(kept, key=lambda each: each[0]) if column.kind == "numeric"]
    others = sorted((c for _, c in kept if c.kind != "numeric"), key=lambda column: column.name)
    ordered = (*numbers, *others)
    # A new Table, not a changed one: what else the old one holds is of all columns.
    values = {column.name: table.values[column.name] for column in ordered}
    return Table(ordered, values, table.rows, table.names, table.aside)


def _rank(table: Table, column: Column, weight: FloatArray) -> tuple[float, ...]:
    """Return what orders a column of numbers by its content; empty where it tells nothing apart."""
    numbers = table.values[column.name].numbers
    if column.kind != "numeric" or numbers is None:
        return (0.0,)
    known = ~np.isnan(numbers)
    if not known.any():
        return ()
    whole = bool(known.all())
    seen = numbers if whole else numbers[known]
    low, high = float(seen.min()), float(seen.max())
    if low == high and whole:
        return ()
    mass = weight if whole else weight[known]
    # Rounded, so that the order of the rows does not enter.
    with np.errstate(over="ignore"):
        mean = float(mass @ np.clip(seen, -1e150, 1e150) / mass.sum())
    return (low, high, float(f"{mean:.10g}"), float(known.mean()))


def keys_in_order(table: Table) -> npt.NDArray[np.uint64]:
    """Return the fingerprint of each row, uint64 (rows,), columns of numbers named by their order."""
    plain: dict[str, Any] = {}
    for place, column in enumerate(table.columns):
        value = table.values[column.name]
        if column.kind == "numeric":
            plain[f"number {place}"] = value.numbers
        else:
            plain[column.name] = (value.codes, value.texts) if value.numbers is None else value.numbers
    return content_key(plain)


def collapse(rows: Rows) -> Rows:
    """Return the rows in the order of their fingerprints, equal ones as one with all their weight.

    Notes
    -----
    One sort: about 0.1 s and a copy of the table for a million rows.
    """
    encoded = np.ascontiguousarray(rows.encoded)
    bits = encoded.view(np.uint32) if encoded.dtype == np.float32 else encoded.astype(np.uint32)
    word = mix64(rows.key ^ mix64(bits.astype(np.uint64) + np.uint64(1)))
    word ^= mix64(rows.fold.astype(np.int64).view(np.uint64))
    _, first, inverse = np.unique(word, return_index=True, return_inverse=True)
    total = np.bincount(inverse, weights=rows.weight).astype(np.float64)
    return Rows(rows.table.take(first), encoded[first], total, rows.fold[first], rows.key[first])
