"""Numeric columns as training sees them, read off the profile of a table."""

from __future__ import annotations

from justright.diagnose.evidence import InputColumn
from justright.kinds import Profile

__all__ = ["columns_of"]


def columns_of(profile: Profile, role: str = "feature") -> tuple[InputColumn, ...]:
    """Return the numeric columns of a role with their spread, those without any left out.

    Parameters
    ----------
    profile : Profile
        A table as it was seen.
    role : str
        `feature`, or `target`.

    Examples
    --------
    >>> from justright.kinds.profile import ColumnProfile
    >>> seen = ColumnProfile("a", "numeric", "number", "numbers", 9, 0, 0, 9, True, 0.0, 90.0, 10.0, 20.0,
    ...     (0.0, 5.0, 10.0, 15.0, 20.0))
    >>> columns_of(Profile(9, 9, (seen,)))
    (InputColumn(name='a', middle=0.5, reach=4.0),)
    """
    found = []
    for column in profile.columns:
        numbers = column.minimum, column.maximum, column.mean, column.deviation
        if column.role != role or column.kind != "numeric" or len(column.quantiles) != 5 or None in numbers:
            continue
        low, high, mean, deviation = (float(number or 0.0) for number in numbers)
        if deviation > 0:
            middle = (column.quantiles[3] - column.quantiles[1]) / deviation
            found.append(InputColumn(column.name, middle, max(high - mean, mean - low) / deviation))
    return tuple(found)
