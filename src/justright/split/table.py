"""A table of any size cut into files, in one pass (two by time) and bounded memory.

Rows are streamed; what is kept of each is its part, its content key, its group, moment and target: 9
to 25 bytes a row, for the audit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError, RecipeError, TableError, closest
from justright.schema import Column, FloatArray, IntArray, Schema
from justright.split.auditor import audit
from justright.split.content import CanonicalColumn, content_key
from justright.split.counts import SplitAudit
from justright.split.cutoffs import part_by_time, time_cutoffs
from justright.split.key import key_fingerprints
from justright.split.part_files import AUDIT_FILE, PartFiles, write_parts
from justright.split.parts import bounds, parse_shares, part_of
from justright.split.texts import key_texts
from justright.values import to_codes, to_moments, to_numbers

if TYPE_CHECKING:
    import pyarrow as pa

    from justright.source.base import Source

__all__ = ["split_table"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


def split_table(
    source: Source,
    by: str | Sequence[str] = (),
    time: str = "",
    shares: str | Sequence[float] = "80/10/10",
    salt: str = "",
    *,
    out: str | Path,
    sample: float = 1.0,
    schema: Schema | None = None,
    names: Sequence[str] = ("train", "validation", "test"),
) -> SplitAudit:
    """Split a table into Parquet files, with an audit beside them.

    Parameters
    ----------
    source : Source
        The rows; read once, twice by time.
    by : str or sequence of str, default ()
        Key columns: rows with equal keys share a part. Empty = the row's content, all columns sorted
        by name.
    time : str, default ""
        A column of dates or numbers: earlier rows into the earlier parts. Excludes `by`. Rows without
        a readable moment are left out and counted.
    shares : str or sequence of float, default "80/10/10"
        Share of each part; see `parse_shares`.
    salt : str, default ""
        Another salt gives another split; without effect on a split by time.
    out : str or Path
        Folder of `train.parquet`, `validation.parquet`, `test.parquet` and `audit.json`. Earlier files
        of these names are replaced, all or none.
    sample : float, default 1.0
        Share of the keys that is used at all, in (0, 1].
    schema : Schema or None, default None
        How columns are written; None takes it from their types, where a text column (all of a CSV) is
        text as it stands.
    names : sequence of str
        Names of the parts, letters, digits, `-` and `_`.

    Returns
    -------
    SplitAudit
        As in `audit.json`.

    Raises
    ------
    RecipeError
        Choices that are not allowed, or contradict each other.
    ColumnError
        A column that is not there, or a time column without moments.
    TableError
        No rows.
    StorageError
        `out` cannot be written.

    Notes
    -----
    Columns keep the type that the source gives them. Memory: one batch, one row group a part, and 9
    to 25 bytes a row for the audit.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from justright.source import open_source
    >>> source = open_source({"customer": [i // 4 for i in range(4000)], "price": list(range(4000))})
    >>> with TemporaryDirectory() as folder:
    ...     seen = split_table(source, "customer", out=folder)
    >>> [part.rows for part in seen.parts], seen.groups_on_both_sides
    ([3240, 376, 384], 0)
    """
    by = (by,) if isinstance(by, str) and by else tuple(by)
    names = _checked(source, by, time, shares, sample, names)
    cutoffs = time_cutoffs(_all_moments(source, time, schema), shares) if time else None
    parts = _Splitter(source, by, time, cutoffs, shares, salt, sample, schema)
    with write_parts(Path(out), names) as folder:
        trail = _write(source, parts, folder, names)
        seen = _audited(trail, parts, names)
        text = msgspec.json.format(msgspec.json.encode(seen), indent=2)
        (folder / AUDIT_FILE).write_bytes(text + b"\n")
    return seen


class _Trail(msgspec.Struct):
    """What is kept of each row, batch by batch."""

    part: list[npt.NDArray[np.int8]] = []
    content: list[npt.NDArray[np.uint64]] = []
    groups: list[npt.NDArray[np.uint64]] = []
    moments: list[FloatArray] = []
    target: list[npt.NDArray[Any]] = []


class _Splitter:
    """The choices of a split, applied to one batch at a time."""

    def __init__(
        self,
        source: Source,
        by: tuple[str, ...],
        time: str,
        cutoffs: FloatArray | None,
        shares: str | Sequence[float],
        salt: str,
        sample: float,
        schema: Schema | None,
    ) -> None:
        self.by, self.time, self.cutoffs = by, time, cutoffs
        self.shares, self.salt, self.sample = shares, salt, sample
        self.schema = schema
        self.key = by or tuple(sorted(source.names))

    def definition(self) -> dict[str, Any]:
        """Return everything that is needed to make the same split again."""
        return {
            "by": list(self.by),
            "time": self.time,
            "key": [] if self.time else list(self.key),
            "shares": list(parse_shares(self.shares)),
            "salt": self.salt,
            "sample": self.sample,
            "bounds": [] if self.time else bounds(self.shares, self.sample).tolist(),
            "cutoffs": [] if self.cutoffs is None else self.cutoffs.tolist(),
        }

    def place(self, batch: pa.RecordBatch, trail: _Trail) -> npt.NDArray[np.int8]:
        """Return the part of each row of a batch; adds the batch to the trail."""
        columns = {name: _column(batch, name, self.schema) for name in batch.schema.names}
        keys = self._keys(batch, columns)
        if self.cutoffs is None:
            part = part_of(keys, self.shares, self.sample)
        else:
            moments = _moments(batch.column(self.time), columns[self.time])
            part = part_by_time(moments, self.cutoffs)
            if self.sample < 1:
                part[part_of(keys, [1], self.sample) < 0] = -1
            trail.moments.append(moments)
        trail.part.append(part)
        trail.content.append(content_key({n: _canonical(batch.column(n), c) for n, c in columns.items()}))
        if self.by:
            trail.groups.append(keys.view(np.uint64))
        if self.schema is not None and self.schema.target is not None:
            trail.target.append(_target(batch, self.schema))
        return part

    def _keys(self, batch: pa.RecordBatch, columns: dict[str, Column]) -> IntArray:
        """Return the fingerprint of each row's key; zeros where nothing depends on it."""
        if self.cutoffs is not None and self.sample == 1:
            return np.zeros(batch.num_rows, np.int64)
        return key_fingerprints([key_texts(batch.column(n), columns[n]) for n in self.key], self.salt)


def _checked(
    source: Source,
    by: tuple[str, ...],
    time: str,
    shares: str | Sequence[float],
    sample: float,
    names: Sequence[str],
) -> tuple[str, ...]:
    """Refuse choices that cannot be kept; return the names of the parts there will be."""
    if by and time:
        raise RecipeError(
            f"by={', '.join(by)} and time={time!r}",
            allowed="one of them",
            next_step="leave out --by or --time",
        )
    for name in (*by, *([time] if time else [])):
        if name not in source.names:
            raise ColumnError(
                f"column={name!r}", where="--time" if time else "--by", allowed=closest(name, source.names)
            )
    n_parts = len(bounds(shares, sample))
    used = tuple(names)[:n_parts]
    if len(used) < n_parts:
        raise RecipeError(f"{n_parts} shares", allowed=f"as many as there are names: {', '.join(names)}")
    if len(set(used)) < n_parts or not all(map(_NAME.match, used)):
        raise RecipeError(f"names={', '.join(used)}", allowed="distinct names of letters, digits, - and _")
    return used


def _write(source: Source, parts: _Splitter, folder: Path, names: Sequence[str]) -> _Trail:
    """Stream the rows into the files; return what the audit needs."""
    trail = _Trail()
    batches = source.batches()
    first = next(batches, None)
    if first is None:
        raise TableError("a table without rows", allowed="at least one row")
    files = PartFiles(folder, names, first.schema)
    try:
        for batch in _chained(first, batches):
            files.add(batch, parts.place(batch, trail))
        files.close()
    except BaseException:
        files.abandon()
        raise
    return trail


def _chained(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put a batch back before the others."""
    yield first
    yield from rest


def _audited(trail: _Trail, parts: _Splitter, names: Sequence[str]) -> SplitAudit:
    """Audit what was written."""
    schema = parts.schema
    classes = schema.target.classes if schema is not None and schema.target is not None else ()
    seen = audit(
        np.concatenate(trail.part),
        np.concatenate(trail.content),
        np.concatenate(trail.target) if trail.target else None,
        classes or None,
        np.concatenate(trail.groups) if trail.groups else None,
        np.concatenate(trail.moments) if trail.moments else None,
        names,
        shares=parts.shares,
    )
    return msgspec.structs.replace(seen, definition=parts.definition())


def _all_moments(source: Source, time: str, schema: Schema | None) -> FloatArray:
    """Read the time column of all rows."""
    batches = source.batches([time])
    pieces = [_moments(batch.column(time), _column(batch, time, schema)) for batch in batches]
    moments = np.concatenate([np.empty(0), *pieces])
    if len(moments) and np.isnan(moments).all():
        raise ColumnError(
            f"time={time!r}, of whose {len(moments):,} values none is a date or number",
            allowed="ISO dates, native dates or numbers that rise with time",
            next_step="state the format of the dates in the schema",
        )
    return moments


def _column(batch: pa.RecordBatch, name: str, schema: Schema | None) -> Column:
    """Return how a column is written: by the schema, else by its Arrow type."""
    if schema is not None:
        roles = (schema.target.column if schema.target else None, schema.weight)
        for column in (*schema.columns, *roles):
            if column is not None and column.name == name:
                return column
    import pyarrow as pa

    kind = batch.schema.field(name).type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return Column(name, "boolean", "boolean")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Column(name, "numeric", "number")
    if pa.types.is_timestamp(kind):
        return Column(name, "datetime", "datetime", zone="UTC" if kind.tz else "")
    if pa.types.is_date(kind):
        return Column(name, "datetime", "datetime")
    return Column(name, "text", "text")


def _moments(array: pa.Array[Any], column: Column) -> FloatArray:
    """Return the moments of a column of dates, or its numbers; unreadable ones are NaN."""
    if column.form == "number":
        return to_numbers(array, column)[0]
    if column.form == "text":
        column = msgspec.structs.replace(column, kind="datetime", form="datetime")
    return to_moments(array, column)[0]


def _canonical(array: pa.Array[Any], column: Column) -> CanonicalColumn:
    """Return a column as the content key wants it."""
    return to_codes(array, column) if column.form == "text" else to_numbers(array, column)[0]


def _target(batch: pa.RecordBatch, schema: Schema) -> npt.NDArray[Any]:
    """Return the target's values, or its class numbers with -1 for unknown."""
    target = schema.target
    assert target is not None
    array = batch.column(target.column.name)
    if not target.classes:
        return to_numbers(array, target.column)[0]
    codes, texts = to_codes(array, target.column)
    number = {name: i for i, name in enumerate(target.classes)}
    return np.array([number.get(text or "", -1) for text in texts], np.int64)[codes]
