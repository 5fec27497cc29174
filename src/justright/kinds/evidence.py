"""What the rules of `guess` look at: the counts over all rows and the values of the sample."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from justright.kinds.tally import ColumnTally
from justright.values import MARKS, to_numbers
from justright.values.arrow import infinite_of, plain_array

__all__ = ["ID_NAMES", "Evidence", "evidence", "name_words"]

ID_NAMES: Final = frozenset(
    {"id", "ids", "uuid", "guid", "nbr", "key", "pk", "rowid", "idx", "index", "serial"}
)
"""Words of a column name that say: this names a thing, it does not measure it."""


_LOOKED_AT: Final = 5_000
_TOP: Final = 100
_NOTHING: Final = pa.array(["", *MARKS])
_ZERO: Final = "^0[0-9]+$"
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a column's rules look at.

    Parameters
    ----------
    tally : ColumnTally
        Counts over all rows.
    values : list
        Distinct values of the sample without missing ones and, in a column of numbers, without
        infinities; texts without surrounding blanks: the most
        frequent first, then others spread over the rest; at most 5,000.
    counts : list of int
        How often each of `values` stands in the sample.
    distinct : int
        Distinct values of the sample.
    sampled : int
        Rows of the sample that have a value.
    exact : int or None
        Distinct values of all rows; None = only those of the sample are known.
    integers : bool
        Every number of the sample is whole; False for columns that are not of numbers.
    zeros : int
        Rows of the sample whose text is digits after a leading zero.
    one_width : bool
        Every text of the sample is as long as the others; only where `zeros` is not 0.
    typed : bool
        The source has types, so a number stored as text was stored so on purpose.
    """

    tally: ColumnTally
    values: list[Any]
    counts: list[int]
    distinct: int
    sampled: int
    exact: int | None
    integers: bool
    zeros: int
    one_width: bool
    typed: bool

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.tally.name

    @property
    def unique(self) -> bool:
        """No value of the sample stands twice."""
        return self.distinct == self.sampled

    @property
    def is_text(self) -> bool:
        """The values are texts."""
        return bool(pa.types.is_string(self.tally.type))


def evidence(tally: ColumnTally, sample: Any, *, whole: bool, typed: bool) -> Evidence:
    """Gather what the rules look at.

    Parameters
    ----------
    tally : ColumnTally
        Counts over all rows.
    sample : pyarrow.ChunkedArray
        The column's values in the sample.
    whole : bool
        The sample is the table.
    typed : bool
        The source has types.

    Returns
    -------
    Evidence
    """
    array = _finite(_cleaned(plain_array(sample)), tally)
    is_text = pa.types.is_string(array.type)
    counted: Any = pc.value_counts(array)
    values, counts = counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)
    order = _shown_first(counts)
    numbers = np.empty(0)
    if tally.numbers is not None and len(values) and (is_text or _is_number(array.type)):
        numbers = to_numbers(values, tally.trial)[0]
        numbers = numbers[~np.isnan(numbers)]
    zeros, one_width = _leading_zeros(values, counts) if is_text and len(numbers) else (0, False)
    exact = len(values) if whole else None
    if exact is None and tally.few is not None:
        few = pa.array(sorted(tally.few - {None}), tally.type) if tally.few - {None} else array.slice(0, 0)
        exact = len(pc.unique(_finite(_cleaned(few), tally)))
    return Evidence(
        tally=tally,
        values=values.take(pa.array(order)).to_pylist(),
        counts=counts[order].tolist(),
        distinct=len(values),
        sampled=int(counts.sum()),
        exact=exact,
        integers=bool(len(numbers)) and bool((numbers == np.floor(numbers)).all()),
        zeros=zeros,
        one_width=one_width,
        typed=typed,
    )


def name_words(name: str) -> frozenset[str]:
    """Return the words of a column's name in lower case.

    Examples
    --------
    >>> sorted(name_words("PassengerId")), sorted(name_words("zip_code"))
    (['id', 'passenger'], ['code', 'zip'])
    """
    return frozenset(word.lower() for word in _WORD.findall(name))


def _cleaned(array: Any) -> Any:
    """Return the values that are there: texts without surrounding blanks, no marks, no NaN."""
    array = array.drop_null()
    if pa.types.is_large_string(array.type):
        array = pc.cast(array, pa.string())
    if pa.types.is_string(array.type):
        array = pc.utf8_trim_whitespace(array)
        return array.filter(pc.invert(pc.is_in(array, value_set=_NOTHING)))
    if pa.types.is_floating(array.type):
        return array.filter(pc.invert(pc.is_nan(array)))
    return array


def _finite(array: Any, tally: ColumnTally) -> Any:
    """Return the values of a column of numbers without its infinities, others as they are."""
    if not tally.infinite or not tally.looks_numeric:
        return array
    unreadable = to_numbers(array, tally.trial)[1]
    if unreadable is None:
        return array
    return array.filter(pa.array(~infinite_of(array, tally.trial, unreadable)))


def _shown_first(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the places of the values to look at: the most frequent first, others spread over the rest."""
    if len(counts) <= _LOOKED_AT:
        return np.argsort(-counts, kind="stable")
    top = np.argpartition(-counts, _TOP)[:_TOP]
    top = top[np.lexsort((top, -counts[top]))]
    spread = np.linspace(0, len(counts) - 1, _LOOKED_AT - _TOP).astype(np.int64)
    return np.concatenate([top, np.setdiff1d(spread, top)])


def _leading_zeros(values: Any, counts: npt.NDArray[np.int64]) -> tuple[int, bool]:
    """Return in how many rows digits follow a leading zero, and whether all texts are digits of one width."""
    led = np.asarray(pc.match_substring_regex(values, _ZERO))
    if not led.any():
        return 0, False
    digits = pc.all(pc.match_substring_regex(values, "^[0-9]+$")).as_py()
    return int(counts[led].sum()), bool(digits) and len(pc.unique(pc.utf8_length(values))) == 1


def _is_number(type_: pa.DataType) -> bool:
    """Say whether an Arrow type holds numbers."""
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))
