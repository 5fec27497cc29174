"""Numbers and names as people read them; every text of the report that holds a number comes from here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

from justright.schema import Value
from justright.values import figure, figures_in

__all__ = ["count", "interval", "listed", "number", "percent", "plain", "sentence", "short"]

# C0 and C1 controls, line separators and the marks that turn the direction of text around.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]+")
_DASH: Final = "\u2013"


def number(value: float | None) -> str:
    """Write a number with four digits that count, whole ones with all; a dash where there is none.

    Examples
    --------
    >>> number(68857.6), number(68857.0), number(0.123456), number(-3.0)
    ('68,860', '68,857', '0.1235', '-3')
    """
    return _DASH if value is None or not math.isfinite(value) else figure(value, whole=True)


def short(value: float | None) -> str:
    """Write a number with three digits that count, for places with little room.

    Examples
    --------
    >>> short(68857.6), short(0.123456)
    ('68,900', '0.123')
    """
    return _DASH if value is None or not math.isfinite(value) else figure(value, 3)


def interval(value: Value, digits: int = 4) -> str:
    """Write the two ends of an interval, with 3 or 4 digits that count.

    Examples
    --------
    >>> interval(Value(1.0, 0.5, 1.5)), interval(Value(0.51234, 0.50123, 0.52345), digits=3)
    ('0.5 to 1.5', '0.501 to 0.523')
    """
    write = short if digits == 3 else number
    return f"{write(value.low)} to {write(value.high)}"


def count(value: float) -> str:
    """Write a number of things.

    Examples
    --------
    >>> count(48842)
    '48,842'
    """
    return f"{value:,.0f}"


def percent(share: float | None) -> str:
    """Write a share in per cent, with more digits where it is small.

    Examples
    --------
    >>> percent(0.5), percent(0.0123), percent(0.0)
    ('50 %', '1.2 %', '0 %')
    """
    if share is None or not math.isfinite(share):
        return _DASH
    value = 100.0 * share
    if value == 0.0 or abs(value) >= 10.0:
        return f"{value:.0f} %"
    return f"{value:.1f}".removesuffix(".0") + " %" if abs(value) >= 0.1 else f"{value:.1g} %"


def plain(text: object, limit: int = 80) -> str:
    """Return a name or value of the table on one line, without control characters, cut at `limit`.

    Examples
    --------
    >>> plain("two\\nlines"), plain("abcdef", limit=4)
    ('two lines', 'abc\u2026')
    """
    clean = " ".join(_UNPRINTABLE.sub(" ", str(text)).encode("utf-8", "replace").decode("utf-8").split())
    return clean if len(clean) <= limit else clean[: limit - 1].rstrip() + "\u2026"


def sentence(text: str, limit: int = 600) -> str:
    """Return a sentence on one line, large numbers with an exponent written out.

    Examples
    --------
    >>> sentence("off by 3.77e+04 (3.7e+04 to 3.9e+04)")
    'off by 37,700 (37,000 to 39,000)'
    """
    return plain(figures_in(text), limit)


def listed(names: Iterable[object], limit: int = 6) -> str:
    """Return names as a list in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    >>> listed("abcdefgh", limit=2)
    'a, b and 6 more'
    """
    every = [plain(name) for name in names]
    if len(every) > limit:
        return f"{', '.join(every[:limit])} and {len(every) - limit} more"
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)
