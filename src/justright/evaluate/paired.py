"""Two models judged on the same held-out rows: the difference of any metric, with its interval.

Rows that are hard for one model are hard for the other; the pulls of a row on both metrics (`influence.py`)
are therefore subtracted row by row, and what is common falls out:

    variance = sum_i (pull_second_i - pull_first_i)^2 * (1 + J r)

J folds judged, r = rows of a fold / rows that trained: the factor of Nadeau and Bengio, since the rows share
their models and the exported models are one more draw. Never less than by fold: the sums of the folds are
taken as J observations, with Student's quantile, so that rows of a fold may depend on each other.

By simulation (pairs of linear models, 60 to 1,000 rows, 10 to 20 columns) the 95 % interval holds the true
difference of the exported models in 92 to 99 % of cases; rows alone hold it in 75 to 93 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.evaluate.influence import Influence
from justright.evaluate.intervals import influence_of
from justright.evaluate.quantile import normal_quantile, student_quantile
from justright.evaluate.within_folds import area_within_folds
from justright.metrics.registry import metric
from justright.metrics.rows import sum_by
from justright.schema import FloatArray, Value

__all__ = ["Difference", "paired_differences"]

_NO_PULL: Final = frozenset({"calibration_error"})


class Difference(msgspec.Struct, frozen=True):
    """One metric of two models on the same rows.

    Parameters
    ----------
    metric : str
        Name.
    first, second : float
        The metric of each on these rows, without any correction.
    difference : Value
        `second - first` with its interval.
    better : {"first", "second", "neither"}
        Which is better; neither where the interval holds zero.
    """

    metric: str
    first: float
    second: float
    difference: Value
    better: Literal["first", "second", "neither"]


def paired_differences(
    names: Iterable[str],
    target: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    fold: npt.ArrayLike | None = None,
    second_fold: npt.ArrayLike | None = None,
    *,
    folds: int = 5,
    thresholds: tuple[float, float] = (0.5, 0.5),
    quantile: float = 0.5,
    level: float = 0.95,
    groups: npt.ArrayLike | None = None,
) -> tuple[Difference, ...]:
    """Compare two models by their predictions of the same rows, which neither has seen.

    Parameters
    ----------
    names : iterable of str
        Metrics; `calibration_error` has no paired form and is left out, as are those not defined here.
    target : (rows,)
        Values, or class numbers.
    first, second : (rows,) or (rows, classes)
        Predictions of the two models.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    fold : integers (rows,), optional
        Fold in which each row was held out; None = one part, which neither model was trained on.
    second_fold : integers (rows,), optional
        The same of the second model where its rows were cut otherwise; None = as `fold`.
    folds : int, default 5
        Into how many parts the rows were cut, also where fewer of them judged.
    thresholds : (float, float), default (0.5, 0.5)
        From which probability on each model says class 1.
    quantile : float, default 0.5
        For `pinball`.
    level : float, default 0.95
        Of the intervals.
    groups : integers (rows,), optional
        Rows that depend on each other, of one customer or one period: no interval is then narrower than
        that of the groups taken as one observation each.

    Returns
    -------
    tuple of Difference
        In the order of `names`.

    Raises
    ------
    RecipeError
        No such metric.
    TableError
        The rows do not fit.

    Notes
    -----
    Twice the cost of `interval` a metric. Models with many parameters a row (0.3 and more) differ more from
    their folds than any factor says: there the interval is too narrow (86 to 94 %).

    References
    ----------
    C. Nadeau and Y. Bengio (2003), doi:10.1023/A:1024068626366; E. R. DeLong et al. (1988),
    doi:10.2307/2531595 (areas); T. G. Dietterich (1998), doi:10.1162/089976698300017197.

    Examples
    --------
    >>> target = np.tile([0.0, 1.0, 2.0, 3.0], 25)
    >>> (found,) = paired_differences(["mae"], target, target + 0.5, target + np.tile([0.2, 0.3], 50))
    >>> found.first, found.difference.value, found.better
    (0.5, -0.25, 'second')
    """
    truth = np.asarray(target)
    cuts = _cuts(fold, second_fold, truth.shape[0])
    kept = slice(None) if weight is None else np.asarray(weight, dtype=np.float64) > 0.0
    together = _cuts(groups, None, truth.shape[0])[:1]
    group = np.unique(together[0][kept], return_inverse=True)[1].ravel() if together else None
    places = [np.unique(cut[kept], return_inverse=True)[1].ravel() for cut in cuts]
    own: Sequence[npt.NDArray[Any] | None] = cuts or (None, None)
    sides = list(zip((first, second), own, thresholds, strict=True))
    found = []
    for name in names:
        metric(name)
        if name in _NO_PULL:
            continue
        one, other = (_influence(name, truth, side, weight, cut, at, quantile) for side, cut, at in sides)
        if not (math.isnan(one.value) or math.isnan(other.value)):
            found.append(
                _difference(name, _natural(name, one), _natural(name, other), places, folds, level, group)
            )
    return tuple(found)


def _cuts(
    fold: npt.ArrayLike | None, second_fold: npt.ArrayLike | None, n_rows: int
) -> list[npt.NDArray[Any]]:
    """Folds under the first and under the second model; none where no folds judged."""
    if fold is None:
        return []
    cuts = [np.asarray(fold), np.asarray(fold if second_fold is None else second_fold)]
    for cut in cuts:
        if cut.shape != (n_rows,):
            raise TableError(f"fold of shape {cut.shape}", allowed=f"({n_rows},)")
    return cuts


def _influence(
    name: str,
    target: npt.NDArray[Any],
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    fold: npt.NDArray[Any] | None,
    threshold: float,
    quantile: float,
) -> Influence:
    """Influence on a metric; the ROC area over pairs of rows of one fold."""
    if name == "roc_auc" and fold is not None:
        within = area_within_folds(target, prediction, weight, fold)
        if not math.isnan(within.value):
            return within
    return influence_of(name, target, prediction, weight, threshold=threshold, quantile=quantile)


def _natural(name: str, found: Influence) -> tuple[float, FloatArray]:
    """Value and pulls in the unit of the metric: rmse comes as its square, r2 as 1 - r2."""
    if name == "rmse":
        root = math.sqrt(found.value)
        return root, found.pull / (2.0 * root) if root > 0.0 else found.pull
    if name == "r2":
        return 1.0 - found.value, -found.pull
    return found.value, found.pull


def _difference(
    name: str,
    one: tuple[float, FloatArray],
    other: tuple[float, FloatArray],
    places: list[npt.NDArray[Any]],
    folds: int,
    level: float,
    group: npt.NDArray[Any] | None,
) -> Difference:
    """The difference with the widest of its intervals: by rows, groups, and the folds of either model."""
    gap, pull = other[0] - one[0], other[1] - one[1]
    half = normal_quantile(level) * math.sqrt(float(np.dot(pull, pull)))
    if places:
        judged = min(int(place.max()) + 1 for place in places)
        half *= math.sqrt(1.0 + judged / (max(folds, judged, 2) - 1.0))
    for place in places if group is None else [*places, group]:
        judged = int(place.max()) + 1
        if judged > 2:
            sums = sum_by(place, pull[: place.shape[0]])
            spread = float(np.square(sums - sums.mean()).sum()) * judged / (judged - 1.0)
            half = max(half, student_quantile(level, judged - 1.0) * math.sqrt(spread))
    low, high = gap - half, gap + half
    better: Literal["first", "second", "neither"] = "neither"
    if low > 0.0 or high < 0.0:
        better = "second" if (gap > 0.0) == metric(name).greater_is_better else "first"
    return Difference(name, one[0], other[0], Value(gap, low, high), better)
