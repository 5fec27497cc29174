"""Recall first, precision first: a threshold of which it can be said that the floor holds for new rows.

A threshold at which 90 % of the true rows *at hand* are found misses the floor on new rows half of the
time. Here the floor must hold with confidence 95 %, by exact binomial tails:

    recall      of n true rows, sorted by probability, the j lowest may be missed where
                P(Binomial(n, 1 - floor) < j) <= 5 %; the largest such j gives the highest threshold, and
                among all thresholds that keep the recall the highest is the most precise
    precision   20 shares of flagged rows are fixed before any target is looked at; the largest whose
                flagged rows are right so often that P(Binomial(m, floor) >= right) <= 5 % / 20
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.evaluate.intervals import wilson
from justright.metrics.rows import ClassRows, class_rows
from justright.schema import FloatArray, Value

__all__ = ["Operating", "precision_first", "recall_first"]

_SHARES: Final = 20


class Operating(msgspec.Struct, frozen=True):
    """A threshold that keeps a floor, and what it does.

    Parameters
    ----------
    preset : {"recall-first", "precision-first"}
        Which floor it keeps.
    floor, confidence : float
        The floor, and how sure it is that new rows keep it.
    reached : bool
        False where no threshold can be shown to keep the floor: then it is the one that comes nearest.
    threshold : float
        A row is flagged where its probability is at least this; above 1 = never.
    precision, recall : Value
        Of the flagged rows, and of the true rows, the share that is right, each with its own 95 % interval.
    flagged : float
        Share of all rows that are flagged.
    note : str
        All of it in one plain sentence.
    """

    preset: Literal["recall-first", "precision-first"]
    floor: float
    confidence: float
    reached: bool
    threshold: float
    precision: Value
    recall: Value
    flagged: float
    note: str


def recall_first(
    target: npt.ArrayLike,
    probability: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    floor: float = 0.9,
    confidence: float = 0.95,
) -> Operating:
    """Find the most precise threshold that finds the share `floor` of the true rows, also of new ones.

    Parameters
    ----------
    target : int (rows,)
        0 or 1.
    probability : float (rows,)
        Out-of-fold probability of class 1.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    floor : float, default 0.9
        Share of the true rows to find, above 0 and below 1.
    confidence : float, default 0.95
        Probability that new rows keep the floor.

    Returns
    -------
    Operating
        Not `reached` where there are too few true rows: 0.9 needs 29 of them. Then all rows are flagged.

    Raises
    ------
    RecipeError
        A share out of range.
    TableError
        The rows do not fit.

    Notes
    -----
    O(n log n). With weights the tails are those of as many equal rows as say as much.

    References
    ----------
    X. Tong, Y. Feng and J. J. Li (2018), "Neyman-Pearson classification algorithms and NP receiver
    operating characteristics", doi:10.1126/sciadv.aao1659.

    Examples
    --------
    >>> found = recall_first([0] * 100 + [1] * 100, np.arange(200) / 200.0, floor=0.9)
    >>> found.threshold, found.recall.value
    (0.517..., 0.96)
    """
    rows = _checked(target, probability, weight, floor, confidence)
    true = rows.target == 1
    order = np.argsort(rows.prediction[true], kind="stable")
    scores, weights = rows.prediction[true][order], rows.weight[true][order]
    if scores.shape[0] == 0:
        return _described(rows, 0.0, "recall-first", floor, confidence, reached=False)
    count = _kish(weights)
    below = np.concatenate([[0.0], np.cumsum(weights)[:-1]]) / weights.sum() * count
    # Of rows with equal probability none can be missed alone: those below the first of them are.
    below = below[np.searchsorted(scores, scores, side="left")]
    tails = _tail(round(count), 1.0 - floor)
    # If the first k true rows fall below, the threshold stands at row k + 1: P(Binomial <= k) must be small.
    safe = tails[np.minimum(np.ceil(below).astype(np.int64), len(tails) - 1)] <= 1.0 - confidence
    if not safe.any():
        return _described(rows, 0.0, "recall-first", floor, confidence, reached=False)
    at = int(np.flatnonzero(safe)[-1])
    return _described(rows, _under(rows, float(scores[at])), "recall-first", floor, confidence, reached=True)


def precision_first(
    target: npt.ArrayLike,
    probability: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    floor: float = 0.9,
    confidence: float = 0.95,
) -> Operating:
    """Find the threshold that flags most rows of which the share `floor` is right, also of new ones.

    Parameters
    ----------
    target, probability, weight
        As for `recall_first`.
    floor : float, default 0.9
        Share of the flagged rows that must be right, above 0 and below 1.
    confidence : float, default 0.95
        Probability that new rows keep the floor.

    Returns
    -------
    Operating
        Not `reached` where no share of rows is right so surely: then the most precise share tried.

    Raises
    ------
    RecipeError, TableError
        As for `recall_first`.

    Notes
    -----
    20 shares of flagged rows are tried, from as few rows as could show the floor to all.

    Examples
    --------
    >>> found = precision_first([0] * 500 + [1] * 500, np.arange(1000) / 1000.0, floor=0.9)
    >>> found.reached, round(found.threshold, 1), found.precision.value >= 0.9
    (True, 0.5, True)
    """
    rows = _checked(target, probability, weight, floor, confidence)
    order = np.argsort(-rows.prediction, kind="stable")
    scores, weights, hits = rows.prediction[order], rows.weight[order], rows.target[order]
    # Only where the next probability differs can a threshold stand.
    ends = np.flatnonzero(np.append(np.diff(scores) < 0.0, True))
    least = np.log((1.0 - confidence) / _SHARES) / np.log(floor)
    wanted = np.geomspace(min(max(least, 1.0), len(scores)), len(scores), _SHARES)
    tried = np.unique(ends[np.searchsorted(ends, np.ceil(wanted) - 1.0).clip(0, len(ends) - 1)])
    right = np.cumsum(weights * hits)[tried] / np.cumsum(weights)[tried]
    squares = np.cumsum(np.square(weights))[tried]
    count = np.square(np.cumsum(weights)[tried]) / squares
    shown = [
        _at_least(share * n, round(n), floor) <= (1.0 - confidence) / _SHARES
        for share, n in zip(right.tolist(), count.tolist(), strict=True)
    ]
    reached = any(shown)
    place = int(np.flatnonzero(shown)[-1]) if reached else int(np.argmax(right))
    at = _under(rows, float(scores[tried[place]]))
    return _described(rows, at, "precision-first", floor, confidence, reached=reached)


def _checked(
    target: npt.ArrayLike,
    probability: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    floor: float,
    confidence: float,
) -> ClassRows:
    """The rows of a binary question, or an error."""
    for name, value in (("floor", floor), ("confidence", confidence)):
        if not 0.0 < value < 1.0:
            raise RecipeError(f"{name}={value!r}", allowed="a share between 0 and 1", next_step=f"{name}=0.9")
    return class_rows(target, probability, weight, probability=True)


def _kish(weight: FloatArray) -> float:
    """Rows of equal weight that say as much."""
    return float(weight.sum()) ** 2 / float(np.square(weight).sum())


def _tail(n: int, share: float) -> FloatArray:
    """P(Binomial(n, share) <= k) for k = 0..n."""
    k = np.arange(1.0, n + 1.0)
    steps = np.log((n - k + 1.0) / k) + np.log(share / (1.0 - share))
    logs = n * np.log1p(-share) + np.append(0.0, np.cumsum(steps))
    return np.asarray(np.minimum(np.cumsum(np.exp(logs)), 1.0))


def _at_least(right: float, n: int, share: float) -> float:
    """P(Binomial(n, share) >= right): misses counted, since they are few where it is small."""
    missed = int(np.ceil(n - right - 1e-9))
    return float(_tail(n, 1.0 - share)[missed])


def _under(rows: ClassRows, score: float) -> float:
    """Half way to the next lower probability, so that a new row near this one is not decided by it."""
    lower = float(rows.prediction[rows.prediction < score].max(initial=0.0))
    middle = (score + lower) / 2.0
    return middle if middle > lower else score


def _described(
    rows: ClassRows,
    threshold: float,
    preset: Literal["recall-first", "precision-first"],
    floor: float,
    confidence: float,
    *,
    reached: bool,
) -> Operating:
    """What a threshold does to the rows."""
    flagged = rows.prediction >= threshold
    precision = _rate(rows.target[flagged] == 1, rows.weight[flagged])
    recall = _rate(flagged[rows.target == 1], rows.weight[rows.target == 1])
    share = float(rows.weight[flagged].sum() / rows.weight.sum())
    what = "of the true rows are found" if preset == "recall-first" else "of the flagged rows are right"
    where = f"from a probability of {threshold:.3g} on"
    if reached:
        note = f"{where} {floor:.0%} {what}, also of new rows (confidence {confidence:.0%})"
    else:
        note = f"too few rows to show any threshold at which {floor:.0%} {what}; nearest: {where}"
    return Operating(preset, floor, confidence, reached, threshold, precision, recall, share, note)


def _rate(right: npt.NDArray[np.bool_], weight: FloatArray) -> Value:
    """A rate with Wilson's interval; 1 with the widest one where there is no row."""
    if not right.shape[0]:
        return Value(1.0, 0.0, 1.0)
    return wilson(min(float(np.average(right, weights=weight)), 1.0), _kish(weight))
