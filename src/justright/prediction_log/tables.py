"""Records of the journal as columns; columns of several parts as one table. Imported where pyarrow may be.

    _time _id _version _model_id | the input columns | _prediction or _label, _probability_<class> | _truth

An input column that has one of these names gets an underscore more at its end. Values keep their meaning: a
column of numbers is a column of numbers; one of numbers and texts is one of texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from justright.prediction_log.entries import Entry
from justright.schema import Column
from justright.values.scalar import canonical_text

__all__ = ["PROBABILITY", "Notes", "array_of", "joined", "logged_name", "notes_of", "table_of"]

PROBABILITY: Final = "_probability_"
_OWN: Final = frozenset(
    ("_time", "_id", "_version", "_model_id", "_prediction", "_label", "_truth", "_truth_time")
)
_TEXT: Final = Column("", "categorical", "text")
_EXACT: Final = 2**53  # whole numbers up to here are the same as float64
_MOMENT: Final = pa.timestamp("us", "UTC")
_NOTES: Final = b"justright.log"


class Notes(msgspec.Struct, frozen=True):
    """What a table of the log says of its input columns; kept in the metadata of its schema.

    Parameters
    ----------
    renamed : dict of str to str
        Name of an input column to that of its column in the table, where they differ.
    hashed, left_out : dict of str to list of str
        By the id of the model: input columns of which some row holds a hash, or which some row lacks
        because the log left them out.
    """

    renamed: dict[str, str] = {}
    hashed: dict[str, list[str]] = {}
    left_out: dict[str, list[str]] = {}


def table_of(entries: Sequence[Entry]) -> pa.Table:
    """Return entries as a table of one line for each row, in their order.

    Examples
    --------
    >>> one = Entry(0.0, ("a",), "1", "id", (), ("age",), ([31],), np.array([0.5]).tobytes())
    >>> table_of([one]).column_names
    ['_time', '_id', '_version', '_model_id', 'age', '_prediction']
    """
    sizes = np.array([len(entry.ids) for entry in entries], np.int64)
    micros = np.array([round(entry.time * 1e6) for entry in entries], np.int64)
    columns: dict[str, Any] = {
        "_time": pa.array(np.repeat(micros, sizes), pa.int64()).cast(_MOMENT),
        "_id": pa.array([each for entry in entries for each in entry.ids], pa.string()),
        "_version": _repeated([entry.version for entry in entries], sizes),
        "_model_id": _repeated([entry.model_id for entry in entries], sizes),
    }
    names = dict.fromkeys(name for entry in entries for name in entry.names)
    held = [dict(zip(entry.names, entry.values, strict=True)) for entry in entries]
    renamed: dict[str, str] = {}
    for name in names:
        values: list[Any] = []
        for entry, inputs in zip(entries, held, strict=True):
            values += inputs[name] if name in inputs else [None] * len(entry.ids)
        free = _free(name, columns)
        columns[free] = array_of(values)
        renamed |= {name: free} if free != name else {}
    notes = Notes(
        renamed,
        _by_model((entry.model_id, entry.hashed) for entry in entries),
        _by_model((entry.model_id, entry.left_out) for entry in entries),
    )
    return _noted(pa.table({**columns, **_outputs(entries)}), notes)


def notes_of(table: pa.Table) -> Notes:
    """Return what a table of the log says of its input columns.

    Examples
    --------
    >>> notes_of(pa.table({"age": [31]}))
    Notes(renamed={}, hashed={}, left_out={})
    """
    held = (table.schema.metadata or {}).get(_NOTES)
    return Notes() if held is None else msgspec.json.decode(held, type=Notes)


def logged_name(name: str, notes: Notes) -> str:
    """Return the column of a table of the log that holds an input column.

    Examples
    --------
    >>> logged_name("age", Notes()), logged_name("_time", Notes())
    ('age', '_time_')
    """
    return notes.renamed.get(name) or _free(name, {})


def array_of(values: Sequence[Any]) -> Any:
    """Return JSON values as an Arrow array of one type.

    Booleans, whole numbers, numbers; else texts, each the canonical text of its value.

    Examples
    --------
    >>> [str(array_of(each).type) for each in ([1, None], [1, 2.5], [1, "a"], [True, 1])]
    ['int64', 'double', 'string', 'string']
    """
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and _fit(values, 2**63 - 1):
        return pa.array(values, pa.int64())
    if kinds <= {int, float} and _fit(values, _EXACT):
        return pa.array(values, pa.float64())
    return pa.array([_text(value) for value in values], pa.string())


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables one below the other; what a table lacks is missing there.

    A column that is of several types is of numbers where all are numbers, else of texts.

    Examples
    --------
    >>> joined([pa.table({"a": [1]}), pa.table({"a": ["x"], "b": [True]})]).to_pylist()
    [{'a': '1', 'b': None}, {'a': 'x', 'b': True}]
    """
    types: dict[str, list[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            types.setdefault(field.name, []).append(field.type)
    wanted = pa.schema([(name, _shared(found)) for name, found in types.items()])
    cast = [
        pa.Table.from_arrays(
            [
                _cast(table[name], wanted.field(name).type)
                if name in table.column_names
                else pa.nulls(table.num_rows, wanted.field(name).type)
                for name in wanted.names
            ],
            schema=wanted,
        )
        for table in tables
    ]
    return (
        _noted(pa.concat_tables(cast), _together([notes_of(each) for each in tables]))
        if cast
        else pa.table({})
    )


def _noted(table: pa.Table, notes: Notes) -> pa.Table:
    """Return a table that says this of its input columns."""
    return table.replace_schema_metadata({_NOTES: msgspec.json.encode(notes)})


def _together(every: Sequence[Notes]) -> Notes:
    """Return what several tables say."""
    renamed = {name: own for notes in every for name, own in notes.renamed.items()}
    hashed = _by_model(pair for notes in every for pair in notes.hashed.items())
    return Notes(renamed, hashed, _by_model(pair for notes in every for pair in notes.left_out.items()))


def _by_model(pairs: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Return the columns of each model, each once."""
    found: dict[str, set[str]] = {}
    for model_id, names in pairs:
        if names:
            found.setdefault(model_id, set()).update(names)
    return {model_id: sorted(names) for model_id, names in found.items()}


def _outputs(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """Return what was answered, as columns."""
    columns: dict[str, Any] = {}
    if any(entry.prediction for entry in entries):
        parts = [_floats(entry.prediction, len(entry.ids)) for entry in entries]
        columns["_prediction"] = _numbers(parts)
    if not any(entry.classes for entry in entries):
        return columns
    labels: list[Any] = []
    for entry in entries:
        labels += entry.labels or [None] * len(entry.ids)
    columns["_label"] = array_of(labels)
    shares = [
        np.frombuffer(entry.probabilities, "<f8").reshape(len(entry.ids), len(entry.classes))
        if entry.probabilities
        else np.zeros((len(entry.ids), 0))
        for entry in entries
    ]
    for name in dict.fromkeys(each for entry in entries for each in entry.classes):
        parts = [
            share[:, entry.classes.index(name)]
            if name in entry.classes and share.shape[1]
            else np.full(len(share), np.nan)
            for entry, share in zip(entries, shares, strict=True)
        ]
        columns[f"{PROBABILITY}{name}"] = _numbers(parts)
    return columns


def _floats(data: bytes, rows: int) -> Any:
    """Return the numbers of one entry, NaN where it has none."""
    return np.frombuffer(data, "<f8") if data else np.full(rows, np.nan)


def _numbers(parts: Sequence[Any]) -> Any:
    """Return parts as one array, NaN as missing."""
    return pa.array(np.concatenate(parts), pa.float64(), from_pandas=True)


def _repeated(texts: Sequence[str], sizes: Any) -> Any:
    """Return a text for each row of each entry."""
    every = pa.array(list(texts), pa.string())
    return every.take(np.repeat(np.arange(len(texts)), sizes))


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name of an input column that is not one of ours."""
    while name in _OWN or name.startswith(PROBABILITY) or name in taken:
        name += "_"
    return name


def _fit(values: Sequence[Any], most: int) -> bool:
    """Say whether all whole numbers are at most so large."""
    return all(not isinstance(value, int) or -most <= value <= most for value in values)


def _text(value: Any) -> str | None:
    """Return the canonical text of a value; None for a missing one."""
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    if isinstance(value, datetime | date):
        return value.isoformat()
    # An empty text is what the client sent: it stays.
    return value if isinstance(value, str) else canonical_text(value, _TEXT)


def _shared(types: Sequence[pa.DataType]) -> pa.DataType:
    """Return the type that holds the values of all."""
    found = [each for each in dict.fromkeys(types) if not pa.types.is_null(each)]
    if len(found) <= 1:
        return found[0] if found else pa.null()
    whole = {pa.int64(), pa.float64()}
    return pa.float64() if set(found) <= whole else pa.string()


def _cast(column: Any, type_: pa.DataType) -> Any:
    """Return a column in another type, with the meaning of its values kept."""
    if column.type == type_:
        return column
    if pa.types.is_string(type_):
        return pa.chunked_array([pa.array([_text(value) for value in column.to_pylist()], pa.string())])
    return column.cast(type_, safe=False)
