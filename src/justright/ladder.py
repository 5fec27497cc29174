"""The ladder from simple to complex: which rung is just right, read off paired differences of held-out loss.

Two models are compared on the same rows: the difference of their losses on a row is far steadier than either
loss. The choice is the simplest rung whose mean difference to the best one is within one standard error of
that difference (Breiman et al. 1984, with the paired error instead of that of a single loss).

The error is that of models trained on other rows, too: J of K folds judged, and their models share most of
their rows, so the variance of the rows is multiplied by 1 + J / (K - 1) (Nadeau and Bengio 2003,
doi:10.1023/A:1024068626366; rows alone hold the truth in 75 to 93 of 100 cases, see `evaluate.paired`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.schema import FloatArray

__all__ = ["Choose", "Standing", "Tried", "budget_for", "chosen", "standings"]

Choose = Literal["simplest", "best"]

_BUDGETS = ((5_000, 60.0), (50_000, 120.0), (500_000, 300.0))
_LARGEST = 600.0


@dataclass(frozen=True)
class Tried:
    """What a rung says of rows that it has not seen.

    Parameters
    ----------
    name : str
        The family.
    place : int64 (rows,)
        Number of each row in the table, rising.
    loss : float64 (rows,)
        Of each row.
    weight : float64 (rows,)
        Of each row.
    fold : int8 (rows,)
        The fold of each row, whose models judged it.
    folds : int
        Folds that all rows were cut into.
    """

    name: str
    place: npt.NDArray[np.int64]
    loss: FloatArray
    weight: FloatArray
    fold: npt.NDArray[np.int8]
    folds: int

    def mean(self, place: npt.NDArray[np.int64]) -> float:
        """Return the mean loss on some of the rows."""
        at = np.searchsorted(self.place, place)
        return float(np.average(self.loss[at], weights=self.weight[at]))


class Standing(msgspec.Struct, frozen=True):
    """Where a rung stands.

    Parameters
    ----------
    name : str
        The family.
    loss : float
        Mean held-out loss on all rows that it was judged on.
    gap : float
        Mean difference to the best rung on the rows of both, 0 for the best one itself.
    error : float
        Standard error of that difference.
    rows : int
        Rows of both.
    """

    name: str
    loss: float
    gap: float
    error: float
    rows: int

    @property
    def as_good(self) -> bool:
        """Whether it is within one standard error of the best."""
        return self.gap <= self.error


def standings(tried: Sequence[Tried]) -> tuple[Standing, ...]:
    """Return where each rung stands, in the order given.

    Parameters
    ----------
    tried : sequence of Tried
        From simple to complex; rungs may have been judged on different rows, some of them common.

    Raises
    ------
    TrainingError
        No row judged every rung.

    Examples
    --------
    >>> rows, ones, fold = np.arange(4), np.ones(4), np.array([0, 1, 0, 1], np.int8)
    >>> simple = Tried("linear", rows, np.array([1.0, 2.0, 1.0, 2.0]), ones, fold, 5)
    >>> better = Tried("crossed", rows, np.array([0.5, 1.4, 0.4, 1.6]), ones, fold, 5)
    >>> [(s.name, round(s.gap, 3), round(s.error, 3), s.as_good) for s in standings([simple, better])]
    [('linear', 0.525, 0.051, False), ('crossed', 0.0, 0.0, True)]
    """
    common = tried[0].place
    for one in tried[1:]:
        common = np.intersect1d(common, one.place, assume_unique=True)
    if not len(common):
        raise TrainingError("rungs of a ladder that no row judged all of", next_step="--family crossed")
    best = min(tried, key=lambda one: one.mean(common))
    found = tuple(_standing(one, best) for one in tried)
    for _ in tried:
        # Best on the few rows of all is not best on the many of two: the one that beats it there is.
        place = min(range(len(found)), key=lambda at: found[at].gap)
        if found[place].gap >= 0.0:
            break
        found = tuple(_standing(one, tried[place]) for one in tried)
    return found


def chosen(found: Sequence[Standing], choose: Choose) -> int:
    """Return the place of the chosen rung.

    Parameters
    ----------
    found : sequence of Standing
        From simple to complex.
    choose : {"simplest", "best"}
        The simplest within one standard error of the best, or the best.

    Examples
    --------
    >>> rungs = [Standing("linear", 1.0, 0.01, 0.02, 100), Standing("crossed", 0.99, 0.0, 0.0, 100)]
    >>> chosen(rungs, "simplest"), chosen(rungs, "best")
    (0, 1)
    """
    if choose == "best":
        return min(range(len(found)), key=lambda place: (found[place].gap, place))
    return next(place for place, one in enumerate(found) if one.as_good)


def budget_for(rows: int) -> float:
    """Return the seconds that a ladder may take on a table of so many rows, where nobody says.

    Examples
    --------
    >>> budget_for(1_000), budget_for(20_000), budget_for(10_000_000)
    (60.0, 120.0, 600.0)
    """
    return next((seconds for most, seconds in _BUDGETS if rows <= most), _LARGEST)


def _standing(one: Tried, best: Tried) -> Standing:
    """Compare a rung with the best one on the rows of both."""
    both, ours, theirs = np.intersect1d(one.place, best.place, assume_unique=True, return_indices=True)
    loss = float(np.average(one.loss, weights=one.weight))
    if one is best:
        return Standing(one.name, loss, 0.0, 0.0, len(both))
    gap, weight = one.loss[ours] - best.loss[theirs], one.weight[ours]
    mean = float(np.average(gap, weights=weight))
    judged = len(np.unique(one.fold[ours]))
    shared = 1.0 + judged / (max(one.folds, judged, 2) - 1.0)
    spread = (shared * float(np.sum(np.square(weight * (gap - mean))))) ** 0.5 / float(weight.sum())
    return Standing(one.name, loss, mean, spread, len(both))
