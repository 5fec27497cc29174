"""What was seen in a table, as plain data for people: printed by `profile`, drawn by the report."""

from __future__ import annotations

from typing import Any

import msgspec

from justright.schema import Form, Kind

__all__ = ["ColumnProfile", "Profile"]


class ColumnProfile(msgspec.Struct, frozen=True):
    """One column as it was seen.

    Parameters
    ----------
    name : str
        As in the table.
    kind, form, reason : str
        As in its `Column`.
    rows : int
        Rows read.
    missing : int
        Rows without a value, marks of missing counted.
    unreadable : int
        Rows with a value that is not of the column's form, infinities not counted.
    distinct : int
        Distinct values, missing not counted.
    distinct_exact : bool
        False: those of the sample, so there are at least so many.
    minimum, maximum, mean, deviation : float or None
        Of all rows, for numbers; None for other columns.
    quantiles : tuple of float
        Of the sample: 5, 25, 50, 75 and 95 per cent; empty for other columns.
    top : tuple of (str, int)
        The most frequent values of the sample with their counts; at most ten.
    first, last : str
        Earliest and latest moment as ISO text; empty for other columns.
    role : {"feature", "target", "weight", "dropped", "set aside"}
        What the schema does with it.
    infinite : int
        Rows with an infinity in a column of numbers; it is read as missing.
    notes : tuple of str
        One sentence each: marks of missing, leading zeros, numbers stored as text...
    """

    name: str
    kind: Kind
    form: Form
    reason: str
    rows: int
    missing: int
    unreadable: int
    distinct: int
    distinct_exact: bool
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    top: tuple[tuple[str, int], ...] = ()
    first: str = ""
    last: str = ""
    role: str = "feature"
    notes: tuple[str, ...] = ()
    infinite: int = 0


class Profile(msgspec.Struct, frozen=True):
    """A table as it was seen.

    Parameters
    ----------
    rows : int
        Rows read, all of them.
    sample : int
        Rows of the sample behind `distinct`, `quantiles` and `top`.
    columns : tuple of ColumnProfile
        In the order of the table, dropped ones included.
    source : dict
        The source's own description.
    skipped : int
        Lines that were no rows.
    """

    rows: int
    sample: int
    columns: tuple[ColumnProfile, ...]
    source: dict[str, Any] = {}
    skipped: int = 0

    def column(self, name: str) -> ColumnProfile:
        """Return the profile of one column; KeyError where there is none.

        Examples
        --------
        >>> seen = ColumnProfile("a", "numeric", "number", "integers", 3, 0, 0, 2, True)
        >>> Profile(3, 3, (seen,)).column("a").distinct
        2
        """
        for found in self.columns:
            if found.name == name:
                return found
        raise KeyError(name)
