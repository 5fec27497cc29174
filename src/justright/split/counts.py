"""What an audit counts of a split, as plain values."""

from __future__ import annotations

from typing import Any

import msgspec

from justright.schema import Finding

__all__ = ["PartAudit", "SplitAudit"]


class PartAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One part of a split, compared with the first one.

    Parameters
    ----------
    name : str
        For example "validation".
    rows : int
        Rows of the part.
    share : float
        Of all rows in any part.
    asked : float or None
        The share that was asked for; None where none was given.
    target_mean : float or None
        Mean of a numeric target; None without one.
    class_shares : dict of str to float
        Share of each class among rows of known class; empty without classes.
    duplicates : int
        Rows whose whole content also stands in the first part; 0 for the first part itself.
    groups : int or None
        Distinct groups of the part; None where no groups were given.
    group_leaks : int or None
        Rows whose group also has rows in the first part.
    earliest, latest : float or None
        First and last known moment.
    early : int or None
        Rows that are not later than the last row of the first part.
    """

    name: str
    rows: int
    share: float
    asked: float | None = None
    target_mean: float | None = None
    class_shares: dict[str, float] = {}
    duplicates: int = 0
    groups: int | None = None
    group_leaks: int | None = None
    earliest: float | None = None
    latest: float | None = None
    early: int | None = None


class SplitAudit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A split as it turned out.

    Parameters
    ----------
    rows : int
        Rows of the table.
    unused : int
        Rows in no part: outside the sample, or without a moment in a split by time.
    parts : tuple of PartAudit
        In order, the one that trains first.
    repeated : int
        Rows in any part that repeat the content of an earlier one.
    groups_on_both_sides : int or None
        Groups with rows in the first part and in a later one; None where no groups were given.
    keys : float
        How many keys of equal size would be as even as the real ones: (sum n)**2 / sum n**2 over the
        rows n of each group, or of each content where no groups were given.
    without_moment : int or None
        Rows whose moment is unknown; None where no moments were given.
    findings : tuple of Finding
        What a user must know.
    definition : dict
        How the split was made, enough to make it again; JSON values only, empty where not known.
    """

    rows: int
    unused: int
    parts: tuple[PartAudit, ...]
    repeated: int = 0
    groups_on_both_sides: int | None = None
    keys: float = 0.0
    without_moment: int | None = None
    findings: tuple[Finding, ...] = ()
    definition: dict[str, Any] = {}
