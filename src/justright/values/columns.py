"""Many values at once: numbers, category codes and moments of a column.

A plain list goes through the scalar functions value by value (the serving path, no pyarrow). A numpy
or Arrow array goes through `arrow`, which is imported only then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from justright.schema import Column, FloatArray
from justright.values.each import Mask, read_each
from justright.values.scalar import canonical_text, moment, number

__all__ = ["to_codes", "to_moments", "to_numbers"]


def to_numbers(array: Any, column: Column) -> tuple[FloatArray, Mask | None]:
    """Return the numbers of a column and which values could not be read as one.

    Parameters
    ----------
    array : pyarrow Array or ChunkedArray, numpy array, or sequence of Python values, (rows,)
        The values, of any type.
    column : Column
        How they are written.

    Returns
    -------
    numbers : float64 (rows,)
        Finite, or NaN where the value is missing or unreadable.
    unreadable : bool (rows,) or None
        True where a value is there but is not a number; None when there is none.

    Notes
    -----
    About 10 ns a value for numbers, 30 ns for clean text; text with marks or blanks costs about ten
    times that. Values that only the scalar rule can read are looked at once each.

    Examples
    --------
    >>> to_numbers(["1", 2, "x", None], Column("n", "numeric", "number"))
    (array([ 1.,  2., nan, nan]), array([False, False,  True, False]))
    """
    if _is_vector(array):
        from justright.values.arrow import numbers_of

        return numbers_of(array, column)
    return read_each(array, column, number)


def to_moments(array: Any, column: Column) -> tuple[FloatArray, Mask | None]:
    """Return the moments of a column as seconds since 1970-01-01, and which could not be read.

    Parameters
    ----------
    array : pyarrow Array or ChunkedArray, numpy array, or sequence of Python values, (rows,)
        Dates, datetimes or texts.
    column : Column
        Its `format` and `zone` are used; see `moment`.

    Returns
    -------
    seconds : float64 (rows,)
        NaN where the value is missing or unreadable.
    unreadable : bool (rows,) or None
        True where a value is there but is not a moment; None when there is none.

    Examples
    --------
    >>> to_moments(["1970-01-01", "1970-01-02"], Column("day", "datetime", "datetime"))[0]
    array([    0., 86400.])
    """
    if _is_vector(array):
        from justright.values.arrow import moments_of

        return moments_of(array, column)
    return read_each(array, column, moment)


def to_codes(array: Any, column: Column) -> tuple[npt.NDArray[np.int32], list[str | None]]:
    """Return a column as numbers of its canonical texts, in the order of their first appearance.

    Parameters
    ----------
    array : pyarrow Array or ChunkedArray, numpy array, or sequence of Python values, (rows,)
        The values, of any type.
    column : Column
        Its `form` gives the texts; see `canonical_text`.

    Returns
    -------
    codes : int32 (rows,)
        Index into `texts`.
    texts : list of str or None
        The distinct canonical texts that occur; at most one is None, which stands for missing.

    Examples
    --------
    >>> to_codes(["01", 1, None, "2"], Column("n", "categorical", "number"))
    (array([0, 0, 1, 2], dtype=int32), ['1', None, '2'])
    """
    if _is_vector(array):
        from justright.values.arrow import codes_of

        return codes_of(array, column)
    seen: dict[str | None, int] = {}
    codes = [seen.setdefault(canonical_text(value, column), len(seen)) for value in array]
    return np.asarray(codes, np.int32), list(seen)


def _is_vector(array: Any) -> bool:
    """Say whether an array is of Arrow or numpy (of a type that Arrow knows)."""
    if isinstance(array, np.ndarray):
        return array.dtype.kind in "biufM"
    return hasattr(array, "dictionary_encode")
