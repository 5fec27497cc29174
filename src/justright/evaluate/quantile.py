"""Quantiles of the normal and of Student's distribution, without scipy (the scoring process has none)."""

from __future__ import annotations

import math
from statistics import NormalDist

from justright.errors import RecipeError

__all__ = ["normal_quantile", "student_quantile"]


def normal_quantile(level: float) -> float:
    """Return z such that a normal variable lies within +-z with probability `level`.

    Parameters
    ----------
    level : float
        Between 0 and 1.

    Raises
    ------
    RecipeError
        `level` is not between 0 and 1.

    Examples
    --------
    >>> normal_quantile(0.95)
    1.9599...
    """
    if not 0.0 < level < 1.0:
        raise RecipeError(f"level={level!r}", allowed="between 0 and 1", next_step="level=0.95")
    return NormalDist().inv_cdf(0.5 + level / 2.0)


def student_quantile(level: float, freedom: float) -> float:
    """Return t such that Student's variable lies within +-t with probability `level`.

    Parameters
    ----------
    level : float
        Between 0 and 1.
    freedom : float
        Degrees of freedom; below 2 counts as 2.

    Notes
    -----
    The four-term expansion 26.7.5 of Abramowitz and Stegun (1964): within 1 % from 2 degrees on and
    0.01 % from 10 on, for levels up to 0.99.

    Examples
    --------
    >>> student_quantile(0.95, 10)
    2.228...
    """
    z = normal_quantile(level)
    v = max(freedom, 2.0)
    if math.isinf(v):
        return z
    square = z * z
    first = z * (square + 1.0) / 4.0
    second = z * (5.0 * square**2 + 16.0 * square + 3.0) / 96.0
    third = z * (3.0 * square**3 + 19.0 * square**2 + 17.0 * square - 15.0) / 384.0
    fourth = (
        z * (79.0 * square**4 + 776.0 * square**3 + 1482.0 * square**2 - 1920.0 * square - 945.0) / 92160.0
    )
    return z + first / v + second / v**2 + third / v**3 + fourth / v**4
