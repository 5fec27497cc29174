"""Plain values, by row or by column, to a Block: the way of a server, without Arrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np

from justright.errors import RowError, closest
from justright.features.plan import FeaturePlan
from justright.features.quick import QuickPlan
from justright.schema import Block

__all__ = ["RowEncoder", "unreadable_value"]

_CELLS: Final = (bool, int, float, str, bytes, date, Decimal, np.generic)


class RowEncoder:
    """Encodes plain values for one model.

    Parameters
    ----------
    plan : FeaturePlan
        How rows are encoded.
    optional : set of str
        Columns that may be away.

    Examples
    --------
    >>> from justright.features.numeric import NumericFeature
    >>> from justright.features.plan import PlanData
    >>> from justright.schema import Column
    >>> age = NumericFeature(Column("age", "numeric", "number"), centre=40.0, scale=10.0, low=18.0, high=90.0)
    >>> encoder = RowEncoder(FeaturePlan(PlanData((age,), (), (), None)), frozenset())
    >>> encoder.rows([{"age": 50}]).numeric.tolist(), encoder.columns({"age": ["30"]}, 1).numeric.tolist()
    ([[1.0]], [[-1.0]])
    """

    def __init__(self, plan: FeaturePlan, optional: AbstractSet[str]) -> None:
        self._plan = plan
        self._optional = optional
        self._names = tuple(plan.columns)
        self._quick = QuickPlan(plan)

    def rows(self, rows: Sequence[Mapping[str, Any]], done: int = 0) -> Block:
        """Encode rows, as `Predictor.predict_rows` takes them.

        Parameters
        ----------
        rows : sequence of mappings
            A few thousand at most.
        done : int, default 0
            Number of the first of them, for messages.

        Raises
        ------
        RowError
            Names the row and the column.
        """
        columns = {name: self._cells(rows, name, done) for name in self._names}
        return self._encode(columns, len(rows), done)

    def columns(self, columns: Mapping[str, Sequence[Any]], rows: int) -> Block:
        """Encode values by column, `rows` of each; others are ignored, optional ones may be away.

        Raises
        ------
        ColumnError
            A column is missing.
        RowError
            A value that its column cannot hold, with its row.
        """
        if tuple(columns) != self._names:
            nothing = [None] * rows
            columns = {
                name: columns.get(name, nothing) if name in self._optional else columns[name]
                for name in self._names
                if name in columns or name in self._optional
            }
            self._plan.require(columns)
        return self._encode(columns, rows, 0)

    def _encode(self, columns: Mapping[str, Sequence[Any]], rows: int, done: int) -> Block:
        """Encode the values of all columns, which stand in their order."""
        quick = self._quick.encode(tuple(columns.values()), rows) if rows else None
        if quick is not None:
            return quick
        for name, cells in columns.items():
            _check_cells(cells, name, done)
        try:
            with np.errstate(all="ignore"):
                block, unreadable = self._plan.transform_rows(columns, rows)
        except ValueError as error:
            # A lone surrogate cannot be hashed, a number of 5,000 digits cannot be written.
            received = f"rows {done} to {done + rows - 1} with {error!s:.120}"
            raise RowError(received, allowed="text that UTF-8 holds") from error
        if unreadable:
            first = min(unreadable)
            value = columns[first.column][first.row]
            raise unreadable_value(self._plan, first.column, value, f"row {done + first.row}")
        return block

    def _cells(self, rows: Sequence[Mapping[str, Any]], name: str, done: int) -> list[Any]:
        """Return the values of one column of rows."""
        try:
            return [row[name] for row in rows]
        except (KeyError, TypeError, IndexError):
            return [_cell(row, name, done + i, self._optional) for i, row in enumerate(rows)]


def unreadable_value(plan: FeaturePlan, name: str, value: Any, where: str) -> RowError:
    """Return the error for a value that its column cannot hold."""
    kind = plan.columns[name].kind
    allowed = {"numeric": "a finite number", "datetime": "a date"}.get(kind, kind)
    return RowError(f"{name}={value!r:.60}", allowed=f"{allowed}, or nothing", where=where)


def _check_cells(cells: Sequence[Any], name: str, done: int) -> None:
    """Raise RowError for the first value that is a list or an object."""
    for i, cell in enumerate(cells):
        if cell is not None and not isinstance(cell, _CELLS):
            allowed = "a number, a text, true, false or null"
            raise RowError(f"{name}={cell!r:.60}", allowed=allowed, where=f"row {done + i}")


def _cell(row: Any, name: str, number: int, optional: AbstractSet[str]) -> Any:
    """Return one value of one row that may be no mapping or lack the key."""
    where = f"row {number}"
    if not isinstance(row, Mapping):
        raise RowError(f"{row!r:.60}", allowed="an object of column names and values", where=where)
    if name in row or name in optional:
        return row.get(name)
    received = f"a row without {name!r}"
    keys = closest(name, [str(key)[:60] for key in row]) if row else "no key"
    step = f'send "{name}": null where it is unknown (it was never missing in training)'
    raise RowError(f"{received}, with {keys}", where=where, next_step=step)
