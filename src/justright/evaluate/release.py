"""What a look at a guarded test set may say of a further model: better beyond noise, or nothing new.

Whoever tries many models on one test set and keeps what looks better fits its noise, however wide the
intervals are: with k answers a vote of k coins is off by sqrt(k) of them. The Ladder (Blum and Hardt 2015)
gives the figures of a new model only where its loss is lower than that of the best one released by more
than a step; else the figures of the best are repeated, and all that is learned is "no".

    step = z(looks) s / sqrt(n)      s = spread of the paired row differences to the best,
                                     z = normal quantile at the level of this look, 1 - 0.05 / looks

With the step of the paper, s / sqrt(n), one step in six is luck, and small changes of the best model climb
by luck alone; with this one a model that is no better is released with probability 2.5 % / looks. Then the
answers carry no news of the noise, and the interval of level 1 - 0.05 / looks holds for what is printed.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.evaluate.ledger import level_after
from justright.evaluate.quantile import student_quantile

__all__ = ["Release", "release"]


class Release(msgspec.Struct, frozen=True):
    """Whether a model is better than the best one released, beyond the noise of the test rows.

    Parameters
    ----------
    better : bool
        Its figures may be shown.
    gain : float
        Mean loss of the best less that of the new one; not to be shown where it is not better.
    step : float
        What the gain must be above.
    """

    better: bool
    gain: float
    step: float


def release(
    best: npt.ArrayLike,
    new: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    looks: int,
    level: float = 0.95,
) -> Release:
    """Decide whether a look at a new model may show its figures.

    Parameters
    ----------
    best, new : float (rows,)
        Loss of each test row under the best model released so far, and under the new one.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    looks : int
        Which look at these rows this is, >= 1.
    level : float, default 0.95
        Level of a first look.

    Returns
    -------
    Release

    Raises
    ------
    TableError
        The rows do not fit.
    RecipeError
        `looks` below 1.

    Notes
    -----
    O(n). Student's quantile at n - 1 degrees of freedom.

    References
    ----------
    A. Blum and M. Hardt (2015), "The Ladder: a reliable leaderboard for machine learning competitions",
    arXiv:1502.04585.

    Examples
    --------
    >>> best = np.ones(100)
    >>> new = np.where(np.arange(100) % 10 < 2, 0.0, 1.0)   # right in 20 more rows
    >>> release(best, new, looks=2).better, release(best, best, looks=2).better
    (True, False)
    """
    old, fresh = np.asarray(best, dtype=np.float64), np.asarray(new, dtype=np.float64)
    amount = np.ones_like(old) if weight is None else np.asarray(weight, dtype=np.float64)
    if old.ndim != 1 or not old.shape == fresh.shape == amount.shape:
        raise TableError(
            f"losses of shapes {old.shape} and {fresh.shape}, weights {amount.shape}",
            allowed="one number a row each",
        )
    total, n = float(amount.sum()), int(np.count_nonzero(amount))
    difference = old - fresh
    gain = float(np.dot(amount, difference)) / total
    spread = float(np.sqrt(np.dot(np.square(amount), np.square(difference - gain)))) / total
    step = student_quantile(level_after(looks, level), max(n - 1, 2)) * spread
    return Release(gain > step, gain, step)
