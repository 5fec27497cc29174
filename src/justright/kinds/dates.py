"""Which format the dates of a text column are written in."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from justright.schema import Column
from justright.values import Unreadable, moment

__all__ = ["date_format"]

# Where day and month cannot be told apart by the values, the first that fits is taken and it is said.
_DAYS: Final = (
    "", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d",
    "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
    "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%Y-%m",
)  # fmt: skip
_CLOCKS: Final = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S")
_SHAPE = re.compile(r"\d.*[-/.: ].*\d|\d.*[A-Za-z]{3}", re.DOTALL)
_SWAPPED: Final = {"%m/%d": "%d/%m", "%d/%m": "%m/%d", "%d.%m": "%m.%d", "%d-%m": "%m-%d", "%m-%d": "%d-%m"}


def date_format(texts: Sequence[str], *, digits: bool = False) -> tuple[str, bool] | None:
    """Return the strptime format that reads every text, and whether day and month could be swapped.

    Parameters
    ----------
    texts : sequence of str
        Distinct values, none missing.
    digits : bool, default False
        Also read eight digits as year, month, day; by default they are numbers.

    Returns
    -------
    (str, bool) or None
        An empty format is ISO 8601. None where no format reads all.

    Examples
    --------
    >>> date_format(["31/12/2023", "01/02/2024"])
    ('%d/%m/%Y', False)
    >>> date_format(["1.5", "2"]) is None
    True
    """
    if not texts:
        return None
    if digits:
        return ("%Y%m%d", False) if _reads(texts, "%Y%m%d") and _near(texts) else None
    if not all(_SHAPE.search(text) for text in texts[:50]):
        return None
    for clock in _CLOCKS:
        for day in _DAYS:
            if (day or not clock) and _reads(texts, day + clock):
                swapped = next((day.replace(a, b) for a, b in _SWAPPED.items() if day.startswith(a)), "")
                return day + clock, bool(swapped) and _reads(texts, swapped + clock)
    return None


def _reads(texts: Sequence[str], format_: str) -> bool:
    """Say whether a format reads every text."""
    column = Column("", "datetime", "datetime", format=format_)
    try:
        return not any(math.isnan(moment(text, column)) for text in texts)
    except Unreadable:
        return False


def _near(texts: Sequence[str]) -> bool:
    """Say whether eight digits are days of our time, not just numbers."""
    return all(len(text) == 8 and "1900" <= text[:4] <= "2100" for text in texts)
