"""The vectorised short cuts over Arrow arrays; imported when the first such array arrives.

Clean values go through Arrow's own casts. What is left goes through the scalar functions, once per
distinct value, so that both agree by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from justright.schema import Column, FloatArray
from justright.values.each import Mask, read_each
from justright.values.scalar import NUMBER, NUMBER_COMMA, canonical_text, is_infinite, moment, number

__all__ = ["codes_of", "infinite_of", "moments_of", "numbers_of", "plain_array"]


def plain_array(array: Any, *, keep_dictionary: bool = False) -> Any:
    """Return a column as one Arrow array of a plain type.

    Parameters
    ----------
    array : pyarrow Array or ChunkedArray, or numpy array, (rows,)
        Any type.
    keep_dictionary : bool, default False
        Leave a dictionary-encoded array encoded.

    Returns
    -------
    pyarrow.Array, (rows,)
        Null, boolean, numbers, text, dates, moments and durations in microseconds; or a dictionary of
        these. Values of any other type (times of day, lists, structs, extension types) are their text.

    Examples
    --------
    >>> plain_array(pa.array(["a", "b"]).dictionary_encode()).type
    DataType(string)
    """
    if isinstance(array, np.ndarray):
        array = pa.array(array)
    if isinstance(array, pa.ChunkedArray):
        array = _combined(array)
    if pa.types.is_dictionary(array.type):
        indices = pc.cast(array.indices, pa.int32())
        entries = plain_array(array.dictionary)
        return pa.DictionaryArray.from_arrays(indices, entries) if keep_dictionary else entries.take(indices)
    if array.type in (pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()):
        return _decoded(array)
    if pa.types.is_timestamp(array.type):
        # Python's datetime, and with it the scalar rule, ends at the microsecond.
        return pc.cast(array, pa.timestamp("us", array.type.tz), safe=False)
    if pa.types.is_duration(array.type):
        return pc.cast(array, pa.duration("us"), safe=False)
    return array if _is_plain(array.type) else _texts_of(array.to_pylist())


def _combined(array: Any) -> Any:
    """Return the chunks as one array."""
    if pa.types.is_dictionary(array.type) and any(chunk.dictionary.null_count for chunk in array.chunks):
        # Arrow does not unify dictionaries that have a null among their entries.
        array = pc.cast(array, array.type.value_type)
    return array.combine_chunks()


def numbers_of(array: Any, column: Column) -> tuple[FloatArray, Mask | None]:
    """Return the numbers of an Arrow or numpy array; see `justright.values.to_numbers`."""
    array = plain_array(array)
    if column.form == "datetime":
        return moments_of(array, column)
    kind = array.type
    if column.form != "boolean":
        if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
            return _checked(_as_float(array))
        if pa.types.is_decimal(kind):
            # By way of its text a decimal is rounded once, as Python rounds it.
            return _as_float(pc.cast(array, pa.string())), None
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _numbers_of_text(array, column)
        if pa.types.is_duration(kind):
            return _as_float(pc.cast(array, pa.int64())) / 1e6, None
    return _by_unique(array, column, number)


def infinite_of(array: Any, column: Column, unreadable: Mask) -> Mask:
    """Say which of the values that are no numbers are infinities.

    Parameters
    ----------
    array : pyarrow Array or ChunkedArray, or numpy array, (rows,)
        The values.
    column : Column
        How they are written.
    unreadable : bool (rows,)
        As `to_numbers` returns it.

    Returns
    -------
    bool (rows,)
        True where `is_infinite` says so. Each distinct value that is no number is looked at once.

    Examples
    --------
    >>> texts, column = pa.array(["1", "inf", "word"]), Column("x", "numeric", "number")
    >>> infinite_of(texts, column, np.array([False, True, True]))
    array([False,  True, False])
    """
    rows = np.flatnonzero(unreadable)
    indices, values = _unique(plain_array(array).take(pa.array(rows)))
    infinite = np.array([is_infinite(value, column) for value in values], bool)
    found = np.zeros(len(unreadable), bool)
    found[rows] = infinite[indices]
    return found


def moments_of(array: Any, column: Column) -> tuple[FloatArray, Mask | None]:
    """Return the moments of an Arrow or numpy array; see `justright.values.to_moments`."""
    array = plain_array(array)
    kind = array.type
    if pa.types.is_date(kind):
        kind = pa.timestamp("us")
        array = pc.cast(array, kind)
    if pa.types.is_timestamp(kind) and (kind.tz is not None or not column.zone):
        return _seconds(array), None
    if pa.types.is_string(kind) and not column.format and not column.zone:
        try:
            return _seconds(pc.cast(array, pa.timestamp("us"))), None
        except pa.ArrowInvalid:
            # Some text is no plain ISO moment: the scalar rule says what each one is.
            return _by_unique(array, column, moment)
    return _by_unique(array, column, moment)


def codes_of(array: Any, column: Column) -> tuple[npt.NDArray[np.int32], list[str | None]]:
    """Return codes and canonical texts of an Arrow or numpy array; see `justright.values.to_codes`."""
    indices, values = _unique(plain_array(array, keep_dictionary=True))
    if column.form == "text" and all(value is None or type(value) is str for value in values):
        texts: list[str | None] = [value.strip() if isinstance(value, str) else None for value in values]
        distinct = set(texts)
        # The usual case: no two values have one text and none is missing by its text.
        if len(distinct) == len(texts) and "" not in distinct and distinct.isdisjoint(column.missing):
            return indices.astype(np.int32, copy=False), texts
    number_of: dict[str | None, int] = {}
    code_of = np.empty(len(values), np.int32)
    for i, value in enumerate(values):
        code_of[i] = number_of.setdefault(canonical_text(value, column), len(number_of))
    return code_of[indices], list(number_of)


def dictionary_of(array: Any) -> tuple[npt.NDArray[np.int64], Any]:
    """Return (rows,) indices into a dictionary, its length for a missing value, and the dictionary."""
    array = plain_array(array, keep_dictionary=True)
    if pa.types.is_null(array.type):
        return np.zeros(len(array), np.int64), array.slice(0, 0)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    size, indices = len(array.dictionary), array.indices
    if indices.null_count:
        indices = pc.fill_null(pc.cast(indices, pa.int64()), size)
    found: npt.NDArray[np.int64] = indices.to_numpy(zero_copy_only=False)
    return found, array.dictionary


def texts_of_entries(entries: Any, column: Column) -> list[str | None]:
    """Return the canonical text of each entry of a dictionary, and None for a missing value at the end."""
    values = _values(entries)
    if column.form == "text" and _tidy(entries, column):
        return [*values, None]  # type: ignore[list-item] # texts, as _tidy says
    return [*(canonical_text(value, column) for value in values), None]


def _tidy(entries: Any, column: Column) -> bool:
    """Say whether all entries are texts that stay as they are: no space at an end, none means missing."""
    if not pa.types.is_string(entries.type) or entries.null_count or not len(entries):
        return False
    ends = np.frombuffer(entries.buffers()[1], np.int32)[entries.offset : entries.offset + len(entries) + 1]
    if not (ends[1:] > ends[:-1]).all():
        return False
    data = np.frombuffer(entries.buffers()[2], np.uint8)
    # Printable ASCII at both ends: whatever Python or Arrow call a space is not there.
    first, last = data[ends[:-1]], data[ends[1:] - 1]
    if not ((first > 32) & (first < 127) & (last > 32) & (last < 127)).all():
        return False
    marks = pa.array(list(column.missing), entries.type)
    return not column.missing or not pc.any(pc.is_in(entries, value_set=marks)).as_py()


def _is_plain(type_: pa.DataType) -> bool:
    """Say whether the rules here know an Arrow type."""
    known = pa.types
    return bool(
        known.is_null(type_)
        or known.is_boolean(type_)
        or known.is_integer(type_)
        or known.is_floating(type_)
        or known.is_decimal(type_)
        or known.is_string(type_)
        or known.is_large_string(type_)
        or known.is_date(type_)
    )


def _decoded(array: Any) -> Any:
    """Return bytes or views as text; bytes that are no UTF-8 as the scalar rule reads them."""
    try:
        return pc.cast(array, pa.string())
    except pa.ArrowInvalid:
        return _texts_of(array.to_pylist())


def _texts_of(values: list[object]) -> Any:
    """Return Python values as an array of their texts."""
    column = Column("", "categorical", "text")
    return pa.array([canonical_text(value, column) for value in values], pa.string())


def _as_float(array: Any) -> FloatArray:
    """Return a numeric or boolean array as float64, nulls as NaN."""
    if pa.types.is_boolean(array.type):
        array = pc.cast(array, pa.uint8())
    if array.type != pa.float64():
        array = pc.cast(array, pa.float64(), safe=False)
    result: FloatArray = array.to_numpy(zero_copy_only=False)
    return result


def _checked(numbers: FloatArray) -> tuple[FloatArray, Mask | None]:
    """Return numbers with infinities made NaN and marked."""
    infinite = np.isinf(numbers)
    if not infinite.any():
        return numbers, None
    return np.where(infinite, np.nan, numbers), infinite


def _numbers_of_text(array: Any, column: Column) -> tuple[FloatArray, Mask | None]:
    """Return the numbers of texts: a cast where all are clean, else by pattern, else one by one."""
    if column.decimal == ".":
        try:
            numbers = _as_float(array)
            # Arrow also reads inf and nan, and its NaN may be a mark: then the rule below decides.
            if not np.isinf(numbers).any() and int(np.isnan(numbers).sum()) == array.null_count:
                return _without_marks(numbers, array, column)
        except pa.ArrowInvalid:
            pass  # at least one text is not clean: the pattern below finds which
    comma = column.decimal == ","
    clean = pc.match_substring_regex(array, NUMBER_COMMA if comma else NUMBER)
    if column.missing:
        clean = pc.and_(clean, pc.invert(pc.is_in(array, value_set=pa.array(column.missing, array.type))))
    good = pc.if_else(clean, array, None)
    numbers = _as_float(pc.replace_substring(good, ",", ".") if comma else good)
    left = np.asarray(pc.fill_null(pc.invert(clean), False)) | np.isinf(numbers)
    if not left.any():
        return numbers, None
    rows = np.flatnonzero(left)
    rest, bad = _by_unique(array.take(pa.array(rows)), column, number)
    numbers = numbers.copy()
    numbers[rows] = rest
    if bad is None:
        return numbers, None
    unreadable = np.zeros(len(numbers), bool)
    unreadable[rows[bad]] = True
    return numbers, unreadable


def _without_marks(numbers: FloatArray, array: Any, column: Column) -> tuple[FloatArray, None]:
    """Return numbers with those whose text is a mark of missing (for example -999) made NaN."""
    if not column.missing:
        return numbers, None
    marked = np.asarray(pc.fill_null(pc.is_in(array, value_set=pa.array(column.missing, array.type)), False))
    return np.where(marked, np.nan, numbers), None


def _seconds(array: Any) -> FloatArray:
    """Return an array of microseconds as seconds, NaN for null."""
    whole = pc.cast(array, pa.int64())
    numbers: FloatArray = pc.cast(whole, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers / 1e6


def _unique(array: Any) -> tuple[npt.NDArray[np.int64], list[object]]:
    """Return (rows,) indices and the distinct values they point at, in order of first appearance."""
    if pa.types.is_null(array.type):
        return np.zeros(len(array), np.int64), [None] if len(array) else []
    if pa.types.is_dictionary(array.type):
        return _unique_of_dictionary(array)
    encoded = array.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False), _values(encoded.dictionary)


def _unique_of_dictionary(array: Any) -> tuple[npt.NDArray[np.int64], list[object]]:
    """As `_unique` of an array that is dictionary-encoded: unused and doubled entries do no harm."""
    indices = pc.fill_null(pc.cast(array.indices, pa.int64()), len(array.dictionary)).to_numpy()
    used, first, inverse = np.unique(indices, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    used = used[order]
    # Only the entries that occur are looked at: a slice may come with the dictionary of a whole table.
    taken = pa.array(used, mask=used == len(array.dictionary))
    return rank[inverse], _values(array.dictionary.take(taken))


def _values(array: Any) -> list[object]:
    """Return Arrow values as Python ones; float32 stay numpy scalars so that 0.1 keeps its text."""
    if pa.types.is_floating(array.type) and array.type != pa.float64():
        return list(array.to_numpy(zero_copy_only=False))
    return list(array.to_pylist())


def _by_unique(
    array: Any, column: Column, read: Callable[[object, Column], float]
) -> tuple[FloatArray, Mask | None]:
    """Apply a scalar function to each distinct value and spread the results."""
    indices, values = _unique(array)
    numbers, unreadable = read_each(values, column, read)
    return numbers[indices], None if unreadable is None else unreadable[indices]
