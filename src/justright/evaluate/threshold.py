"""From which probability on is a row called class 1? Where the mistakes cost least.

    cost(t) = cost_fp * P(class 0, p >= t) + cost_fn * P(class 1, p < t)

For right probabilities the best threshold is `cost_fp / (cost_fp + cost_fn)`. The cheapest threshold of
the rows at hand replaces it only where it is cheaper by more than two standard errors: the minimum of a
noisy curve is lucky. Give it out-of-fold predictions: on training rows a model is too sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.evaluate.presets import precision_first, recall_first
from justright.metrics.ranking import Ranking, rank
from justright.metrics.rows import ClassRows, class_rows
from justright.schema import FloatArray

__all__ = ["Preset", "Threshold", "ThresholdPoint", "choose_threshold"]

Preset: TypeAlias = Literal["cost", "recall-first", "precision-first"]

_POINTS: Final = 200
_FLOOR: Final = 0.9
_PRESETS: Final = {"recall-first": recall_first, "precision-first": precision_first}


class ThresholdPoint(msgspec.Struct, frozen=True):
    """What one threshold would do.

    Parameters
    ----------
    threshold : float
        A row is flagged where its probability reaches it.
    cost : float
        Expected cost of 1,000 rows.
    precision, recall : float
        Share of the flagged rows that are right, share of the true rows that are flagged.
    flagged : float
        Share of all rows that are flagged.
    """

    threshold: float
    cost: float
    precision: float
    recall: float
    flagged: float


class Threshold(msgspec.Struct, frozen=True):
    """A chosen threshold, why, and what the others would have cost.

    Parameters
    ----------
    value : float
        A row is class 1 where its probability is at least this; above 1 = never.
    cost : float
        Expected cost of 1,000 rows at `value`.
    cost_fp, cost_fn : float
        What a false positive and a false negative cost.
    preset : {"cost", "recall-first", "precision-first"}
        How it was chosen.
    reached : bool
        False where no threshold keeps the floor of the preset.
    note : str
        The reason in one plain sentence.
    curve : tuple of ThresholdPoint
        At most 200 points, rising thresholds.
    """

    value: float
    cost: float
    cost_fp: float
    cost_fn: float
    preset: Preset
    reached: bool
    note: str
    curve: tuple[ThresholdPoint, ...]


@dataclass(frozen=True, slots=True)
class _Sweep:
    """All thresholds that differ on these rows, from flagging none to flagging all."""

    score: FloatArray
    at: FloatArray
    false: FloatArray
    found: FloatArray
    ones: float
    total: float

    def recall(self) -> FloatArray:
        """Share of the true rows flagged; 1 where there is none."""
        return self.found / self.ones if self.ones else np.ones_like(self.found)

    def precision(self) -> FloatArray:
        """Share of the flagged rows that are true; 1 where none is flagged."""
        flagged = self.found + self.false
        return np.divide(self.found, flagged, out=np.ones_like(flagged), where=flagged > 0.0)

    def cost(self, cost_fp: float, cost_fn: float) -> FloatArray:
        """Expected cost of 1,000 rows."""
        return 1000.0 * (cost_fp * self.false + cost_fn * (self.ones - self.found)) / self.total


def choose_threshold(
    target: npt.ArrayLike,
    probability: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    cost_fp: float = 1.0,
    cost_fn: float = 1.0,
    preset: Preset = "cost",
    floor: float | None = None,
) -> Threshold:
    """Choose the probability from which a row is called class 1.

    Parameters
    ----------
    target : int (rows,)
        0 or 1.
    probability : float (rows,)
        Out-of-fold probability of class 1.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    cost_fp, cost_fn : float, default 1.0
        Cost of a false positive and of a false negative, >= 0 and not both 0; equal = accuracy.
    preset : {"cost", "recall-first", "precision-first"}, default "cost"
        `recall-first` takes the highest threshold that finds the share `floor` of the true rows,
        `precision-first` the lowest at which the share `floor` of the flagged rows is right; both so that
        new rows keep the floor with confidence 95 % (`evaluate.presets`).
    floor : float, optional
        Above 0 and below 1; default 0.9.

    Returns
    -------
    Threshold
        With the curve of costs.

    Raises
    ------
    RecipeError
        A cost or floor out of range, or an unknown preset.
    TableError
        The rows do not fit.

    Notes
    -----
    O(n log n).

    References
    ----------
    C. Elkan (2001), "The foundations of cost-sensitive learning", IJCAI.

    Examples
    --------
    >>> target = [1] + [0] * 9 + [1] * 3 + [0] * 7 + [1] * 9 + [0]
    >>> choose_threshold(target, [0.1] * 10 + [0.3] * 10 + [0.9] * 10, cost_fp=1.0, cost_fn=4.0).value
    0.2
    """
    _check(cost_fp, cost_fn, preset, floor)
    rows = class_rows(target, probability, weight, probability=True)
    ranking = rank(rows)
    sweep = _sweep(ranking)
    cost = sweep.cost(cost_fp, cost_fn)
    reached = True
    if preset == "cost":
        value, note = _cheapest(rows, sweep, cost, cost_fp, cost_fn)
    else:
        found = _PRESETS[preset](target, probability, weight, floor=_FLOOR if floor is None else floor)
        value, note, reached = found.threshold, found.note, found.reached
    return Threshold(
        value,
        float(cost[np.count_nonzero(sweep.score >= value)]),
        cost_fp,
        cost_fn,
        preset,
        reached,
        note,
        _curve(sweep, cost),
    )


def _check(cost_fp: float, cost_fn: float, preset: str, floor: float | None) -> None:
    """Refuse costs and floors that mean nothing."""
    for name, value in (("cost_fp", cost_fp), ("cost_fn", cost_fn)):
        if not 0.0 <= value < float("inf"):
            raise RecipeError(f"{name}={value!r}", allowed="a number >= 0")
    if cost_fp + cost_fn == 0.0:
        raise RecipeError("cost_fp=0 and cost_fn=0", allowed="one of them above 0", next_step="--cost-fn 1")
    if preset != "cost" and preset not in _PRESETS:
        raise RecipeError(f"preset={preset!r}", allowed="one of: cost, recall-first, precision-first")
    if floor is not None and not 0.0 < floor < 1.0:
        raise RecipeError(f"floor={floor!r}", allowed="a share between 0 and 1", next_step="floor=0.9")


def _sweep(ranking: Ranking) -> _Sweep:
    """Thresholds halfway between neighbouring scores, so that a new row near one is not decided by it."""
    score = ranking.score
    middle = (score[:-1] + score[1:]) / 2.0
    # Between neighbours in floating point there is no middle: then the upper one.
    middle = np.where(middle > score[1:], middle, score[:-1])
    none = (1.0 + score[0]) / 2.0 if (1.0 + score[0]) / 2.0 > score[0] else 1.5
    return _Sweep(
        score,
        np.concatenate([[none], middle, [0.0]]),
        np.append(0.0, np.cumsum(ranking.negative)),
        np.append(0.0, np.cumsum(ranking.positive)),
        float(ranking.positive.sum()),
        float(ranking.positive.sum() + ranking.negative.sum()),
    )


def _cheapest(
    rows: ClassRows, sweep: _Sweep, cost: FloatArray, cost_fp: float, cost_fn: float
) -> tuple[float, str]:
    """The threshold of right probabilities, or the cheapest one where it is clearly cheaper."""
    ideal = cost_fp / (cost_fp + cost_fn)
    best = int(np.argmin(cost))
    at_ideal = _cost_rows(rows, ideal, cost_fp, cost_fn)
    difference = at_ideal - _cost_rows(rows, float(sweep.at[best]), cost_fp, cost_fn)
    total = rows.weight.sum()
    gain = float(np.dot(rows.weight, difference) / total)
    error = float(np.sqrt(np.dot(np.square(rows.weight), np.square(difference - gain))) / total)
    if gain <= 2.0 * error:
        return ideal, (
            f"{ideal:.3g} is best for right probabilities at these costs, and no other threshold is "
            "cheaper by more than two standard errors"
        )
    return float(sweep.at[best]), (
        f"cheaper than {ideal:.3g}, the best for right probabilities, by {1000 * gain:.3g} "
        f"(standard error {1000 * error:.2g}) in 1,000 rows: the probabilities are not right there"
    )


def _cost_rows(rows: ClassRows, threshold: float, cost_fp: float, cost_fn: float) -> FloatArray:
    """Cost of each row at a threshold."""
    flagged = rows.prediction >= threshold
    return np.where(rows.target == 1, cost_fn * ~flagged, cost_fp * flagged)


def _curve(sweep: _Sweep, cost: FloatArray) -> tuple[ThresholdPoint, ...]:
    """At most 200 points, evenly spaced over the share flagged, with rising thresholds."""
    flagged = (sweep.false + sweep.found) / sweep.total
    n = sweep.at.shape[0]
    if n <= _POINTS:
        places = np.arange(n)
    else:
        wanted = np.linspace(0.0, 1.0, _POINTS - 1)
        places = np.unique(np.append(np.searchsorted(flagged, wanted).clip(0, n - 1), int(np.argmin(cost))))
    precision, recall = sweep.precision(), sweep.recall()
    return tuple(
        ThresholdPoint(
            float(sweep.at[i]), float(cost[i]), float(precision[i]), float(recall[i]), float(flagged[i])
        )
        for i in places[::-1].tolist()
    )
