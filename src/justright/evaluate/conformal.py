"""Prediction intervals of a regression from out-of-fold errors: coverage is stated, and shown.

Among n exchangeable rows the error of a new one lies between the order statistics of theirs with known
probability, whatever the law: with rank ceil((n + 1)(1 - a / 2)) from both ends the interval of level
1 - a holds at least that often. Errors of out-of-fold predictions stand for those of the exported model,
which saw all rows and is a little better: the coverage is then a little higher than stated.

Rows are not alike: where large predictions have large errors, one width for all is too wide below and too
narrow above. The quantiles are taken in 1, 2, 4, ... bins of the prediction, as many as lower the interval
score (width + misses, Winkler 1972) of rows that were not used, by more than its noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, TableError
from justright.evaluate.intervals import wilson
from justright.metrics.rows import ValueRows, value_rows
from justright.optim.interval_map import Intervals, apply_intervals
from justright.schema import FloatArray

__all__ = ["Intervals", "apply_intervals", "fit_intervals"]

_MOST: Final = 200_000  # rows that fit and judge: more move no end by a digit that counts
_PARTS: Final = 5
_BINS: Final = (1, 2, 4, 8, 16, 32)
_ROWS: Final = 100  # rows of a bin, at least; and those beyond the ends of the highest level:
_BEYOND: Final = 5.0


def fit_intervals(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    fold: npt.ArrayLike | None = None,
    *,
    levels: Sequence[float] = (0.8, 0.9, 0.95),
) -> Intervals | None:
    """Find prediction intervals from out-of-fold predictions.

    Parameters
    ----------
    prediction, target : float (rows,)
        Out-of-fold predictions and true values.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    fold : integers (rows,), optional
        Fold of each row. None, or one fold only: five parts are dealt round by round.
    levels : sequence of float, default (0.8, 0.9, 0.95)
        Coverages, between 0 and 1.

    Returns
    -------
    Intervals or None
        Levels that so few rows cannot give are left out (95 % needs 39 rows); None where none is left.

    Raises
    ------
    RecipeError
        A level out of range.
    TableError
        The rows do not fit.

    Notes
    -----
    O(n log n) for each number of bins and fold. At most 200,000 rows, evenly taken, are used: below four
    seconds.
    The promise is for new rows of the same law, on average over all of them: in time, where the law
    moves, it is as good as the past was like the future.

    References
    ----------
    R. F. Barber et al. (2021), "Predictive inference with the jackknife+", doi:10.1214/20-AOS1965;
    V. Vovk (2015), "Cross-conformal predictors", doi:10.1007/s10472-013-9368-4; R. L. Winkler (1972),
    doi:10.1080/01621459.1972.10481224.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> guess = rng.uniform(1.0, 10.0, 4000)
    >>> found = fit_intervals(guess, guess + guess * rng.normal(size=4000))   # errors grow with the guess
    >>> apply_intervals(found, [2.0, 8.0], 0.8).round(0)
    array([[-1.,  5.],
           [-2., 18.]])
    """
    for level in levels:
        if not 0.0 < level < 1.0:
            raise RecipeError(f"level={level!r}", allowed="between 0 and 1", next_step="levels=(0.9,)")
    rows = value_rows(target, prediction, weight)
    folds = _folds(fold, rows.weight.shape[0], weight)
    step = max(1, -(-rows.weight.shape[0] // _MOST))
    rows, folds = _some(rows, slice(None, None, step)), folds[::step]
    held = float(_kish(rows.weight)) * (1.0 - 1.0 / (int(folds.max()) + 1))
    kept = tuple(sorted(level for level in set(levels) if (held + 1.0) * (1.0 - level) / 2.0 >= 1.0))
    return _chosen(rows, folds, kept) if kept else None


def _folds(fold: npt.ArrayLike | None, n_rows: int, weight: npt.ArrayLike | None) -> npt.NDArray[np.int64]:
    """Fold of each row that has weight, 0, 1, ...; dealt where there are no two."""
    if fold is not None:
        numbers = np.asarray(fold)
        if weight is not None and numbers.shape == np.shape(weight):
            numbers = numbers[np.asarray(weight, dtype=np.float64) > 0.0]
        if numbers.shape != (n_rows,):
            raise TableError(f"fold of shape {numbers.shape}", allowed=f"({n_rows},)")
        distinct, place = np.unique(numbers, return_inverse=True)
        if distinct.shape[0] > 1:
            return place.ravel().astype(np.int64)
    return np.arange(n_rows, dtype=np.int64) % _PARTS


def _some(rows: ValueRows, which: slice | npt.NDArray[np.bool_]) -> ValueRows:
    """Some of the rows."""
    return ValueRows(rows.target[which], rows.prediction[which], rows.weight[which])


def _kish(weight: FloatArray) -> float:
    """Rows of equal weight that say as much."""
    return float(weight.sum()) ** 2 / float(np.square(weight).sum())


def _chosen(rows: ValueRows, folds: npt.NDArray[np.int64], levels: tuple[float, ...]) -> Intervals:
    """The fewest bins whose interval score is within one standard error of the best."""
    least = max(_ROWS, 2.0 * _BEYOND / (1.0 - levels[-1]))
    tried = [bins for bins in _BINS if bins == 1 or bins * least <= rows.weight.shape[0]]
    ends = {bins: _cross_fitted(rows, folds, levels, bins) for bins in tried}
    scores = {bins: _score(rows, found, levels) for bins, found in ends.items()}
    best = min(tried, key=lambda bins: float(np.average(scores[bins], weights=rows.weight)))
    for bins in tried:
        lag, noise = _paired(scores[bins] - scores[best], rows.weight)
        if lag <= noise:
            break
    scale, shown = _scaled(rows, folds, ends[bins], levels, one=bins == 1)
    made = _stretched(_fitted(rows, levels, bins), scale)
    made = msgspec.structs.replace(
        made,
        floor=0.0 if rows.target.min() >= 0.0 else None,
        ceiling=0.0 if rows.target.max() <= 0.0 else None,
        coverage=tuple(wilson(each, _kish(rows.weight)) for each in shown),
        note=_note(bins, scores, rows.weight),
    )
    wide = [
        float(np.average(np.ptp(_apply(made, rows, each), axis=1), weights=rows.weight)) for each in levels
    ]
    return msgspec.structs.replace(made, width=tuple(wide))


def _apply(made: Intervals, rows: ValueRows, level: float) -> FloatArray:
    """Ends of the intervals of rows."""
    return apply_intervals(made, rows.prediction, level)


def _scaled(
    rows: ValueRows, folds: npt.NDArray[np.int64], ends: FloatArray, levels: tuple[float, ...], *, one: bool
) -> tuple[list[float], list[float]]:
    """For each level the factor that makes the coverage right, and the coverage that is then seen.

    Lines between bins are not the quantiles themselves: where the spread bends they lie above it. One bin
    has no line, and needs no factor. The factor of each fold is that of the other folds.
    """
    half, middle = (ends[:, :, 1] - ends[:, :, 0]) / 2.0, ends.mean(axis=2)
    off = np.abs(rows.target - middle) / np.maximum(half, 1e-300)
    if one:
        return [1.0] * len(levels), [float(np.average(each <= 1.0, weights=rows.weight)) for each in off]
    inside = np.empty_like(off)
    for number in range(int(folds.max()) + 1):
        own = folds == number
        for place, level in enumerate(levels):
            inside[place, own] = off[place, own] <= _upper(off[place, ~own], rows.weight[~own], level)
    factors = [_upper(each, rows.weight, level) for each, level in zip(off, levels, strict=True)]
    return factors, np.average(inside, axis=1, weights=rows.weight).tolist()


def _upper(off: FloatArray, weight: FloatArray, level: float) -> float:
    """The size below which the size of a new row lies with this probability."""
    order = np.argsort(off, kind="stable")
    n = _kish(weight)
    below = np.cumsum(weight[order]) / weight.sum() * n / (n + 1.0)
    return float(off[order][min(int(np.searchsorted(below, level - 1e-12)), len(off) - 1)])


def _stretched(made: Intervals, scale: list[float]) -> Intervals:
    """Intervals with half widths multiplied by a factor for each level; a higher level holds a lower one."""
    lower, upper = np.asarray(made.lower), np.asarray(made.upper)
    half = (upper - lower) / 2.0 * np.asarray(scale)[:, None]
    low = np.minimum.accumulate((lower + upper) / 2.0 - half, axis=0)
    high = np.maximum.accumulate((lower + upper) / 2.0 + half, axis=0)
    return msgspec.structs.replace(
        made,
        lower=tuple(tuple(row) for row in low.tolist()),
        upper=tuple(tuple(row) for row in high.tolist()),
    )


def _note(bins: int, scores: dict[int, FloatArray], weight: FloatArray) -> str:
    """Why so many bins."""
    if bins == 1:
        return "errors do not depend on the prediction beyond noise: all rows have intervals of one width"
    one, own = (float(np.average(scores[each], weights=weight)) for each in (1, bins))
    return (
        f"the width follows the prediction in {bins} bins: the interval score of rows not used is "
        f"{100.0 * (1.0 - own / one):.0f} % lower than with one width for all"
    )


def _paired(difference: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Mean of paired differences and its standard error."""
    total = float(weight.sum())
    mean = float(np.dot(weight, difference)) / total
    return mean, float(np.sqrt(np.dot(np.square(weight), np.square(difference - mean)))) / total


def _cross_fitted(
    rows: ValueRows, folds: npt.NDArray[np.int64], levels: tuple[float, ...], bins: int
) -> FloatArray:
    """Ends of the interval of each row, found without its fold: float64 (levels, rows, 2)."""
    ends = np.empty((len(levels), rows.target.shape[0], 2))
    for number in range(int(folds.max()) + 1):
        own = folds == number
        made = _fitted(_some(rows, ~own), levels, bins)
        for place, level in enumerate(levels):
            ends[place, own] = _apply(made, _some(rows, own), level)
    return ends


def _score(rows: ValueRows, ends: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Interval score of each row, summed over levels, each in the unit of the target."""
    total = np.zeros_like(rows.target)
    for (low, high), level in zip(np.moveaxis(ends, 2, 1), levels, strict=True):
        missed = np.maximum(low - rows.target, 0.0) + np.maximum(rows.target - high, 0.0)
        total += high - low + 2.0 / (1.0 - level) * missed
    return total


def _fitted(rows: ValueRows, levels: tuple[float, ...], bins: int) -> Intervals:
    """Quantiles of the errors in bins of as many rows, by prediction."""
    error = rows.target - rows.prediction
    order = np.argsort(rows.prediction, kind="stable")
    cuts = np.searchsorted(np.cumsum(rows.weight[order]), rows.weight.sum() * np.arange(1, bins) / bins)
    middles, lower, upper = [], [], []
    for part in np.split(order, cuts):
        if part.shape[0] == 0:
            continue
        own = error[part]
        rank = np.argsort(own, kind="stable")
        ends = [_ends(own[rank], rows.weight[part][rank], level) for level in levels]
        middles.append(float(np.average(rows.prediction[part], weights=rows.weight[part])))
        lower.append([low for low, _ in ends])
        upper.append([high for _, high in ends])
    keep = np.append(True, np.diff(middles) > 0.0)
    return Intervals(
        levels,
        tuple(np.asarray(middles)[keep].tolist()),
        tuple(tuple(column) for column in np.asarray(lower)[keep].T.tolist()),
        tuple(tuple(column) for column in np.asarray(upper)[keep].T.tolist()),
    )


def _ends(error: FloatArray, weight: FloatArray, level: float) -> tuple[float, float]:
    """The errors beyond which lies half of what the level leaves, the new row counted with the others."""
    n = _kish(weight)
    beyond = np.cumsum(weight) / weight.sum() * n / (n + 1.0)
    tail = (1.0 - level) / 2.0 + 1e-12
    above = np.cumsum(weight[::-1]) / weight.sum() * n / (n + 1.0)
    low = max(int(np.searchsorted(beyond, tail, side="right")) - 1, 0)
    high = max(int(np.searchsorted(above, tail, side="right")) - 1, 0)
    return float(error[low]), float(error[::-1][high])
