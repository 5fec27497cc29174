"""Rows of a source in their one meaning: canonical features, target, weight and keys, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from justright.features.plan import Canonical, canonical
from justright.features.target import encode_classes
from justright.recipe import Split
from justright.schema import Column, FloatArray, Schema
from justright.source import Source
from justright.split import content_key, key_fingerprints
from justright.values import TextPool, to_codes, to_moments, to_numbers

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowData", "columns_to_read", "read_batch", "read_rows", "read_times"]

_POOLED: Final = ("categorical", "boolean")


@dataclass(frozen=True)
class RowData:
    """Some rows of a table.

    Parameters
    ----------
    values : mapping of str to Canonical
        Canonical values of the features.
    target : int32 class numbers or float64 values, (rows,)
        -1 or NaN where there is none.
    weight : float64 (rows,)
        1 where the table has no weights.
    known : bool (rows,)
        Rows with a target and a weight above 0.
    content : uint64 (rows,)
        Fingerprint of the features.
    key : uint64 (rows,)
        Fingerprint of the split key: the key columns, or the content.
    part_key : int64 (rows,) or None
        Salted fingerprint of the key columns, as `justright split --by` takes it; None without any.
    time : float64 (rows,)
        Seconds since 1970 (or the plain number) of the time column; empty without one.
    unreadable : dict of str to int
        Values read as missing because their column cannot hold them, by column.
    """

    values: Mapping[str, Canonical]
    target: npt.NDArray[Any]
    weight: FloatArray
    known: npt.NDArray[np.bool_]
    content: npt.NDArray[np.uint64]
    key: npt.NDArray[np.uint64]
    part_key: npt.NDArray[np.int64] | None
    time: FloatArray
    unreadable: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.weight)


def columns_to_read(schema: Schema, split: Split) -> list[str]:
    """Return the columns that a training reads: features, target, weight, split key and time."""
    extra = [
        c.name for c in (schema.target.column if schema.target else None, schema.weight) if c is not None
    ]
    time = [split.time] if split.time else []
    return list(dict.fromkeys([*(c.name for c in schema.features), *extra, *split.by, *time]))


def read_rows(source: Source, schema: Schema, split: Split) -> Iterator[RowData]:
    """Yield the rows of a source in their one meaning, at most `BLOCK_ROWS` at a time."""
    pools: dict[str, TextPool] = {}
    for batch in source.batches(columns_to_read(schema, split)):
        for column in schema.features:
            if column.kind in _POOLED and (column.name not in pools or pools[column.name].full):
                pools[column.name] = TextPool(column)
        yield read_batch(batch, schema, split, pools)


def read_batch(
    batch: pa.RecordBatch, schema: Schema, split: Split, pools: Mapping[str, TextPool] | None = None
) -> RowData:
    """Return the rows of one Arrow batch, which holds `columns_to_read`, in their one meaning.

    Texts of the columns in `pools` are numbered by them.
    """
    own = pools or {}
    values = {
        column.name: canonical(batch.column(column.name), column, own.get(column.name))
        for column in schema.features
    }
    target, known = _target(batch, schema)
    weight = _weight(batch, schema)
    content = content_key({name: _plain(value) for name, value in values.items()})
    coded = [to_codes(batch.column(name), _column(schema, name)) for name in split.by]
    return RowData(
        values,
        target,
        weight,
        known & (weight > 0),
        content,
        key_fingerprints(coded).view(np.uint64) if coded else content,
        key_fingerprints(coded, split.salt) if coded else None,
        _times(batch, schema, split.time) if split.time else np.zeros(0),
        {name: int(v.unreadable.sum()) for name, v in values.items() if v.unreadable is not None},
    )


def read_times(source: Source, schema: Schema, name: str) -> FloatArray:
    """Return the times of all rows, float64 (rows,), reading that column only."""
    parts = [_times(batch, schema, name) for batch in source.batches([name])]
    return np.concatenate(parts) if parts else np.zeros(0)


def _target(batch: pa.RecordBatch, schema: Schema) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return class numbers or values, and which rows have one."""
    target = schema.target
    if target is None:
        return np.zeros(batch.num_rows), np.ones(batch.num_rows, bool)
    values = batch.column(target.column.name)
    if target.task == "regression":
        numbers, _ = to_numbers(values, target.column)
        return numbers, np.isfinite(numbers)
    codes, texts = to_codes(values, target.column)
    classes = encode_classes(codes, texts, target.classes)
    return classes, classes >= 0


def _weight(batch: pa.RecordBatch, schema: Schema) -> FloatArray:
    """Return the weights of the rows; missing counts as 0."""
    if schema.weight is None:
        return np.ones(batch.num_rows)
    weight, _ = to_numbers(batch.column(schema.weight.name), schema.weight)
    return np.where(np.isfinite(weight), weight, 0.0)


def _times(batch: pa.RecordBatch, schema: Schema, name: str) -> FloatArray:
    """Return the times of the rows: moments of a date column, else its numbers."""
    column = _column(schema, name)
    read = to_moments if column.kind == "datetime" else to_numbers
    return read(batch.column(name), column)[0]


def _column(schema: Schema, name: str) -> Column:
    """Return a column of the table by name, dropped ones as plain text."""
    roles = [c for c in (schema.target.column if schema.target else None, schema.weight) if c is not None]
    found = next((column for column in (*schema.columns, *roles) if column.name == name), None)
    return found or Column(name, "categorical", "text")


def _plain(value: Canonical) -> Any:
    """Return canonical values as `content_key` wants them."""
    return value.numbers if value.numbers is not None else (value.codes, value.texts)
