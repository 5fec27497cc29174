"""Rows and columns of a request as the columns of a model: complete, in order, plain values.

What leaves here is what `Question.columns` promises, so that nobody after it looks at a cell again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

import msgspec

from justright.errors import ColumnError, RecipeError, RowError, TableError, closest
from justright.serve.dialects.bodies import DEEPEST, kind_of, no_key_twice
from justright.serve.exchange import Described, TooManyRowsError

__all__ = [
    "MOST_ROWS",
    "PLAIN",
    "Cell",
    "RowReader",
    "Rows",
    "Wishes",
    "complete",
    "few_enough",
    "from_columns",
    "from_lists",
    "from_rows",
    "is_plain",
    "wishes",
]

Cell: TypeAlias = None | bool | int | float | str
"""What a JSON cell may hold."""

PLAIN: Final = frozenset({type(None), bool, int, float, str})
"""The same as types."""

MOST_ROWS: Final = 65_536
"""Most rows of a request."""

_MOST_CELLS: Final = 10_000_000
_LARGE: Final = 1 << 20
# A struct with more fields is slow to make, and to fill out of order.
_MOST_FIELDS: Final = 512


class Wishes(NamedTuple):
    """What a request wants beside the prediction.

    Parameters
    ----------
    explain : bool
        Contributions.
    level : float
        Level of the prediction intervals, 0 = none.
    """

    explain: bool = False
    level: float = 0.0


_NONE: Final = Wishes()


class Rows(NamedTuple):
    """Rows that were read.

    Parameters
    ----------
    size : int
        Number of rows.
    columns : dict of str to sequence
        As `Question.columns`.
    beside : object
        The other keys of the body by attribute.
    """

    size: int
    columns: dict[str, Sequence[Any]]
    beside: Any


class RowReader:
    """Reads the rows under one key of a JSON object, as msgspec decodes them into structs of one model.

    Parameters
    ----------
    key : str
        Where the rows are, for example "instances".
    beside : tuple of str
        Other keys that the object may have; any further key is left to the careful parser.
    lists : bool, default True
        A row may also be a list of the values in the order of the columns.

    Notes
    -----
    4 us for one row of 40 columns, a third of what decoding to dicts and gathering cells takes. One
    decoder is made for each model and kept as long as its `Described` lives.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> asked = (Asked("x", "numeric", "number"), Asked("c", "categorical", "text", True))
    >>> reader = RowReader("instances", ())
    >>> reader.read(b'{"instances": [{"x": 1}]}', Described("m", "1", "", "regression", asked)).columns
    {'x': (1,), 'c': (None,)}
    """

    def __init__(self, key: str, beside: tuple[str, ...], *, lists: bool = True) -> None:
        self._key = key
        self._beside = beside
        self._lists = lists
        self._decoders: WeakKeyDictionary[Described, msgspec.json.Decoder[Any] | None] = WeakKeyDictionary()

    def read(self, body: bytes, described: Described, most_rows: int = MOST_ROWS) -> Rows | None:
        """Return the rows of a body, or None where the careful parser must be asked.

        Raises
        ------
        TooManyRowsError
            More than `most_rows`.
        """
        names = described.names
        if len(names) > _MOST_FIELDS or not names:
            return None
        if len(body) > _LARGE and body.count(b"{") + body.count(b"[") > most_rows + DEEPEST:
            return None  # so many rows take less memory there before they are refused
        try:
            decoder = self._decoders[described]
        except KeyError:
            decoder = self._decoders[described] = self._decoder(described)
        if decoder is None:
            return None
        try:
            found = decoder.decode(body)
        except (ValueError, RecursionError):
            return None
        rows = found.rows
        if not rows:
            return None
        few_enough(len(rows), described, most_rows)
        columns = _transposed(rows, names)
        if columns is None:
            return None
        whole = type(rows[0]) is not list and None not in chain.from_iterable(columns)
        known = 1 + len(names) * len(rows) + sum(value is not None for value in _others(found))
        if not no_key_twice(body, known if whole else 0):
            return None
        return Rows(len(rows), dict(zip(names, columns, strict=True)), found)

    def _decoder(self, described: Described) -> msgspec.json.Decoder[Any] | None:
        """Make the decoder for one model, None where no struct may have its names.

        An optional column that is absent is None.
        """
        fields: list[Any] = []
        for place, column in enumerate(described.columns):
            fields.append((f"f{place}", Cell, None) if column.optional else (f"f{place}", Cell))
        rename = {f"f{place}": column.name for place, column in enumerate(described.columns)}
        try:
            row: Any = msgspec.defstruct("Row", fields, rename=rename, kw_only=True, gc=False)
        except ValueError:  # a name with a quote, a backslash or a control character
            return None
        rows: Any = list[row | list[Cell]] if self._lists else list[row]
        others = [(name, Any, None) for name in self._beside]
        body: Any = msgspec.defstruct(
            "Body",
            [("rows", rows), *others],
            rename={"rows": self._key},
            forbid_unknown_fields=True,
            kw_only=True,
        )
        return msgspec.json.Decoder(body)


def _others(found: Any) -> tuple[Any, ...]:
    """Return the values of a decoded body that are not its rows."""
    return msgspec.structs.astuple(found)[1:]


def _transposed(rows: list[Any], names: Sequence[str]) -> list[tuple[Any, ...]] | None:
    """Return the columns of decoded rows; None where rows are of two forms or of another length."""
    kinds = set(map(type, rows))
    if len(kinds) > 1:
        return None
    if list in kinds:
        return list(zip(*rows, strict=True)) if set(map(len, rows)) == {len(names)} else None
    return list(zip(*map(msgspec.structs.astuple, rows), strict=True))


def few_enough(size: int, described: Described, most_rows: int = MOST_ROWS) -> None:
    """Refuse more rows than are allowed, before anything is made of them.

    Raises
    ------
    TooManyRowsError
        More than `most_rows`, or more than ten million values.

    Examples
    --------
    >>> few_enough(10, Described("m", "1", "", "regression", ()))
    """
    most = min(most_rows, _MOST_CELLS // max(1, len(described.columns)))
    if size > most:
        raise TooManyRowsError(f"{size} rows", allowed=f"at most {most} at once", next_step="send fewer rows")


def from_rows(
    rows: Any, described: Described, *, key: str, most_rows: int = MOST_ROWS
) -> dict[str, Sequence[Any]]:
    """Return the columns of rows that were parsed with care, or say which row is wrong.

    Parameters
    ----------
    rows : object
        What stood under `key`: a list of one row or more, each an object of column names and values or
        a list of the values in the order of the columns.
    described : Described
        The model.
    key : str
        For the message.
    most_rows : int
        More are refused.

    Raises
    ------
    TableError
        No list, an empty one, or too many rows.
    RowError
        A row that is neither object nor list, lacks a column that was never missing in training, has
        another length, or holds a value that is a list or an object.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> described = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    >>> from_rows([{"x": 1}, [2]], described, key="instances")
    {'x': [1, 2]}
    """
    if not isinstance(rows, list) or not rows:
        received = f"no {key}" if rows in (None, []) else f"{key} that are {kind_of(rows)}"
        allowed = f'a list of one row or more: {{"{key}": [{{"column": value, ...}}, ...]}}'
        raise TableError(received, allowed=allowed)
    few_enough(len(rows), described, most_rows)
    maps = [_mapping(row, described, number) for number, row in enumerate(rows)]
    columns: dict[str, Sequence[Any]] = {}
    for column in described.columns:
        try:
            columns[column.name] = [row[column.name] for row in maps]
        except KeyError:
            columns[column.name] = [
                _cell(row, column.name, column.optional, number) for number, row in enumerate(maps)
            ]
    return is_plain(columns)


def complete(
    columns: Mapping[str, Sequence[Any]], size: int, described: Described
) -> dict[str, Sequence[Any]]:
    """Return the columns of the model in its order; those that are optional and absent are all None.

    Raises
    ------
    ColumnError
        A column is absent that was never missing in training.
    """
    found: dict[str, Sequence[Any]] = {}
    for column in described.columns:
        values = columns.get(column.name)
        if values is None:
            if not column.optional:
                raise _absent(column.name, columns)
            values = [None] * size
        found[column.name] = values
    return found


def from_lists(
    inputs: Mapping[str, Sequence[Any]], described: Described, most_rows: int = MOST_ROWS
) -> tuple[int, dict[str, Sequence[Any]]]:
    """Return what `from_columns` returns, for lists of plain values: a decoder has looked at them.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> described = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    >>> from_lists({"x": [1, 2], "other": ["a"]}, described)
    (2, {'x': [1, 2]})
    """
    try:
        found = {name: inputs[name] for name in described.names}
    except KeyError:
        return from_columns(inputs, described, most_rows)
    sizes = set(map(len, found.values()))
    if len(sizes) != 1 or 0 in sizes:
        return from_columns(inputs, described, most_rows)
    size = sizes.pop()
    few_enough(size, described, most_rows)
    return size, found


def from_columns(
    inputs: Mapping[str, Any], described: Described, most_rows: int = MOST_ROWS
) -> tuple[int, dict[str, Sequence[Any]]]:
    """Return the number of rows and the columns of a request by column.

    Parameters
    ----------
    inputs : mapping of str to object
        A list of values a column, each plain or a list of one plain value; or one plain value each.
    described : Described
        The model; columns that it does not know are ignored.

    Raises
    ------
    TableError
        No rows, too many, or lists of different lengths.
    ColumnError
        A column is absent that was never missing in training.
    RowError
        A value that is a list or an object.

    Examples
    --------
    >>> from justright.serve.exchange import Asked
    >>> described = Described("m", "1", "", "regression", (Asked("x", "numeric", "number"),))
    >>> from_columns({"x": [1, 2], "other": ["a", "b"]}, described)
    (2, {'x': [1, 2]})
    """
    known = {name: inputs[name] for name in described.names if name in inputs}
    for column in described.columns:
        if column.name not in known and not column.optional:
            raise _absent(column.name, inputs)
    found = {name: values if isinstance(values, list) else [values] for name, values in known.items()}
    sizes = {name: len(values) for name, values in (found or {"": list(_first(inputs))}).items()}
    size = max(sizes.values())
    few_enough(size, described, most_rows)
    if not size:
        raise TableError("columns without a value", allowed="one row or more")
    if min(sizes.values()) != size:
        short = min(sizes, key=lambda name: sizes[name])
        received = f"{sizes[short]} values of {short!r} and {size} of {max(sizes, key=lambda n: sizes[n])!r}"
        raise TableError(received, allowed="as many values in every column")
    for name, values in found.items():
        if list in set(map(type, values)):
            found[name] = [v[0] if type(v) is list and len(v) == 1 else v for v in values]
    return size, complete(is_plain(dict(found)), size, described)


def _first(inputs: Mapping[str, Any]) -> Sequence[Any]:
    """Return the values of the first column of a request that has none of the model's columns."""
    values: Any = next(iter(inputs.values()), [])
    return values if isinstance(values, list) else [values]


def is_plain(columns: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return columns whose every cell is plain; RowError names the first that is a list or an object."""
    for name, values in columns.items():
        if set(map(type, values)) - PLAIN:
            number, cell = next((i, v) for i, v in enumerate(values) if type(v) not in PLAIN)
            allowed = "a number, a text, true, false or null"
            raise RowError(f"{name}={cell!r:.60}", allowed=allowed, where=f"row {number}")
    return columns


def wishes(parameters: Any, described: Described) -> Wishes:
    """Return what the parameters of a request want.

    Parameters
    ----------
    parameters : object
        None, or an object. `contributions`: true or false. `interval`: a level, or true for 0.9. Other
        keys are the platform's and are ignored.
    described : Described
        The model.

    Raises
    ------
    RecipeError
        Something that is not of this form, or that this model cannot give.

    Examples
    --------
    >>> wishes({"interval": True}, Described("m", "1", "", "regression", (), levels=(0.8, 0.9)))
    Wishes(explain=False, level=0.9)
    """
    if not parameters:
        if parameters is None or parameters == {}:
            return _NONE
        raise RecipeError(f"parameters that are {kind_of(parameters)}", allowed="an object")
    if not isinstance(parameters, dict):
        raise RecipeError(f"parameters that are {kind_of(parameters)}", allowed="an object")
    explain = parameters.get("contributions")
    if (
        explain not in (None, True, False)
        or isinstance(explain, int | float)
        and not isinstance(explain, bool)
    ):
        raise RecipeError(f"contributions={_shown(explain)}", allowed="true, false")
    if explain and not described.explains:
        allowed = "linear models and glass-box models, whose parts sum to the score"
        raise RecipeError("a wish for contributions of a model that has none", allowed=allowed)
    return Wishes(bool(explain), _level(parameters.get("interval"), described))


def _level(wish: Any, described: Described) -> float:
    """Return the level of the intervals that are wanted."""
    if wish is None or wish is False:
        return 0.0
    if not described.levels:
        allowed = "a regression that was trained on 100 rows or more"
        raise RecipeError("a wish for intervals of a model that has none", allowed=allowed)
    level = 0.9 if wish is True else wish
    if not isinstance(level, int | float) or level not in described.levels:
        allowed = f"true, or one of {', '.join(map(str, described.levels))}"
        raise RecipeError(f"interval={_shown(wish)}", allowed=allowed)
    return float(level)


def _shown(value: Any) -> str:
    """Return a value for a message."""
    return kind_of(value) if isinstance(value, dict | list) else f"{value!r:.60}"


def _mapping(row: Any, described: Described, number: int) -> Mapping[str, Any]:
    """Return one row as a mapping."""
    if isinstance(row, dict):
        return row
    names = described.names
    if not isinstance(row, list):
        if len(names) == 1 and type(row) in PLAIN:
            return {names[0]: row}
        raise RowError(f"{row!r:.60}", allowed="an object of column names and values", where=f"row {number}")
    if len(row) != len(names):
        allowed = f"{len(names)} in the order {', '.join(names[:20])}, or an object"
        raise RowError(f"a list of {len(row)} values", allowed=allowed, where=f"row {number}")
    return dict(zip(names, row, strict=True))


def _cell(row: Mapping[str, Any], name: str, optional: bool, number: int) -> Any:
    """Return one value of one row that may lack the key."""
    if name in row or optional:
        return row.get(name)
    keys = closest(name, _some(row)) if row else "no key"
    step = f'send "{name}": null where it is unknown (it was never missing in training)'
    raise RowError(f"a row without {name!r}, with {keys}", where=f"row {number}", next_step=step)


def _absent(name: str, columns: Mapping[str, Any]) -> ColumnError:
    """Return the error for a request by column that lacks one."""
    keys = closest(name, _some(columns)) if columns else "no column"
    step = f"send {name!r} as well, with null where it is unknown (it was never missing in training)"
    return ColumnError(f"a table without {name!r}, with {keys}", next_step=step)


def _some(names: Iterable[str]) -> list[str]:
    """Return names for a message: it must not take long, however many a client sends."""
    return [name[:60] for name in islice(names, 100)]
