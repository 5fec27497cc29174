"""Plain values by column to a Block with little work for each: `FeaturePlan.transform_rows`, sooner.

Nearly all values of a request are numbers in columns of numbers and texts that training has seen. These go by
one array and one look-up a value; every other value goes the way of the plan, and a table that this cannot
read is left to it: then the answer is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from justright.features.categorical import CategoricalFeature, Vocabulary
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.schema import Block
from justright.values import to_codes

__all__ = ["QuickPlan"]

_NUMBERS: Final = frozenset({float, int, bool, type(None)})
_SCALARS: Final = frozenset({float, int, bool, str, type(None)})
_KEPT: Final[dict[str, tuple[type, ...]]] = {
    "text": (str, type(None)),
    "datetime": (str, type(None)),
    # Equal values of these kinds have one canonical text here, so 1 and True may share a place.
    "number": (str, int, bool, type(None)),
    "boolean": (str, bool, type(None)),
}
_SPARE: Final = 64
_SMALL: Final = 256
_INFINITY: Final = float("inf")
_LIMIT: Final = float(np.finfo(np.float32).max)

Cells: TypeAlias = Sequence[Sequence[Any]]


class QuickPlan:
    """Encodes a few rows of plain values.

    Parameters
    ----------
    plan : FeaturePlan
        What every column becomes.

    Notes
    -----
    30 numbers and 10 categories: about 12 us for a row, 3 us a row among a hundred; `transform_rows` needs
    270 us for a row. Threads may share it: what it keeps are codes of texts that the plan would give again.

    Examples
    --------
    >>> from justright.schema import Column
    >>> age = NumericFeature(Column("age", "numeric", "number"), centre=40.0, scale=10.0, low=18.0, high=90.0)
    >>> quick = QuickPlan(FeaturePlan(PlanData((age,), (), (), None)))
    >>> quick.encode([[50, None]], 2).numeric[:, 0].tolist()
    [1.0, nan]
    >>> quick.encode([["old"]], 1) is None
    True
    """

    def __init__(self, plan: FeaturePlan) -> None:
        data = plan.data
        at = {name: place for place, name in enumerate(plan.columns)}
        plain = [place for place, feature in enumerate(data.numeric) if _is_plain_number(feature)]
        coded = [place for place, feature in enumerate(data.categorical) if not feature.part]
        other = [place for place in range(len(data.numeric)) if place not in set(plain)]
        calendar = [place for place in range(len(data.categorical)) if place not in set(coded)]
        self._numbers = _getter([at[data.numeric[place].column.name] for place in plain])
        self._centre = np.asarray([data.numeric[place].centre for place in plain], np.float64)
        self._scale = np.asarray([data.numeric[place].scale for place in plain], np.float64)
        self._most = np.full(len(plain), _LIMIT)
        self._least = -self._most
        self._categories = _getter([at[data.categorical[place].column.name] for place in coded])
        self._known = [_Known(data.categorical[place]) for place in coded]
        self._gets = [known.codes.get for known in self._known]
        self._places = [np.asarray(places, np.intp) for places in (plain, other, coded, calendar)]
        self._width = (len(data.numeric), len(data.categorical))
        self._rest: FeaturePlan | None = None
        if other or calendar or data.text:
            numeric = tuple(data.numeric[place] for place in other)
            categorical = tuple(data.categorical[place] for place in calendar)
            self._rest = FeaturePlan(PlanData(numeric, categorical, data.text, None))
            self._rest_at = [at[name] for name in self._rest.columns]
        self._frames: dict[int, tuple[Any, ...]] = {}

    def encode(self, columns: Cells, rows: int) -> Block | None:
        """Return the rows as `FeaturePlan.transform_rows` encodes them, or None where it must be asked.

        Parameters
        ----------
        columns : sequence of sequences
            `rows` values of each column of the plan, in its order.
        rows : int
            At least 1.
        """
        numbers = list(chain.from_iterable(self._numbers(columns)))
        if not _NUMBERS.issuperset(map(type, numbers)):
            return None
        codes = self._codes(self._categories(columns), rows)
        if codes is None:
            return None
        try:
            values = np.array(numbers, np.float64).reshape(-1, rows).T
        except OverflowError:
            return None
        if len(numbers) <= _SMALL:
            if _INFINITY in numbers or -_INFINITY in numbers:
                return None
        elif np.isinf(values).any():
            return None
        with np.errstate(all="ignore"):
            z = (values - self._centre) / self._scale
            numeric = np.minimum(np.maximum(z, self._least), self._most).astype(np.float32, order="C")
        tokens = None
        if self._rest is not None:
            rest = self._encode_rest(columns, rows)
            if rest is None:
                return None
            plain, other, coded, calendar = self._places
            numeric = _joined(rows, self._width[0], (plain, numeric), (other, rest.numeric))
            codes = _joined(rows, self._width[1], (coded, codes), (calendar, rest.codes))
            tokens = rest.tokens
        empty, weight, fold, key = self._frame(rows)
        return Block(numeric, codes, empty, weight, fold, tokens, key)

    def _codes(self, columns: Cells, rows: int) -> npt.NDArray[np.int32] | None:
        """Return the codes of the plain categories, (rows, columns); None where a value is no scalar."""
        found: list[int | None]
        try:
            if rows == 1:
                found = [get(column[0]) for get, column in zip(self._gets, columns, strict=True)]
            else:
                found = []
                for get, column in zip(self._gets, columns, strict=True):
                    found += map(get, column)
        except TypeError:  # a list or an object cannot be looked up
            return None
        if None in found:
            for place, code in enumerate(found):
                if code is None:
                    number, row = divmod(place, rows)
                    cell = columns[number][row]
                    if type(cell) not in _SCALARS:
                        return None
                    try:
                        found[place] = self._known[number].learn(cell)
                    except ValueError:  # a lone surrogate, a number of 5,000 digits: the plan says so
                        return None
        return np.ascontiguousarray(np.array(found, np.int32).reshape(-1, rows).T)

    def _encode_rest(self, columns: Cells, rows: int) -> Block | None:
        """Encode dates, truths and texts by the plan; None where it cannot read a value."""
        assert self._rest is not None
        given = {name: columns[at] for name, at in zip(self._rest.columns, self._rest_at, strict=True)}
        if not all(_SCALARS.issuperset(map(type, column)) for column in given.values()):
            return None
        try:
            with np.errstate(all="ignore"):
                block, unreadable = self._rest.transform_rows(given, rows)
        except ValueError:
            return None
        return None if unreadable else block

    def _frame(self, rows: int) -> tuple[Any, ...]:
        """Return target, weight, fold and key of rows to score; those of few rows are shared, read only."""
        found = self._frames.get(rows)
        if found is None:
            found = (
                np.zeros(0, np.float32),
                np.ones(rows, np.float32),
                np.full((rows, 1), -2, np.int8),
                np.zeros(rows, np.uint64),
            )
            if rows <= _SMALL:
                for array in found:
                    array.flags.writeable = False
                self._frames[rows] = found
        return found


class _Known:
    """Codes of the values of one column, kept once they were asked for."""

    def __init__(self, feature: CategoricalFeature) -> None:
        self._column = feature.column
        self._vocabulary = Vocabulary(feature)
        self._kept = _KEPT[feature.column.form]
        self._most = 2 * feature.size + _SPARE
        self.codes: dict[Any, int] = {}

    def learn(self, cell: Any) -> int:
        """Return the code of a value as the plan would; keep it where equal values have equal codes."""
        _, texts = to_codes([cell], self._column)
        code = self._vocabulary.code(texts[0])
        if len(self.codes) < self._most and isinstance(cell, self._kept):
            self.codes[cell] = code
        return code


def _is_plain_number(feature: NumericFeature) -> bool:
    """Say whether a feature is the number of its column as it is."""
    return not feature.part and feature.column.kind == "numeric" and feature.column.form == "number"


def _getter(places: Sequence[int]) -> Callable[[Cells], Cells]:
    """Return what takes some columns out of all."""
    if len(places) > 1:
        getter: Callable[[Cells], Cells] = itemgetter(*places)
        return getter
    return lambda columns: tuple(columns[place] for place in places)


def _joined(rows: int, width: int, *parts: tuple[npt.NDArray[np.intp], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Put columns where they belong."""
    whole = np.empty((rows, width), parts[0][1].dtype)
    for places, values in parts:
        whole[:, places] = values
    return whole
