"""Of the rows with the highest probabilities, how many are true: gains, lift, and precision with recall.

    gain(d) = share of all true rows among the d of all rows with the highest probability
    lift(d) = gain(d) / d = precision among them / share of true rows in all

The bands are for new rows of the same law, at each depth or threshold for itself. At a fixed depth the
threshold moves with the rows; the pull of a row on the gain is therefore

    [ y (f - gain) - p (f - d) ] / share of true rows,   f = flagged or not, p = share true at the threshold
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, TableError
from justright.evaluate.influence import Influence
from justright.evaluate.intervals import interval_of, wilson
from justright.metrics.ranking import rank
from justright.metrics.rows import ClassRows, class_rows
from justright.schema import FloatArray, Value

__all__ = ["CurvePoint", "LiftPoint", "lift_points", "precision_recall_points"]

_DEPTHS: Final = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_POINTS: Final = 100
_NEAR: Final = 0.02  # of the rows, to each side of a threshold, say how many are true there


class LiftPoint(msgspec.Struct, frozen=True):
    """What the rows with the highest probabilities hold.

    Parameters
    ----------
    depth : float
        Share of all rows, by weight, that are taken.
    threshold : float
        Lowest probability among them.
    gain : Value
        Share of all true rows that are among them, with its 95 % interval.
    lift : Value
        How many times more often they are true than rows taken blindly.
    """

    depth: float
    threshold: float
    gain: Value
    lift: Value


class CurvePoint(msgspec.Struct, frozen=True):
    """One point of the precision-recall curve.

    Parameters
    ----------
    threshold : float
        Rows with at least this probability are flagged.
    flagged : float
        Share of all rows.
    precision, recall : Value
        Each with its 95 % interval.
    """

    threshold: float
    flagged: float
    precision: Value
    recall: Value


def lift_points(
    target: npt.ArrayLike,
    probability: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    depths: Sequence[float] = _DEPTHS,
    level: float = 0.95,
) -> tuple[LiftPoint, ...]:
    """Return gains and lift of the rows with the highest probabilities.

    Parameters
    ----------
    target : int (rows,)
        0 or 1.
    probability : float (rows,)
        Out-of-fold probability of class 1, or any rising score.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    depths : sequence of float
        Shares of the rows to take, above 0 and at most 1.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    tuple of LiftPoint
        In the order of `depths`. Of rows with equal scores at the border a part counts: the share that
        would be taken in the mean by taking them in any order.

    Raises
    ------
    RecipeError
        A depth out of range.
    TableError
        The rows do not fit, or no row is true.

    Notes
    -----
    O(n log n), and O(n) for each depth.

    Examples
    --------
    >>> top, all_ = lift_points([0] * 80 + [1] * 20, np.arange(100.0) / 100.0, depths=(0.1, 1.0))
    >>> top.gain.value, top.lift.value, all_.lift
    (0.5, 5.0, Value(value=1.0, low=1.0, high=1.0))
    """
    for depth in depths:
        if not 0.0 < depth <= 1.0:
            raise RecipeError(f"depth={depth!r}", allowed="a share above 0, at most 1", next_step="depth=0.1")
    rows = class_rows(target, probability, weight)
    if not (rows.target == 1).any():
        raise TableError("rows of which none is true", allowed="at least one row of class 1")
    order = np.argsort(-rows.prediction, kind="stable")
    sorted_rows = ClassRows(rows.target[order], rows.prediction[order], rows.weight[order])
    return tuple(_point(sorted_rows, depth, level) for depth in depths)


def _point(rows: ClassRows, depth: float, level: float) -> LiftPoint:
    """One depth; the rows are sorted by falling score."""
    total = float(rows.weight.sum())
    upto = np.cumsum(rows.weight) / total
    border = float(rows.prediction[min(int(np.searchsorted(upto, depth - 1e-12)), len(upto) - 1)])
    above, at = rows.prediction > border, rows.prediction == border
    missing = depth - float(rows.weight[above].sum()) / total
    part = min(max(missing / (float(rows.weight[at].sum()) / total), 0.0), 1.0)
    taken = above + part * at
    share = float(np.dot(rows.weight, rows.target)) / total
    gain = min(float(np.dot(rows.weight, taken * rows.target)) / total / share, 1.0)
    here = _near(rows, border)
    pull = rows.weight / total * (rows.target * (taken - gain) - here * (taken - depth)) / share
    n = rows.weight.shape[0]
    # A gain of 1 or 0 at hand says not that no row can pull: half a row is lent.
    count = float(
        np.square(rows.weight[rows.target == 1].sum()) / np.square(rows.weight[rows.target == 1]).sum()
    )
    centre = (gain * count + 0.5) / (count + 1.0)
    found = Influence(gain, pull * np.sqrt(n / max(n - 1, 1)), count, centre)
    value = Value(1.0, 1.0, 1.0) if depth == 1.0 else interval_of("recall", found, level, binary=False)
    return LiftPoint(
        depth, border, value, Value(gain / depth, value.low / depth, min(value.high, 1.0) / depth)
    )


def _near(rows: ClassRows, border: float) -> float:
    """Share of true rows around a threshold."""
    n = rows.weight.shape[0]
    middle = int(np.searchsorted(-rows.prediction, -border, side="left"))
    reach = max(int(_NEAR * n), 25)
    low = rows.prediction[min(middle + reach, n - 1)]
    high = rows.prediction[max(middle - reach, 0)]
    around = (rows.prediction >= low) & (rows.prediction <= high)
    return float(np.average(rows.target[around], weights=rows.weight[around]))


def precision_recall_points(
    target: npt.ArrayLike,
    probability: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> tuple[CurvePoint, ...]:
    """Return the precision-recall curve with a band: at most 100 thresholds, from the highest down.

    Parameters
    ----------
    target, probability, weight, level
        As for `lift_points`.

    Returns
    -------
    tuple of CurvePoint
        Evenly over the recall. Intervals are Wilson's, for each point alone.

    Raises
    ------
    TableError
        The rows do not fit, or no row is true.

    Notes
    -----
    O(n log n).

    Examples
    --------
    >>> points = precision_recall_points([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.9])
    >>> [(p.threshold, round(p.precision.value, 2), p.recall.value) for p in points]
    [(0.9, 1.0, 0.5), (0.6, 0.5, 0.5), (0.4, 0.67, 1.0), (0.1, 0.5, 1.0)]
    """
    rows = class_rows(target, probability, weight)
    if not (rows.target == 1).any():
        raise TableError("rows of which none is true", allowed="at least one row of class 1")
    ranking = rank(rows)
    true, flagged = np.cumsum(ranking.positive), np.cumsum(ranking.positive + ranking.negative)
    recall = np.minimum(true / true[-1], 1.0)
    places = _spread(recall, flagged / flagged[-1])
    scale = _rows_per_weight(rows.weight)
    ones = rows.weight[rows.target == 1]
    count = float(ones.sum()) * _rows_per_weight(ones)
    return tuple(
        CurvePoint(
            float(ranking.score[i]),
            float(flagged[i] / flagged[-1]),
            wilson(min(float(true[i] / flagged[i]), 1.0), float(flagged[i]) * scale, level),
            wilson(float(recall[i]), count, level),
        )
        for i in places
    )


def _rows_per_weight(weight: FloatArray) -> float:
    """Rows of equal weight that say as much, for each unit of weight."""
    return float(weight.sum()) / float(np.square(weight).sum())


def _spread(recall: FloatArray, flagged: FloatArray) -> list[int]:
    """Places evenly over recall and over the share flagged; all where they are few."""
    n = recall.shape[0]
    if n <= _POINTS:
        return list(range(n))
    wanted = np.linspace(0.0, 1.0, _POINTS // 2)
    both = [np.searchsorted(curve, wanted).clip(0, n - 1) for curve in (recall, flagged)]
    found: list[int] = np.unique(np.concatenate(both)).tolist()
    return found
