"""Parts by time: earlier rows train, later rows judge.

    part = number of cutoffs that are not later than the row's moment

Invariant: rows of one moment are never separated. The cutoffs are data: kept, they give new rows the
parts that old rows had, however the table grows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.schema import FloatArray
from justright.split.parts import parse_shares

__all__ = ["part_by_time", "time_cutoffs"]


def time_cutoffs(moments: FloatArray, shares: str | Sequence[float]) -> FloatArray:
    """Return the moments at which each later part begins.

    Parameters
    ----------
    moments : float64 (rows,)
        Seconds, or any number that rises with time; NaN = unknown, left out.
    shares : str or sequence of float
        As in `parse_shares`, the earliest part first.

    Returns
    -------
    float64 (parts - 1,)
        Rising; each is a moment that occurs: the first of its part.

    Raises
    ------
    RecipeError
        Fewer distinct moments than parts.

    Notes
    -----
    Each cutoff is the border between two distinct moments nearest to the share asked for. Sorts the
    moments: memory of about three columns, two seconds for 20 million rows.

    Examples
    --------
    >>> import numpy as np
    >>> time_cutoffs(np.array([1.0, 2.0, 2.0, 3.0, 4.0]), "60/40").tolist()
    [3.0]
    """
    parts = parse_shares(shares)
    known = np.sort(moments[~np.isnan(moments)])
    starts = np.flatnonzero(np.concatenate([[True], known[1:] != known[:-1]])[: len(known)])
    values = known[starts]
    if len(values) < len(parts):
        raise RecipeError(
            f"{len(parts)} parts by time",
            allowed=f"at most as many as there are distinct moments: {len(values)}",
            next_step="a finer time column, or fewer --shares",
        )
    targets = np.cumsum(parts)[:-1] * known.shape[0]
    chosen = []
    lowest = 1
    for i, target in enumerate(targets):
        # Every later part keeps at least one moment of its own.
        highest = len(values) - (len(targets) - i)
        near = int(np.searchsorted(starts, target))
        if near > 0 and (near == len(starts) or target - starts[near - 1] <= starts[near] - target):
            near -= 1
        chosen.append(min(max(near, lowest), highest))
        lowest = chosen[-1] + 1
    return values[chosen]


def part_by_time(moments: FloatArray, cutoffs: FloatArray) -> npt.NDArray[np.int8]:
    """Return the part of each row by its moment.

    Parameters
    ----------
    moments : float64 (rows,)
        In the unit of the cutoffs; NaN = unknown.
    cutoffs : float64 (parts - 1,)
        As `time_cutoffs` gives them.

    Returns
    -------
    int8 (rows,)
        0 = before the first cutoff; -1 = in no part, since its moment is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> part_by_time(np.array([1.0, 2.0, 9.0, np.nan]), np.array([2.0])).tolist()
    [0, 1, 1, -1]
    """
    part = np.searchsorted(cutoffs, moments, side="right").astype(np.int8)
    part[np.isnan(moments)] = -1
    return part
