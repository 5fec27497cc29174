"""Intervals for a metric on new rows of the same law, from rows the model has not seen.

The variance is that of the rows' pulls (`influence.py`); the scale of the interval is the one on which
the estimate is nearly normal:

    rates (accuracy, binary precision and recall)   Wilson, with the rows that say as much
    areas, F, balanced accuracy                     logit
    errors (rmse, mae, log loss, ...), 1 - r2       logarithm
    Matthews correlation                            inverse hyperbolic tangent
    calibration error                               see `calibration_interval`

with Student's quantile at the degrees of freedom of the variance itself. Measured coverage stands in
`benchmarks/evaluate/results/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.evaluate.influence import Influence, class_influence, value_influence
from justright.evaluate.quantile import normal_quantile, student_quantile
from justright.metrics.calibration_error import bin_rows, stated_and_observed
from justright.metrics.registry import metric
from justright.metrics.rows import ClassRows, class_rows, sum_by, value_rows
from justright.schema import FloatArray, IntArray, Value

__all__ = ["UNDEFINED", "calibration_interval", "influence_of", "interval", "interval_of", "wilson"]

UNDEFINED: Final = Value(float("nan"), float("nan"), float("nan"))
"""What an interval is where the metric is not defined, or a single row cannot give one."""


def interval(
    name: str,
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
    groups: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    quantile: float = 0.5,
) -> Value:
    """Return a metric with the interval in which it lies on endless new rows of the same law.

    The rows must be fresh: not trained on, not chosen by.

    Parameters
    ----------
    name : str
        A metric of `justright.metrics.METRICS`.
    target : (rows,)
        Values, or class numbers.
    prediction : (rows,) or (rows, k)
        Expected values, probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row; a row is one observation whatever its weight. None = each counts once.
    level : float, default 0.95
        Probability that the interval holds the truth.
    groups : integers (rows,), optional
        Rows of equal number depend on each other (a customer's rows); None = all are independent.
    threshold : float, default 0.5
        For metrics of labels: a binary row is class 1 where `prediction >= threshold`.
    quantile : float, default 0.5
        For `pinball`.

    Returns
    -------
    Value
        The metric with low and high; `UNDEFINED` where it is not defined (one class only, constant
        target) or there are fewer than two rows or groups.

    Raises
    ------
    RecipeError
        No such metric, or `level` is not between 0 and 1.
    TableError
        The rows do not fit.

    Notes
    -----
    O(n log n) for areas, O(n) for the rest; no random numbers. A million rows: about 0.5 s for an
    area, 0.1 s for the rest. Memory: about ten arrays of the length of the rows.

    References
    ----------
    E. B. Wilson (1927), doi:10.1080/01621459.1927.10502953; E. R. DeLong et al. (1988),
    doi:10.2307/2531595; N. A. Obuchowski (1997, grouped rows), doi:10.2307/2533958; L. A. Jaeckel
    (1972), "The infinitesimal jackknife", Bell Laboratories.

    Examples
    --------
    >>> interval("accuracy", [0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9])
    Value(value=0.75, low=0.300..., high=0.954...)
    """
    numbers = _group_numbers(groups, np.asarray(target).shape[0], weight)
    if name == "calibration_error":
        rows = class_rows(target, prediction, weight, probability=True)
        return calibration_interval(rows, numbers, level)
    influence = influence_of(name, target, prediction, weight, threshold=threshold, quantile=quantile)
    return interval_of(name, influence.of_groups(numbers), level, binary=np.ndim(prediction) == 1)


def influence_of(
    name: str,
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
    quantile: float = 0.5,
) -> Influence:
    """Return the influence of the rows on any metric but `calibration_error`.

    Parameters
    ----------
    name, target, prediction, weight, threshold, quantile
        As for `interval`.

    Examples
    --------
    >>> influence_of("mae", [1.0, 2.0], [1.0, 4.0]).value
    1.0
    """
    if metric(name).tasks == ("regression",):
        return value_influence(name, value_rows(target, prediction, weight), quantile)
    rows = class_rows(target, prediction, weight, probability=name in ("log_loss", "brier"))
    return class_influence(name, rows, threshold)


def wilson(share: float, count: float, level: float = 0.95) -> Value:
    """Return Wilson's interval of a rate.

    Parameters
    ----------
    share : float
        The rate, 0..1.
    count : float
        Number of rows behind it, > 0.
    level : float, default 0.95
        Probability that the interval holds the truth.

    Examples
    --------
    >>> wilson(0.0, 10)
    Value(value=0.0, low=0.0, high=0.277...)
    """
    z = normal_quantile(level)
    square = z * z / count
    centre = (share + square / 2.0) / (1.0 + square)
    half = math.sqrt(max(share * (1.0 - share), 0.0) * square + square * square / 4.0) / (1.0 + square)
    # At the ends rounding must not push the bound past the rate itself.
    return Value(share, min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share))


@dataclass(frozen=True, slots=True)
class _Scale:
    """A scale on which an estimate is nearly normal: the map, its derivative, and the way back."""

    there: Callable[[float], float]
    slope: Callable[[float], float]
    back: Callable[[float], float]

    def around(self, value: float, half: float, lean: float = 0.0) -> Value:
        """From `value - half` to `value + half`, the end to which it leans moved out, made on this scale."""
        centre, slope = self.there(value), self.slope(value)
        below, above = half + max(-lean, 0.0), half + max(lean, 0.0)
        return Value(value, self.back(centre - below * slope), self.back(centre + above * slope))


_RATES: Final = frozenset({"accuracy"})
_BINARY_RATES: Final = frozenset({"precision", "recall"})
_LOG: Final = _Scale(math.log, lambda x: 1.0 / x, math.exp)
_LOGIT: Final = _Scale(
    lambda x: math.log(x / (1.0 - x)),
    lambda x: 1.0 / (x * (1.0 - x)),
    lambda x: 0.5 + 0.5 * math.tanh(x / 2.0),
)
_ATANH: Final = _Scale(math.atanh, lambda x: 1.0 / (1.0 - x * x), math.tanh)


def interval_of(name: str, influence: Influence, level: float, *, binary: bool) -> Value:
    """Return the interval of an estimate from the pulls of its rows, on the scale of the metric.

    Parameters
    ----------
    name : str
        A metric.
    influence : Influence
        Of that metric; its variance may have been widened.
    level : float
        Probability that the interval holds the truth.
    binary : bool
        Whether the prediction has one column: then precision and recall are rates.

    Examples
    --------
    >>> interval_of("mae", influence_of("mae", [1.0, 2.0], [1.5, 2.5]), 0.95, binary=True)
    Value(value=0.5, low=0.5, high=0.5)
    """
    if math.isnan(influence.value) or influence.pull.shape[0] < 2:
        return UNDEFINED
    if name in _RATES or (binary and name in _BINARY_RATES):
        return _rate(influence, level)
    value, each = influence.value, metric(name)
    half = student_quantile(level, influence.freedom) * math.sqrt(influence.variance)
    bounded = each.high == 1.0 and each.needs != "value"
    if bounded and (half == 0.0 or not each.low < influence.centre < 1.0):
        return _flat(influence, level)
    if bounded:
        found = (_ATANH if name == "matthews" else _LOGIT).around(influence.centre, half)
        return _holding(value, found.low, found.high)
    if value <= 0.0 or half == 0.0:
        found = Value(value, value, value)
    else:
        found = _LOG.around(value, half, _lean(influence, half))
    if name == "rmse":
        return _holding(math.sqrt(value), math.sqrt(found.low), math.sqrt(found.high))
    if name == "r2":
        return _holding(1.0 - value, 1.0 - found.high, 1.0 - found.low)
    return _holding(value, found.low, found.high)


def _holding(value: float, low: float, high: float) -> Value:
    """The interval, widened where rounding or a careful centre would leave the value outside."""
    return Value(value, min(low, value), max(high, value))


def _lean(influence: Influence, half: float) -> float:
    """How far the interval leans, above > 0, for the skew of its rows: first-order Cornish-Fisher.

    On the log scale the pivot leans by `skew (2 t^2 + 1) / 6 - bend t^2 c / 2` (skew of the mean, c = its
    relative standard error), at most by the half width. It only ever widens: a few large errors push the
    upper end of a mean away, a few far targets the lower end of `1 - r2`. Bootstrap-t, which estimates
    the same from 1,000 resamples, holds the truth less often (100 rows, exponential errors: 91 to 93 %).
    """
    deviation = math.sqrt(influence.variance)
    square = (half / deviation) ** 2
    skew = float((influence.pull**3).sum()) / deviation**3
    curved = influence.bend * deviation / influence.value / 2.0
    lean = skew * (2.0 * square + 1.0) / 6.0 - square * curved
    return min(max(lean * deviation, -half), half)


def _rate(influence: Influence, level: float) -> Value:
    """Wilson's interval with the number of rows that would give this variance."""
    value = min(max(influence.value, 0.0), 1.0)
    count = influence.count
    if 0.0 < value < 1.0 and influence.variance > 0.0:
        n = influence.pull.shape[0]
        count = value * (1.0 - value) / (influence.variance * (n - 1) / n)
    return wilson(value, count, level) if count > 0.0 else Value(value, 0.0, 1.0)


def _flat(influence: Influence, level: float) -> Value:
    """An interval where no row pulls (a perfect or an empty score): that of so many like rows."""
    if influence.count <= 0.0:
        return Value(influence.value, 0.0, 1.0)
    return wilson(influence.value, influence.count, level)


def calibration_interval(
    rows: ClassRows, groups: IntArray | None, level: float, *, widened: float = 1.0, followed: int = 0
) -> Value:
    """Return the interval of the calibration error, whose plain estimate is too high: noise has no sign.

    Each bin's gap is normal, so its absolute value is folded normal: the mean excess over the true
    gap is taken off the centre. Where the estimate is no larger than noise alone would make that of
    a perfectly calibrated model, the interval starts at 0. All choices were made by simulation.

    Parameters
    ----------
    rows : ClassRows
        With probabilities.
    groups : integers (rows,) or None
        Rows of equal number depend on each other.
    level : float
        Probability that the interval holds the truth.
    widened : float, default 1
        Factor of the variance, >= 1.
    followed : int, default 0
        Directions in which the model follows the noise of these rows: out of fold 2, level and slope.
        There the noise is missing in the estimate and stands in the model instead, so of `bins` shares
        of it twice `followed` are not taken off.

    Examples
    --------
    >>> rows = class_rows([0, 1, 1, 0], [0.1, 0.9, 0.6, 0.4], None, probability=True)
    >>> calibration_interval(rows, None, 0.95)
    Value(value=0.25, low=0.0, high=0.4...)
    """
    bins = 10
    if rows.weight.shape[0] < 2:
        return UNDEFINED
    stated, observed = stated_and_observed(rows)
    found = bin_rows(stated, observed, rows.weight, bins)
    total = float(found.weight.sum())
    gap = np.abs(found.observed - found.stated) / total
    value = float(gap.sum())
    seen = _bin_variance(rows, observed - stated, found.place, groups, bins)
    expected = sum_by(found.place, np.square(rows.weight) * stated * (1.0 - stated), bins)
    # A bin of few rows without an event has no variance of its own; half the expected one is lent.
    spread = np.sqrt((seen + np.maximum(seen, expected)) / 2.0) / total
    noisy = spread * math.sqrt(max(1.0 - 2.0 * followed / np.count_nonzero(found.weight), 0.0))
    likely = np.maximum(2.0 * gap - _folded_mean(gap, noisy), 0.0)
    centre = value - float((_folded_mean(likely, noisy) - likely).sum())
    z = normal_quantile(level)
    half = z * math.sqrt(widened * float(np.square(spread).sum()))
    noise = np.sqrt(np.maximum(expected, seen if groups is not None else 0.0)) / total
    limit = math.sqrt(2.0 / math.pi) * float(noise.sum())
    limit += z * math.sqrt((1.0 - 2.0 / math.pi) * float(np.square(noise).sum()))
    low = 0.0 if value <= limit else max(min(centre - half, value), 0.0)
    return Value(value, low, min(max(centre + half, value), 1.0))


def _bin_variance(
    rows: ClassRows, gap: FloatArray, place: IntArray, groups: IntArray | None, bins: int
) -> FloatArray:
    """Variance of each bin's sum of `weight * gap`, rows of a group added first."""
    amount = rows.weight * gap
    if groups is None:
        return sum_by(place, np.square(amount), bins)
    number = np.unique(groups, return_inverse=True)[1].ravel()
    pairs, where = np.unique(number * bins + place, return_inverse=True)
    return sum_by((pairs % bins).astype(np.int64), np.square(sum_by(where.ravel(), amount)), bins)


def _folded_mean(mean: FloatArray, spread: FloatArray) -> FloatArray:
    """Mean of |N(mean, spread)|."""
    safe = np.where(spread > 0.0, spread, 1.0)
    ratio = mean / safe
    below = np.array([NormalDist().cdf(-float(r)) for r in ratio])
    folded = safe * np.sqrt(2.0 / np.pi) * np.exp(-0.5 * np.square(ratio)) + mean * (1.0 - 2.0 * below)
    return np.where(spread > 0.0, folded, np.abs(mean))


def _group_numbers(
    groups: npt.ArrayLike | None, n_rows: int, weight: npt.ArrayLike | None
) -> npt.NDArray[Any] | None:
    """Groups of the rows that have weight."""
    if groups is None:
        return None
    numbers = np.asarray(groups)
    if numbers.shape != (n_rows,):
        raise TableError(f"groups of shape {numbers.shape}", allowed=f"({n_rows},)")
    return numbers if weight is None else numbers[np.asarray(weight, dtype=np.float64) > 0.0]
