"""How much each row pulls on a metric: the derivative of the metric by the weight of the row.

    pull_i = w_i * d metric / d w_i,   sum_i pull_i = 0,   variance = sum_i pull_i^2 * n / (n - 1)

(the infinitesimal jackknife). For a mean it is the textbook variance, for the ROC area it is DeLong's.
One sort at most, no resampling, and groups of dependent rows only need their pulls added first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from justright.metrics.brier import brier_rows
from justright.metrics.confusion import count_cells
from justright.metrics.log_loss import log_loss_rows
from justright.metrics.mae import absolute_error
from justright.metrics.mape import relative_error
from justright.metrics.matthews import matthews_of_cells
from justright.metrics.pinball import pinball_rows
from justright.metrics.poisson_deviance import poisson_deviance_rows
from justright.metrics.precision_recall import judged_classes
from justright.metrics.ranking import rank
from justright.metrics.rmse import squared_error
from justright.metrics.rows import ClassRows, ValueRows, sum_by, weighted_mean
from justright.schema import FloatArray, IntArray

__all__ = ["Influence", "class_influence", "mean_influence", "value_influence"]


@dataclass(frozen=True, slots=True)
class Influence:
    """An estimate and what each row contributes to its uncertainty.

    Parameters
    ----------
    value : float
        The estimate, on the scale on which it is nearly linear in the rows (rmse: the mean square).
    pull : float64 (rows,)
        Row weight times derivative, with the correction for few rows; entries beyond the rows are
        those of rows that were added to be careful.
    count : float
        Rows that carry the estimate (of the denominator, or of the smallest class), weights taken
        into account: the size of the sample where the pulls are all zero.
    centre : float
        Where the interval is built around: the value, or one pulled off the edge for few rows.
    bend : float, default 1
        How far the logarithm of the estimate leans by its own curvature, in that of a mean. A ratio of
        means: (variance of the numerator - that of the denominator) / variance, all relative.
    """

    value: float
    pull: FloatArray
    count: float
    centre: float
    bend: float = 1.0

    def of_groups(self, groups: IntArray | None) -> Influence:
        """The same estimate with rows of equal group number taken as one observation."""
        if groups is None:
            return self
        number = np.unique(groups, return_inverse=True)[1].ravel()
        n_rows = number.shape[0]
        pull = sum_by(number, self.pull[:n_rows])
        n_groups = pull.shape[0]
        pull = np.append(pull, self.pull[n_rows:])
        few = np.sqrt(n_groups / max(n_groups - 1, 1))
        return Influence(self.value, pull * few, min(self.count, float(n_groups)), self.centre, self.bend)

    @property
    def variance(self) -> float:
        """Variance of the estimate over fresh rows."""
        return float(np.dot(self.pull, self.pull))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `variance` by its own sampling error (Satterthwaite), 2..n - 1."""
        square = np.square(self.pull)
        n = self.pull.shape[0]
        total = float(square.sum())
        scatter = float(np.dot(square, square)) - total**2 / n
        most = float(max(n - 1, 2))
        if scatter <= 2.0 * total**2 / most:
            return most
        found: float = 2.0 * total**2 / scatter
        return max(found, 2.0)


def mean_influence(values: FloatArray, weight: FloatArray) -> Influence:
    """Return the influence of rows on their weighted mean.

    Examples
    --------
    >>> round(mean_influence(np.array([1.0, 3.0]), np.ones(2)).variance, 9)
    1.0
    """
    mean = weighted_mean(values, weight)
    return Influence(mean, _few(weight * (values - mean) / weight.sum()), _kish(weight), mean)


def value_influence(name: str, rows: ValueRows, quantile: float) -> Influence:
    """Return the influence of rows on a metric of numbers; rmse as its square, r2 as 1 - r2.

    Examples
    --------
    >>> rows = ValueRows(np.array([1.0, 3.0]), np.array([0.0, 3.0]), np.ones(2))
    >>> value_influence("rmse", rows, 0.5).value
    0.5
    """
    if name == "r2":
        return _unexplained(rows)
    if name == "pinball":
        return mean_influence(pinball_rows(rows.target, rows.prediction, quantile), rows.weight)
    return mean_influence(_VALUE_ROWS[name](rows.target, rows.prediction), rows.weight)


def class_influence(name: str, rows: ClassRows, threshold: float) -> Influence:
    """Return the influence of rows on a metric of classes.

    Examples
    --------
    >>> rows = ClassRows(np.array([0, 1]), np.array([0.2, 0.7]), np.ones(2))
    >>> class_influence("accuracy", rows, 0.5).value
    1.0
    """
    if name in _CLASS_ROWS:
        return mean_influence(_CLASS_ROWS[name](rows), rows.weight)
    if name in _RANKED:
        return _over_classes(rows, _RANKED[name])
    return _of_cells(name, rows, threshold)


_VALUE_ROWS: Final[MappingProxyType[str, Callable[[FloatArray, FloatArray], FloatArray]]] = MappingProxyType(
    {
        "rmse": squared_error,
        "mae": absolute_error,
        "mape": relative_error,
        "poisson_deviance": poisson_deviance_rows,
    }
)
_CLASS_ROWS: Final[MappingProxyType[str, Callable[[ClassRows], FloatArray]]] = MappingProxyType(
    {"log_loss": log_loss_rows, "brier": brier_rows}
)


def _unexplained(rows: ValueRows) -> Influence:
    """Influence on `1 - r2`, the ratio of the mean squared error to the variance."""
    error = squared_error(rows.target, rows.prediction)
    spread = np.square(rows.target - weighted_mean(rows.target, rows.weight))
    whole = weighted_mean(spread, rows.weight)
    if whole == 0.0:
        return _undefined(rows.weight)
    ratio = weighted_mean(error, rows.weight) / whole
    pull = rows.weight * (error - ratio * spread) / (rows.weight.sum() * whole)
    upper, lower = rows.weight * (error - ratio * whole), rows.weight * ratio * (spread - whole)
    scatter = float(np.square(upper - lower).sum())
    bend = float(np.square(upper).sum() - np.square(lower).sum()) / scatter if scatter > 0.0 else 1.0
    return Influence(ratio, _few(pull), _kish(rows.weight), ratio, bend)


def _over_classes(rows: ClassRows, one: Callable[[ClassRows], Influence]) -> Influence:
    """Influence on the mean over classes of a metric of binary questions, where defined."""
    if rows.prediction.ndim == 1:
        return one(rows)
    parts = [one(rows.one_against_rest(k)) for k in range(rows.n_classes)]
    defined = [part for part in parts if not np.isnan(part.value)]
    if not defined:
        return parts[0]
    pull = np.mean([part.pull for part in defined], axis=0)
    value = float(np.mean([part.value for part in defined]))
    return Influence(value, pull, min(part.count for part in defined), value)


def _roc_auc(rows: ClassRows) -> Influence:
    """Influence on the area under the ROC curve: DeLong's structural components."""
    ranking, positive = rank(rows), rows.target == 1
    ones, zeros = ranking.positive.sum(), ranking.negative.sum()
    if ones == 0.0 or zeros == 0.0:
        return _undefined(rows.weight)
    beaten = (zeros - np.cumsum(ranking.negative) + 0.5 * ranking.negative) / zeros
    beating = (np.cumsum(ranking.positive) - 0.5 * ranking.positive) / ones
    value = float(np.dot(ranking.positive, beaten) / ones)
    by_row = np.where(positive, beaten[ranking.step] - value, beating[ranking.step] - value)
    pull = rows.weight * by_row / np.where(positive, ones, zeros)
    pull[positive] = _few(pull[positive])
    pull[~positive] = _few(pull[~positive])
    count = min(_kish(rows.weight[positive]), _kish(rows.weight[~positive]))
    return Influence(value, pull, count, value)


def _average_precision(rows: ClassRows) -> Influence:
    """Influence on average precision: a row moves its own step and the precision of all lower ones."""
    ranking, positive = rank(rows), rows.target == 1
    ones = ranking.positive.sum()
    if ones == 0.0:
        return _undefined(rows.weight)
    found = np.cumsum(ranking.positive)
    flagged = found + np.cumsum(ranking.negative)
    precision = found / flagged
    value = float(np.dot(ranking.positive, precision) / ones)
    # Sums over the steps from each score down: what one more row of either class does to them.
    gain = _from_here_down(ranking.positive * (flagged - found) / np.square(flagged))
    loss = _from_here_down(ranking.positive * found / np.square(flagged))
    own = precision - value + gain
    pull = rows.weight * np.where(positive, own[ranking.step], -loss[ranking.step]) / ones
    return Influence(value, _few(pull), _kish(rows.weight[positive]), value)


_RANKED: Final[MappingProxyType[str, Callable[[ClassRows], Influence]]] = MappingProxyType(
    {"roc_auc": _roc_auc, "average_precision": _average_precision}
)


_Slope: TypeAlias = Callable[[FloatArray], tuple[float, FloatArray]]


def _of_cells(name: str, rows: ClassRows, threshold: float) -> Influence:
    """Influence on a metric of the confusion matrix: the derivative by the row's own cell."""
    cells = count_cells(rows, threshold)
    value, slope = _SLOPES[name](cells)
    label = rows.labels(threshold)
    if name == "accuracy" or (rows.n_classes == 2 and name in ("precision", "recall", "f1")):
        carrying = {"precision": label == 1, "accuracy": label >= 0}.get(name, rows.target == 1)
        pull = rows.weight * slope[rows.target, label]
        return Influence(value, _few(pull), _kish(rows.weight[carrying]), value)
    unit = float(np.dot(rows.weight, rows.weight) / rows.weight.sum())
    added = _added(cells)
    centre, slope = _SLOPES[name](cells + unit * added)
    pull = np.append(rows.weight * slope[rows.target, label], unit * (np.sqrt(added) * slope).ravel())
    return Influence(value, pull, _kish(rows.weight), centre)


def _added(cells: FloatArray) -> FloatArray:
    """Rows added to each class before the derivative, right and wrong (Agresti and Coull 1998).

    Two in all, whatever the number of classes: two a class would pull a mean over 26 letters to the
    middle (300 rows: 54 % of the intervals held the truth). Without them a class that happens to be all
    right or all wrong claims to be sure (100 rows, 10 positives, balanced accuracy: 86 %).
    """
    k = cells.shape[0]
    wrong = 1.0 / (k - 1)
    shares: FloatArray = np.eye(k) * (1.0 - wrong) + wrong
    return np.where(cells.sum(axis=1, keepdims=True) > 0.0, shares / k, 0.0)


def _accuracy(cells: FloatArray) -> tuple[float, FloatArray]:
    """Accuracy and its derivative by each cell."""
    total = cells.sum()
    value = float(np.trace(cells) / total)
    return value, (np.eye(len(cells)) - value) / total


def _balanced_accuracy(cells: FloatArray) -> tuple[float, FloatArray]:
    """Mean recall of the classes with rows, and its derivative."""
    truth = cells.sum(axis=1)
    present = truth > 0.0
    safe = np.where(present, truth, 1.0)
    recalls = np.diagonal(cells) / safe
    slope = (np.eye(len(cells)) - recalls[:, None]) / safe[:, None] * present[:, None] / present.sum()
    return float(recalls[present].mean()), slope


def _f_like(missed: float, false: float) -> _Slope:
    """`(m + f) TP / ((m + f) TP + m FN + f FP)`: recall (1, 0), precision (0, 1), f1 (1, 1)."""

    def slope_of(cells: FloatArray) -> tuple[float, FloatArray]:
        hits = np.diagonal(cells)
        whole = missed * cells.sum(axis=1) + false * cells.sum(axis=0)
        some = whole > 0.0
        safe = np.where(some, whole, 1.0)
        value = np.where(some, (missed + false) * hits / safe, 0.0)
        judged = judged_classes(cells)
        each = np.zeros_like(cells)
        for c in judged[some[judged]]:
            each[c, c] += (missed + false) / safe[c]
            each[c, :] -= missed * value[c] / safe[c]
            each[:, c] -= false * value[c] / safe[c]
        return float(value[judged].mean()), each / len(judged)

    return slope_of


def _matthews(cells: FloatArray) -> tuple[float, FloatArray]:
    """Matthews correlation and its derivative."""
    value = matthews_of_cells(cells)
    total = cells.sum()
    share = cells / total
    truth, label = share.sum(axis=1), share.sum(axis=0)
    a, b = 1.0 - np.dot(label, label), 1.0 - np.dot(truth, truth)
    if a * b <= 0.0:
        return value, np.zeros_like(cells)
    # Of the shares as free variables; centring makes it the derivative by the counts.
    top = np.eye(len(cells)) - truth[None, :] - label[:, None]
    slope = top / np.sqrt(a * b) + value * (label[None, :] / a + truth[:, None] / b)
    return value, (slope - (slope * share).sum()) / total


_SLOPES: Final[MappingProxyType[str, _Slope]] = MappingProxyType(
    {
        "accuracy": _accuracy,
        "balanced_accuracy": _balanced_accuracy,
        "precision": _f_like(0.0, 1.0),
        "recall": _f_like(1.0, 0.0),
        "f1": _f_like(1.0, 1.0),
        "matthews": _matthews,
    }
)


def _undefined(weight: FloatArray) -> Influence:
    """What there is where the metric is not defined."""
    return Influence(float("nan"), np.zeros_like(weight), 0.0, float("nan"))


def _from_here_down(amount: FloatArray) -> FloatArray:
    """Sum of `amount` over this step and all later ones."""
    return np.flip(np.cumsum(np.flip(amount)))


def _few(pull: FloatArray) -> FloatArray:
    """Pulls widened by sqrt(n / (n - 1)), the correction for a mean that was estimated."""
    n = pull.shape[0]
    return pull * math.sqrt(n / max(n - 1, 1))


def _kish(weight: FloatArray) -> float:
    """Number of equal weights that would say as much: (sum w)^2 / sum w^2."""
    total = float(weight.sum())
    return total * total / float(np.dot(weight, weight)) if weight.size else 0.0
