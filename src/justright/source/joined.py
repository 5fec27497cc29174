"""Several tables read as one, one after the other: the old rows and the new ones.

Of each table some rows may be left out, by a mask over its rows. Columns are those that all tables have.
Where the tables write a column in different types (integers here, text there) all of them are read as text,
as from a CSV file: what a text means is decided by the schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from justright.errors import TableError
from justright.source.base import BadLine, Place, Source, check_request
from justright.source.texts import text_array

__all__ = ["JoinedSource"]

_KEPT: Final = 1_000

Mask = npt.NDArray[np.bool_]


class JoinedSource:
    """Tables as one stream.

    Parameters
    ----------
    sources : sequence of Source
        The tables, in order.
    masks : sequence of bool (rows,) or None, optional
        Which rows of each are read; None = all.

    Raises
    ------
    TableError
        The tables have no column in common.

    Examples
    --------
    >>> from justright.source import open_source
    >>> old, new = open_source({"a": [1, 2], "b": [3, 4]}), open_source({"a": [5, 6]})
    >>> both = JoinedSource([old, new], [None, np.array([False, True])])
    >>> both.names, [batch.column("a").to_pylist() for batch in both.batches()]
    (('a',), [[1, 2], [6]])
    """

    def __init__(self, sources: Sequence[Source], masks: Sequence[Mask | None] | None = None) -> None:
        self._sources = tuple(sources)
        self._masks = tuple(masks) if masks is not None else (None,) * len(self._sources)
        others = [set(source.names) for source in self._sources[1:]]
        self.names = tuple(name for name in self._sources[0].names if all(name in other for other in others))
        if not self.names:
            raise TableError("tables without a column in common", allowed="tables with the same columns")
        self._types = _common_types(self._sources, self.names)
        self._read = [0] * len(self._sources)  # rows of each table that the latest pass has reached

    @property
    def rows(self) -> int | None:
        """Number of rows; None where only reading can tell."""
        counts = [
            source.rows if mask is None else int(mask.sum())
            for source, mask in zip(self._sources, self._masks, strict=True)
        ]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def description(self) -> dict[str, Any]:
        """What each table is; typed where all are, and agree in their types."""
        return {
            "format": "joined",
            "typed": self._types is not None,
            "path": " + ".join(str(_path(source)) for source in self._sources),
            "tables": [source.description for source in self._sources],
        }

    @property
    def problems(self) -> tuple[BadLine, ...]:
        """Lines skipped in the last full pass, at most 1,000 of them."""
        return tuple(bad for source in self._sources for bad in source.problems)[:_KEPT]

    @property
    def n_problems(self) -> int:
        """How many lines were skipped in the last full pass."""
        return sum(source.n_problems for source in self._sources)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start; see `Source.batches`."""
        wanted = check_request(columns, self.names, "the tables together")
        self._read = read = [0] * len(self._sources)
        for number, (source, mask) in enumerate(zip(self._sources, self._masks, strict=True)):
            begin = 0
            for batch in source.batches(wanted):
                kept = batch
                if mask is not None:
                    kept = batch.filter(pa.array(mask[begin : begin + batch.num_rows]))
                    begin += batch.num_rows
                read[number] += kept.num_rows
                if kept.num_rows:
                    yield self._alike(kept, wanted)

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name the place of each row in its own table."""
        found: list[Place] = []
        begin = 0
        asked = np.asarray(rows, np.int64)
        for source, mask, count in zip(self._sources, self._masks, self._read, strict=True):
            here = asked[(asked >= begin) & (asked < begin + count)] - begin
            if len(here):
                found += source.locate((here if mask is None else np.flatnonzero(mask)[here]).tolist())
            begin += count
        return tuple(found)

    def _alike(self, batch: pa.RecordBatch, wanted: Sequence[str]) -> pa.RecordBatch:
        """Return a batch with the types that all tables are read in."""
        arrays = []
        for name in wanted:
            array: Any = batch.column(name)
            kind = pa.string() if self._types is None else self._types[name]
            arrays.append(array if array.type == kind else _cast(array, kind))
        return pa.RecordBatch.from_arrays(arrays, names=list(wanted))


def _path(source: Source) -> Any:
    """Name a table for people."""
    description = source.description
    return ", ".join(description.get("paths", [])) or description["format"]


def _common_types(sources: Sequence[Source], names: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the type in which each column is read of all tables; None: everything as text."""
    if not all(source.description["typed"] for source in sources):
        return None
    schemas = []
    for source in sources:
        stream = source.batches(list(names))
        schemas.append(next(stream).schema)
    types = {name: _common_type([schema.field(name).type for schema in schemas]) for name in names}
    return None if any(kind is None for kind in types.values()) else types


def _common_type(types: Sequence[Any]) -> Any:
    """Return a type that holds the values of all these without a change, None where there is none."""
    known = [kind for kind in types if not pa.types.is_null(kind)] or list(types)
    if all(kind == known[0] for kind in known):
        return known[0]
    if all(pa.types.is_integer(kind) for kind in known):
        return None if any(pa.types.is_uint64(kind) for kind in known) else pa.int64()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in known):
        return pa.float64()
    return pa.string() if all(_is_text(kind) for kind in known) else None


def _is_text(kind: Any) -> bool:
    """Say whether a type holds texts."""
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _cast(array: Any, kind: Any) -> Any:
    """Return values in another type; as text as they would stand in a CSV file."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    plain = pa.types.is_integer(array.type) or pa.types.is_boolean(array.type) or _is_text(array.type)
    if kind == pa.string() and not plain:
        return text_array(array.to_pylist())
    return pc.cast(array, kind)
