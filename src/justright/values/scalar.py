"""One value: its number, its moment, its canonical text.

The rules, for a column whose `form` says how its values are written:

- missing: None, NaN, NaT, an empty or blank text, a text listed in `Column.missing`, and in columns
  that are not of text any of `MARKS`;
- number: `[+-]digits[.digits][e[+-]digits]` with the column's decimal mark, surrounding blanks
  ignored; true = 1, false = 0; thousands marks are not guessed;
- infinity: inf or infinity with or without a sign, in any case, or a number beyond the largest float,
  such as 1e400; it is not a number, and is told apart from a word (`is_infinite`);
- boolean: true/false, t/f, yes/no, y/n, on/off, 1/0, in any case;
- moment: ISO 8601 or the column's `format`; a moment without zone is read in `Column.zone` where the
  column has one, and taken as it is where it has none.

`canonical_text` is total: a value that cannot be read as the column's form keeps its own text, so that
it is simply a category that was never seen. `number` and `moment` raise `Unreadable`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import numpy as np

from justright.errors import ColumnError, RowError
from justright.schema import Column

__all__ = [
    "MARKS",
    "NUMBER",
    "NUMBER_COMMA",
    "Unreadable",
    "canonical_text",
    "is_infinite",
    "moment",
    "number",
]

NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number written with a decimal point."""
NUMBER_COMMA: Final = r"^[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number written with a decimal comma."""

MARKS: Final = (
    "?", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "null", "NULL", "Null", "None", "none", "NONE",
    "nan", "NaN", "NAN", "NaT", "-", "--", ".", "\\N",
)  # fmt: skip
"""Texts that mean "no value": always in columns that are not of text, in those only where they were seen."""

_MARKS = frozenset(MARKS)
_NUMBER = re.compile(NUMBER.replace("$", r"\Z"))
_NUMBER_COMMA = re.compile(NUMBER_COMMA.replace("$", r"\Z"))
_INFINITY = re.compile(r"[+-]?inf(inity)?\Z", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z")
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(?: ?(Z|z|[+-]\d{2}(?::?\d{2})?))?)?\Z",
    re.ASCII,
)
_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Integers beyond 64 bits are written as the float they would be in any columnar table.
_LARGEST = 2**63


class Unreadable(RowError):  # noqa: N818 - says what the value is, as RowError says where
    """A value that is neither missing nor what its column holds.

    Parameters
    ----------
    value : object
        What was received.
    column : Column
        The column it came in.
    allowed : str
        What would have been read.

    Examples
    --------
    >>> print(Unreadable("old", Column("age", "numeric", "number"), "a number"))
    received age='old'; allowed: a number.
    """

    def __init__(self, value: object, column: Column, allowed: str) -> None:
        self.value = value
        self.column = column
        super().__init__(f"{column.name}={_short(value)}", allowed=allowed)


def number(value: object, column: Column) -> float:
    """Return the number that a value stands for; NaN where it is missing.

    Parameters
    ----------
    value : object
        A Python or numpy scalar: bool, int, float, Decimal, text, or a date in a column of dates.
    column : Column
        How the column's values are written. A column of form `datetime` gives seconds (`moment`), one
        of form `boolean` gives 1.0 and 0.0.

    Returns
    -------
    float
        Finite, or NaN = missing.

    Raises
    ------
    Unreadable
        The value is there and is not a finite number.

    Examples
    --------
    >>> number(" 2,5 ", Column("price", "numeric", "number", decimal=","))
    2.5
    """
    if column.form == "datetime":
        return moment(value, column)
    if column.form == "boolean":
        return _truth(value, column)
    if isinstance(value, float):
        if math.isinf(value):
            raise Unreadable(value, column, "a finite number")
        return float(value)
    if type(value) is int and -_LARGEST < value < _LARGEST:
        return float(value)
    value = _plain(value)
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _number_of_text(value, column)
    if isinstance(value, bool | int | float | Decimal):
        try:
            result = float(value)
        except OverflowError as error:
            raise Unreadable(value, column, "a finite number") from error
        if math.isinf(result):
            raise Unreadable(value, column, "a finite number")
        return result
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise Unreadable(value, column, "a number")


def is_infinite(value: object, column: Column) -> bool:
    """Say whether a value is an infinity, or a number too large to be held as one.

    Parameters
    ----------
    value : object
        A Python or numpy scalar, or a text.
    column : Column
        Its decimal mark is used.

    Returns
    -------
    bool
        False for a finite number, a word, a date, and for what is missing.

    Examples
    --------
    >>> x = Column("x", "numeric", "number")
    >>> [is_infinite(value, x) for value in ("-Infinity", "1e400", float("inf"), "1e4", "word", None)]
    [True, True, True, False, False, False]
    """
    value = _plain(value)
    if isinstance(value, str):
        text = value.strip()
        comma = column.decimal == ","
        if not (_NUMBER_COMMA if comma else _NUMBER).match(text):
            return bool(_INFINITY.match(text))
        value = text.replace(",", ".") if comma else text
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    try:
        return math.isinf(float(value))
    except OverflowError:
        return True  # an integer of more than 308 digits


def moment(value: object, column: Column) -> float:
    """Return a date or time as seconds since 1970-01-01; NaN where it is missing.

    Parameters
    ----------
    value : object
        date, datetime, numpy datetime64, or a text in ISO 8601 or in the column's `format`.
    column : Column
        `format` and `zone` are used.

    Returns
    -------
    float
        Seconds in UTC where the value or the column states a zone, else in the unnamed local time of
        the table. Whole microseconds; float64 keeps them apart for all years 1 to 9999 near today.

    Raises
    ------
    Unreadable
        The value is there and is not a moment.

    Examples
    --------
    >>> moment("1970-01-02 00:00:01.5", Column("t", "datetime", "datetime"))
    86401.5
    """
    whole = _microseconds(value, column)
    return math.nan if whole is None else whole / 1e6


def canonical_text(value: object, column: Column) -> str | None:
    """Return the one text that stands for a value in its column, None where it is missing.

    Parameters
    ----------
    value : object
        A Python or numpy scalar.
    column : Column
        Its `form` decides: `number` writes integers without decimals and other numbers in the shortest
        form that reads back equal (`1`, `1.0`, `"1"`, `"01"` and true all give `"1"`; -0.0 gives `"0"`);
        `boolean` gives `"true"` or `"false"`; `datetime` gives ISO 8601, a midnight without zone as the
        date alone, a moment in a zone in UTC with `Z`; `text` gives the text without surrounding blanks
        and other values as they would be written in the form of their own type.

    Returns
    -------
    str or None
        Never raises for a value that cannot be read in the column's form: that value keeps its text; an
        infinity in a column of numbers is `"inf"` or `"-inf"` however it is written.

    Examples
    --------
    >>> [canonical_text(v, Column("floor", "categorical", "number")) for v in ("01", 1.0, True, 0.1, "")]
    ['1', '1', '1', '0.1', None]
    """
    if column.form == "text":
        return _text(value, column)
    try:
        if column.form == "number":
            return _number_text(value, column)
        if column.form == "boolean":
            truth = _truth(value, column)
            return None if truth != truth else ("true" if truth else "false")
        whole = _microseconds(value, column)
        return None if whole is None else _iso(whole, column, value)
    except Unreadable:
        if column.form == "number" and is_infinite(value, column):
            return "-inf" if str(_plain(value)).strip().startswith("-") else "inf"
        return _text(value, column)


def _plain(value: object) -> Any:
    """Return a numpy scalar as its Python value and every missing value as None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, np.generic):
        if isinstance(value, np.datetime64 | np.timedelta64):
            unit = "datetime64[us]" if isinstance(value, np.datetime64) else "timedelta64[us]"
            value = value.astype(unit).item()
        else:
            value = value.item()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    # pandas.NA refuses to be compared, so it is told by its name; NaN and NaT differ from themselves.
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return None
    return value


def _short(value: object) -> str:
    """Show a value in a message, long ones cut."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_missing(text: str, column: Column) -> bool:
    """Say whether a stripped text of a column that is not of text means "no value"."""
    return not text or text in _MARKS or text in column.missing or text.lower() == "nan"


def _number_of_text(value: str, column: Column) -> float:
    """Read a number from text, NaN where the text means missing."""
    text = value.strip()
    comma = column.decimal == ","
    if (_NUMBER_COMMA if comma else _NUMBER).match(text) and text not in column.missing:
        result = float(text.replace(",", ".") if comma else text)
        if math.isinf(result):
            raise Unreadable(value, column, "a finite number")
        return result
    if _is_missing(text, column):
        return math.nan
    mark = " with a decimal comma" if comma else ""
    raise Unreadable(value, column, f"a number{mark}")


def _truth(value: object, column: Column) -> float:
    """Return 1.0 or 0.0 of a boolean column, NaN where missing."""
    value = _plain(value)
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float | Decimal) and value in (0, 1):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if _is_missing(text, column):
            return math.nan
        lower = text.lower()
        if lower in _TRUE or lower in _FALSE:
            return float(lower in _TRUE)
        if _NUMBER.match(lower) and float(lower) in (0.0, 1.0):
            return float(lower)
    raise Unreadable(value, column, "true or false")


def _microseconds(value: object, column: Column) -> int | None:
    """Return a date or time as microseconds since 1970, None where it is missing."""
    value = _plain(value)
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if _is_missing(text, column):
            return None
        value = _moment_of_text(text, column)
    elif isinstance(value, int) and not isinstance(value, bool) and column.format:
        # 20240131 with format %Y%m%d; without one a count says neither its unit nor its origin.
        value = _moment_of_text(str(value), column)
    if isinstance(value, date):
        return _since_epoch(value, column)
    raise Unreadable(value, column, "a date or time")


def _moment_of_text(text: str, column: Column) -> datetime:
    """Read a moment from a text that is not missing."""
    if column.format:
        try:
            return datetime.strptime(text, column.format)
        except ValueError as error:
            raise Unreadable(text, column, f"a date in the format {column.format}") from error
    match = _ISO.match(text)
    if match is None:
        raise Unreadable(text, column, "an ISO date such as 2024-01-31 or 2024-01-31T08:30:00")
    day, hour, minute, second, fraction, zone = match.groups()
    zone = {"Z": "+00:00", "z": "+00:00", None: ""}.get(zone, zone)
    clock = f"T{hour}:{minute or '00'}:{second or '00'}.{(fraction or '0')[:6].ljust(6, '0')}" if hour else ""
    try:
        return datetime.fromisoformat(f"{day}{clock}{zone}")
    except ValueError as error:
        raise Unreadable(text, column, "a date that exists") from error


def _since_epoch(value: date, column: Column) -> int:
    """Return a date or datetime as microseconds, in UTC where it or its column has a zone."""
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if at.tzinfo is None and column.zone:
        at = at.replace(tzinfo=_zone(column.zone))
    if at.tzinfo is None:
        return (at - _EPOCH) // _MICROSECOND
    return (at - _EPOCH_UTC) // _MICROSECOND


@lru_cache(maxsize=64)
def _zone(name: str) -> Any:
    """Return the zone of a name or of an offset such as +02:00."""
    if re.fullmatch(r"[+-]\d{2}:\d{2}", name):
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
    from zoneinfo import ZoneInfo

    try:
        return UTC if name.upper() in ("UTC", "Z") else ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ColumnError(
            f"zone={name!r}", allowed="a name of the IANA time zones, such as Europe/Paris, or UTC"
        ) from error


def _number_text(value: object, column: Column) -> str | None:
    """Write a number in its canonical text; raise Unreadable for what is not one."""
    if isinstance(value, np.floating) and value.dtype.itemsize < 8:
        value = float(str(value))  # the shortest text of a float32 0.1 is 0.1, not 0.10000000149
    value = _plain(value)
    if isinstance(value, str):
        text = value.strip()
        if _INTEGER.match(text) and text not in column.missing:
            value = int(text)
        else:
            value = _number_of_text(value, column)
    elif not isinstance(value, int):
        value = number(value, column)
    if value != value:
        return None
    if isinstance(value, int):
        return str(int(value)) if -_LARGEST <= value < _LARGEST else _float_text(number(value, column))
    return _float_text(value)


def _float_text(value: float) -> str:
    """Write a finite float: integers below 2**63 without decimals, others as short as reads back."""
    return str(int(value)) if value.is_integer() and abs(value) < _LARGEST else repr(value)


def _text(value: object, column: Column) -> str | None:
    """Write any value as text without surrounding blanks, None where it is missing."""
    if isinstance(value, np.floating) and value.dtype.itemsize < 8:
        value = float(str(value))
    value = _plain(value)
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        return None if not text or text in column.missing else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        value = float(value)
        return repr(value) if math.isinf(value) else _float_text(value)
    if isinstance(value, date):
        return _iso(_since_epoch(value, column), column, value)
    return str(value)


def _iso(microseconds: int, column: Column, value: object) -> str:
    """Write a moment as ISO 8601; Z where the column or the value has a zone."""
    try:
        at = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return str(value)  # the zone moves it out of the years 1 to 9999
    if column.zone or _has_zone(value):
        return at.isoformat() + "Z"
    return at.date().isoformat() if at.time() == datetime.min.time() else at.isoformat()


def _has_zone(value: object) -> bool:
    """Say whether a value states its own zone."""
    if isinstance(value, str):
        match = _ISO.match(value.strip())
        return match is not None and match.group(6) is not None
    return isinstance(value, datetime) and value.tzinfo is not None
