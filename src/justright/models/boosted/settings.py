"""The settings of boosted trees."""

from __future__ import annotations

import msgspec

__all__ = ["Boosting"]


class Boosting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How trees are grown in the family `boosted`.

    Parameters
    ----------
    rounds : int
        Most trees (a class each), 1..20,000; held-out rows stop it earlier. Default 2,000.
    rate : float
        Share of each tree's answer that is taken, above 0 to 1; default 0.05.
    leaves : int
        Most leaves of a tree, 2..4,096; default 31.
    depth : int
        Most splits from root to leaf; 0 = no limit.
    rows_a_leaf : int
        Fewest training rows of a leaf, >= 1; default 20.
    l2 : float
        Penalty on the values of leaves, >= 0.
    rows : float
        Share of the rows that each tree sees, above 0 to 1.
    columns : float
        Share of the columns that each tree sees, above 0 to 1.
    bins : int
        Most bins of a number, 2..65,535; default 255.
    """

    rounds: int = 2_000
    rate: float = 0.05
    leaves: int = 31
    depth: int = 0
    rows_a_leaf: int = 20
    l2: float = 0.0
    rows: float = 1.0
    columns: float = 1.0
    bins: int = 255
