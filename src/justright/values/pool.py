"""The distinct canonical texts of one column over many batches, and what is derived from each of them.

A text is read, looked up and fingerprinted once a table instead of once a batch: for a million rows of
26 columns with a heavy tail that is 13 of 20 seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

import numpy as np
import numpy.typing as npt

from justright.schema import Column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TextPool"]

_LIMIT: Final = 500_000

T = TypeVar("T", bound=np.generic)


class TextPool(Sequence["str | None"]):
    """Texts by number, in the order in which they were met; None stands for missing.

    Parameters
    ----------
    column : Column
        Its `form` gives the texts; see `canonical_text`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> pool = TextPool(Column("city", "categorical", "text"))
    >>> pool.codes(pa.array(["b", "a", "b"])).tolist(), pool.codes(pa.array(["c", None, "a"])).tolist()
    ([0, 1, 0], [3, 2, 1])
    >>> list(pool)
    ['b', 'a', None, 'c']
    """

    def __init__(self, column: Column) -> None:
        self._column = column
        self._numbers: dict[str | None, int] = {}
        self._texts: list[str | None] = []
        self._seen: tuple[pa.Array[Any], npt.NDArray[np.int32]] | None = None  # a dictionary, its numbers
        self._derived: dict[Hashable, npt.NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._texts)

    @overload
    def __getitem__(self, place: int) -> str | None: ...
    @overload
    def __getitem__(self, place: slice) -> list[str | None]: ...
    def __getitem__(self, place: int | slice) -> str | None | list[str | None]:
        return self._texts[place]

    @property
    def full(self) -> bool:
        """Whether it holds so many texts that a new pool should go on: memory is bounded."""
        return len(self._texts) > _LIMIT

    def codes(self, array: Any) -> npt.NDArray[np.int32]:
        """Return the number of each value's text, int32 (rows,); texts not met before are added.

        Parameters
        ----------
        array : pyarrow Array, ChunkedArray or numpy array, (rows,)
            The values, of any type.
        """
        from justright.values.arrow import dictionary_of

        indices, entries = dictionary_of(array)
        known = self._seen
        # A dictionary that is read batch by batch grows: only what is new in it has to be looked up.
        if known is None or not entries.slice(0, len(known[0])).equals(known[0]):
            numbers = self._numbered(entries)
        else:
            numbers = np.concatenate([known[1][:-1], self._numbered(entries.slice(len(known[0])))])
        self._seen = (entries, numbers)
        return numbers[indices]

    def derived(self, key: Hashable, of: Callable[[list[str | None]], npt.NDArray[T]]) -> npt.NDArray[T]:
        """Return what a function makes of each text, (texts,); it is asked about each text once.

        `key` names the function.
        """
        known = self._derived.get(key)
        begin = 0 if known is None else len(known)
        if known is None or begin < len(self._texts):
            fresh = of(self._texts[begin:])
            known = fresh if known is None else np.concatenate([known, fresh])
            self._derived[key] = known
        return known

    def _numbered(self, entries: pa.Array[Any]) -> npt.NDArray[np.int32]:
        """Return the number of each entry of a dictionary, and at the end that of a missing value."""
        from justright.values.arrow import texts_of_entries

        found = np.empty(len(entries) + 1, np.int32)
        numbers = self._numbers
        for place, text in enumerate(texts_of_entries(entries, self._column)):
            number = numbers.get(text)
            if number is None:
                number = numbers[text] = len(self._texts)
                self._texts.append(text)
            found[place] = number
        return found
