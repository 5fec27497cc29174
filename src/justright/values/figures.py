"""How a number is written where people read it: everywhere the same, in digits they can say aloud.

    37,712.4 -> 37,710     0.123456 -> 0.1235     2.5e9 -> 2.5e+09     0.00001 -> 1e-05

Thousands are marked from five digits on, so that a year stays a year. Machines get the number itself.
"""

from __future__ import annotations

import math
import re
from typing import Final

from justright.schema import Value

__all__ = ["figure", "figures_in", "interval", "interval_known"]

_LARGEST: Final = 1e9
_SMALLEST: Final = 1e-4
_FEW_ROWS: Final = 30
_EQUAL_ENDS: Final = re.compile(r"\(([-+.\w]+) to \1\)")
_EXPONENT: Final = re.compile(r"(?<![\w.])-?(\d(?:\.\d+)?)e\+\d+(?![\w.]*\w)")


def figure(value: float | None, digits: int = 4, *, whole: bool = False) -> str:
    """Write a number for people.

    Parameters
    ----------
    value : float or None
        Any number.
    digits : int, default 4
        So many digits count, the rest is rounded; zeros at the end of decimals are left out.
    whole : bool, default False
        Whole numbers keep all their digits: for values of the table, which are no estimates.

    Returns
    -------
    str
        With marks of thousands from 10,000 on, without a power of ten from 0.0001 to 1,000,000,000; a
        dash for None, NaN and infinities.

    Examples
    --------
    >>> figure(37712.4), figure(37712.4, 3), figure(0.123456), figure(9999.96), figure(1985.0)
    ('37,710', '37,700', '0.1235', '10,000', '1985')
    >>> figure(99999.0), figure(99999.0, whole=True), figure(2.5e9), figure(0.00001), figure(None)
    ('100,000', '99,999', '2.5e+09', '1e-05', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    if whole and float(value).is_integer() and abs(value) <= _LARGEST:
        return _marked(f"{value:.0f}")
    # By way of the text, which rounds once: 9999.96 becomes 10,000 before its size is looked at.
    rounded = float(f"{value:.{digits - 1}e}")
    size = abs(rounded)
    if rounded == 0.0:
        return "0"
    if not _SMALLEST <= size <= _LARGEST:
        return f"{rounded:.{digits}g}"
    decimals = max(digits - 1 - math.floor(math.log10(size)), 0)
    text = f"{rounded:.{decimals}f}"
    return _marked(text.rstrip("0").rstrip(".") if decimals else text)


def interval(value: Value, rows: int | None = None) -> str:
    """Write the ends of an interval, or that they are not known.

    Parameters
    ----------
    value : Value
        A figure with its interval.
    rows : int, optional
        Rows it was judged on; see `interval_known`. None = the ends are written in any case.

    Examples
    --------
    >>> interval(Value(0.8, 0.7, 0.9)), interval(Value(3.5, 3.5, 3.5), 2), interval(Value(1.0, 1.0, 1.0), 900)
    ('0.7 to 0.9', 'unknown', '1 to 1')
    """
    known = rows is None or interval_known(value, rows)
    return f"{figure(value.low)} to {figure(value.high)}" if known else "unknown"


def interval_known(value: Value, rows: int) -> bool:
    """Say whether the ends of an interval mean anything: few rows that agree are no certainty.

    Parameters
    ----------
    value : Value
        A figure with its interval; NaN or infinite ends are not known.
    rows : int
        Rows it was judged on; of 30 or more rows a width of nothing is believed.
    """
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return False
    return rows >= _FEW_ROWS or value.high - value.low > 1e-9 * max(abs(value.value), 1e-300)


def figures_in(text: str, rows: int | None = None) -> str:
    """Write numbers with a positive power of ten in a sentence as `figure` does, with as many digits.

    Parameters
    ----------
    text : str
        A sentence that was made with `{x:.3g}` or the like; parts of words are left alone.
    rows : int, optional
        Rows behind the sentence: of fewer than 30, ends in brackets that are equal are not known.

    Examples
    --------
    >>> figures_in("off by 3.77e+04 (3.7e+04 to 3.95e+04)")
    'off by 37,700 (37,000 to 39,500)'
    >>> figures_in("off by 3.5 (3.5 to 3.5)", rows=2)
    'off by 3.5 (interval unknown)'
    """
    if rows is not None and rows < _FEW_ROWS:
        text = _EQUAL_ENDS.sub("(interval unknown)", text)
    return _EXPONENT.sub(lambda found: figure(float(found[0]), len(found[1].replace(".", ""))), text)


def _marked(text: str) -> str:
    """Set marks of thousands in a decimal number of five digits or more before its point."""
    before, point, after = text.partition(".")
    return f"{int(before):,}{point}{after}" if len(before.lstrip("-")) >= 5 else text
