"""Dates and times: a trend, cyclic terms and calendar parts, from seconds since 1970-01-01.

A moment `t` gives numbers (`trend`, and sine and cosine of the day, the week and the year) and
categories (`hour`, `weekday`, `month`); parts that do not vary in the training rows are left out by
the plan. The proleptic Gregorian calendar of numpy's datetime64 is used on both sides.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.schema import FloatArray, IntArray

__all__ = ["CALENDAR", "CYCLES", "calendar", "cyclic"]

DAY: Final = 86_400.0
CYCLES: Final[dict[str, float]] = {"day": DAY, "week": 7 * DAY, "year": 365.2425 * DAY}
"""Length in seconds of each cycle whose sine and cosine are numeric features."""

CALENDAR: Final[dict[str, tuple[str, ...]]] = {
    "hour": tuple(str(h) for h in range(24)),
    "weekday": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
}
"""Texts of each calendar part, in the order of its numbers."""


def cyclic(moments: FloatArray, part: str) -> FloatArray:
    """Return `trend`, or sine or cosine of a cycle (`day-sin`, `year-cos`), float64 (rows,); NaN stays NaN.

    Examples
    --------
    >>> cyclic(np.array([0.0, 21_600.0]), "day-sin").round(3).tolist()
    [0.0, 1.0]
    """
    if part == "trend":
        return moments
    name, _, wave = part.partition("-")
    # The remainder first: seconds since 1970 are ~1e9, whose sine would lose seven digits.
    phase = np.mod(moments, CYCLES[name]) * (2 * np.pi / CYCLES[name])
    return np.sin(phase) if wave == "sin" else np.cos(phase)


def calendar(moments: FloatArray, part: str) -> IntArray:
    """Return the number of a calendar part, int64 (rows,); -1 where the moment is missing.

    Examples
    --------
    >>> calendar(np.array([0.0, np.nan]), "weekday").tolist()  # 1970-01-01 was a Thursday
    [3, -1]
    """
    known = np.isfinite(moments)
    seconds = np.floor(np.where(known, moments, 0.0)).astype(np.int64)
    days = seconds // 86_400
    if part == "hour":
        number = (seconds - days * 86_400) // 3_600
    elif part == "weekday":
        number = (days + 3) % 7
    else:
        number = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.where(known, number, -1).astype(np.int64)
