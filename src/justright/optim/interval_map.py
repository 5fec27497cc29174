"""What is done to a predicted number so that it becomes an interval: plain numbers, and numpy.

    low  = prediction + lower(prediction)        lower, upper: quantiles of the errors of rows that the model
    high = prediction + upper(prediction)        has not seen, linear between the middles of their bins

Each level has its own pair; a higher level never lies inside a lower one. Found by `evaluate.conformal`.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.schema import FloatArray, Value

__all__ = ["Intervals", "apply_intervals"]


class Intervals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prediction intervals of a regression, with the proof of their coverage.

    Parameters
    ----------
    levels : tuple of float
        Stated coverages, rising.
    middles : tuple of float
        Middle prediction of each bin, rising; a single one where all rows have the same interval.
    lower, upper : tuple of tuples of float
        For each level and bin, what is added to a prediction; `lower <= upper`.
    coverage : tuple of Value
        For each level, the share of rows inside that were not used to find the interval, with its 95 %
        interval.
    width : tuple of float
        For each level, the mean width over the rows.
    floor, ceiling : float or None
        No interval goes beyond: 0 for a target that is never negative (or never positive).
    note : str
        Why so many bins, in one plain sentence.
    """

    levels: tuple[float, ...]
    middles: tuple[float, ...]
    lower: tuple[tuple[float, ...], ...]
    upper: tuple[tuple[float, ...], ...]
    coverage: tuple[Value, ...] = ()
    width: tuple[float, ...] = ()
    floor: float | None = None
    ceiling: float | None = None
    note: str = ""


def apply_intervals(intervals: Intervals, prediction: npt.ArrayLike, level: float = 0.9) -> FloatArray:
    """Return the ends of the interval of each prediction, float64 (rows, 2).

    Parameters
    ----------
    intervals : Intervals
        The map.
    prediction : float (rows,)
        In the unit of the target.
    level : float, default 0.9
        One of `intervals.levels`.

    Raises
    ------
    RecipeError
        The intervals were not made for this level.

    Examples
    --------
    >>> wider = Intervals((0.9,), (10.0, 20.0), ((-1.0, -3.0),), ((1.0, 5.0),))
    >>> apply_intervals(wider, [5.0, 15.0, 20.0])
    array([[ 4.,  6.],
           [13., 18.],
           [17., 25.]])
    """
    if level not in intervals.levels:
        raise RecipeError(
            f"level={level!r}",
            allowed=f"one of: {', '.join(str(each) for each in intervals.levels)}",
            next_step=f"level={intervals.levels[-1]}",
        )
    place = intervals.levels.index(level)
    guess = np.asarray(prediction, dtype=np.float64)
    ends = np.stack(
        [
            guess + np.interp(guess, intervals.middles, side[place])
            for side in (intervals.lower, intervals.upper)
        ],
        axis=1,
    )
    return np.asarray(np.clip(ends, intervals.floor, intervals.ceiling)) if _bounded(intervals) else ends


def _bounded(intervals: Intervals) -> bool:
    """Whether the target has an end."""
    return intervals.floor is not None or intervals.ceiling is not None
