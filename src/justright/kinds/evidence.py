"""What the rules of `guess` look at: the counts over all rows and the values of the sample."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from justright.kinds.tally import ColumnTally
from justright.values import MARKS
from justright.values.arrow import plain_array

__all__ = ["ID_NAMES", "Evidence", "evidence", "name_words"]

ID_NAMES: Final = frozenset(
    {"id", "ids", "uuid", "guid", "nbr", "key", "pk", "rowid", "idx", "index", "serial"}
)
"""Words of a column name that say: this names a thing, it does not measure it."""


_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a column's rules look at.

    Parameters
    ----------
    tally : ColumnTally
        Counts over all rows.
    values : list
        Distinct values of the sample without missing ones, most frequent first; texts stripped.
    counts : list of int
        How often each stands in the sample.
    exact : int or None
        Distinct values of all rows; None = only those of the sample are known.
    typed : bool
        The source has types, so a number stored as text was stored so on purpose.
    """

    tally: ColumnTally
    values: list[Any]
    counts: list[int]
    exact: int | None
    typed: bool

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.tally.name

    @property
    def distinct(self) -> int:
        """Distinct values of the sample."""
        return len(self.values)

    @property
    def sampled(self) -> int:
        """Rows of the sample that have a value."""
        return sum(self.counts)

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
    array = plain_array(sample)
    if pa.types.is_nested(array.type):
        array = pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string())
    if pa.types.is_large_string(array.type):
        array = pc.cast(array, pa.string())
    counted: Any = pc.value_counts(array)
    counts = counted.field("counts").to_numpy(zero_copy_only=False)
    order = np.argsort(-counts, kind="stable")
    values = counted.field("values").take(pa.array(order)).to_pylist()
    found: dict[Any, int] = {}
    for raw, count in zip(values, counts[order], strict=True):
        value = _cleaned(raw)
        if value is not None:
            found[value] = found.get(value, 0) + int(count)
    found = dict(sorted(found.items(), key=lambda pair: -pair[1]))
    exact = len(found) if whole else None
    if exact is None and tally.few is not None:
        exact = len({_cleaned(value) for value in tally.few} - {None})
    return Evidence(tally, list(found), list(found.values()), exact, typed)


def name_words(name: str) -> frozenset[str]:
    """Return the words of a column's name in lower case.

    Examples
    --------
    >>> sorted(name_words("PassengerId")), sorted(name_words("zip_code"))
    (['id', 'passenger'], ['code', 'zip'])
    """
    return frozenset(word.lower() for word in _WORD.findall(name))


def _cleaned(value: Any) -> Any:
    """Return a value without surrounding blanks, None where it is missing."""
    if isinstance(value, str):
        value = value.strip()
        return None if not value or value in MARKS else value
    return None if value is None or value != value else value
