"""A cheap model of the checks' own: additive in the bins of the columns, fitted by ridge, out of fold.

    prediction_i = level + sum over columns of effect[bin_ij] + slope_j z_ij

The sums over rows are taken once for each fold; many outcomes (the target, shuffled targets, the order of
the rows) then cost one solve together. It knows no crosses: it is a yardstick, not a model for use.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.diagnose.rows.bins import bins_of
from justright.diagnose.rows.sample import Feature
from justright.schema import FloatArray

__all__ = ["PENALTIES", "Additive", "explained", "row_errors"]

_WIDTH: Final = 256
_MOST_BINS: Final = 24
PENALTIES: Final = (3.0, 30.0, 300.0, 3000.0)
_FURTHEST: Final = 5.0  # spreads: a value beyond counts as this


class Additive:
    """The design of some rows and its sums by fold, ready for any outcome.

    Parameters
    ----------
    features : sequence of Feature
        The columns.
    weight : float64 (rows,)
        Row weights.
    fold : int (rows,)
        Folds, 0 and up: a row's prediction never knows its own fold.

    Notes
    -----
    rows x 256 float32 and 256^2 products a row: 20,000 rows take about 0.1 s on one core. A table of more
    than 64 columns keeps its numbers as lines, without bins; beyond 256 columns the rest is left out.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 400)
    >>> rows = Additive([Feature("x", "x", "", x, None, 0, 0.3, False)], np.ones(400), np.arange(400) % 5)
    >>> outcome = np.sin(6.0 * x)[:, None]
    >>> round(float(explained(outcome, rows.out_of_fold(outcome), np.ones(400))), 1)
    1.0
    """

    def __init__(
        self, features: Sequence[Feature], weight: FloatArray, fold: npt.NDArray[np.integer[Any]]
    ) -> None:
        most = min(_WIDTH // max(len(features), 1) - 2, _MOST_BINS)
        parts: list[npt.NDArray[np.float32]] = []
        owner: list[int] = []
        for number, feature in enumerate(features):
            if len(owner) >= _WIDTH:
                break
            made = _columns(feature, most)
            parts.append(made)
            owner += [number] * made.shape[1]
        rows = len(weight)
        self.design = np.concatenate(parts, axis=1) if parts else np.zeros((rows, 0), np.float32)
        self.owner = np.asarray(owner, np.int64)
        self.weight = weight / weight.mean()
        self._set_folds(fold)

    def regrouped(self, fold: npt.NDArray[np.integer[Any]]) -> Additive:
        """Return the same design with other folds."""
        other = copy(self)
        other._set_folds(fold)
        return other

    def out_of_fold(
        self,
        outcome: FloatArray,
        without: Sequence[int] = (),
        penalties: Sequence[float] = PENALTIES,
    ) -> FloatArray:
        """Return predictions of each row by effects that were fitted without its fold.

        Parameters
        ----------
        outcome : float64 (rows, outputs)
            What to predict; each output takes the penalty that serves it best out of fold.
        without : sequence of int
            Numbers of features to leave out.
        penalties : sequence of float
            Penalties to try, in rows: an effect seen in so many rows is halved.
        """
        kept = ~np.isin(self.owner, np.asarray(without, np.int64))
        level = self.weight @ outcome / self.weight.sum()
        centred = outcome - level
        x = self.design if kept.all() else self.design[:, kept]
        moments, means = [], []
        for rows in self._places:
            weighted = self.weight[rows, None] * centred[rows]
            moments.append((x[rows].T @ weighted.astype(np.float32)).astype(np.float64))
            means.append(weighted.sum(axis=0))
        moment, mean = sum(moments), sum(means)
        best, least = np.zeros_like(outcome), np.full(outcome.shape[1], np.inf)
        for penalty in penalties:
            made = np.empty_like(outcome)
            for number, rows in enumerate(self._places):
                middle, normal = self._normal(number, kept, penalty)
                rest = self._total - self._weights[number]
                own = (mean - means[number]) / rest
                effect = np.linalg.solve(normal, moment - moments[number] - rest * np.outer(middle, own))
                made[rows] = own - middle @ effect + x[rows] @ effect.astype(np.float32)
            error = self.weight @ np.square(centred - made)
            better = error < least
            best[:, better], least[better] = made[:, better], error[better]
        found: FloatArray = best + level
        return found

    def _normal(
        self, number: int, kept: npt.NDArray[np.bool_], penalty: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return the column means and the penalised products of all folds but one."""
        rest = self._total - self._weights[number]
        middle = (self._centre - self._centres[number])[kept] / rest
        normal = (self._gram - self._grams[number])[np.ix_(kept, kept)] - rest * np.outer(middle, middle)
        normal[np.diag_indices_from(normal)] += penalty
        return middle, normal

    def _set_folds(self, fold: npt.NDArray[np.integer[Any]]) -> None:
        """Take the sums of each fold."""
        self._places = [np.flatnonzero(fold == number) for number in np.unique(fold)]
        self._grams, self._centres, self._weights = [], [], []
        for rows in self._places:
            x, weight = self.design[rows], self.weight[rows].astype(np.float32)
            weighted = x * weight[:, None]
            self._grams.append((weighted.T @ x).astype(np.float64))
            self._centres.append(weighted.sum(axis=0, dtype=np.float64))
            self._weights.append(float(weight.sum(dtype=np.float64)))
        self._gram: FloatArray = np.sum(self._grams, axis=0)
        self._centre: FloatArray = np.sum(self._centres, axis=0)
        self._total = float(sum(self._weights))


def row_errors(outcome: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return the squared error of each row over all outputs, float64 (rows,)."""
    error: FloatArray = np.square(outcome - prediction).sum(axis=1)
    return error


def explained(outcome: FloatArray, prediction: FloatArray, weight: FloatArray) -> float:
    """Return the share of the spread that predictions explain, at most 1; 0 = no better than the mean."""
    mean = weight @ outcome / weight.sum()
    base = float(weight @ row_errors(outcome, mean[None, :]))
    return 1.0 - float(weight @ row_errors(outcome, prediction)) / base if base > 0.0 else 0.0


def _columns(feature: Feature, most: int) -> npt.NDArray[np.float32]:
    """Return the columns of one feature: a line for numbers, and an indicator for each bin."""
    parts = []
    if feature.values is not None:
        z = (
            feature.values - np.nanmean(feature.values)
            if np.isfinite(feature.values).any()
            else feature.values
        )
        z = np.clip(np.nan_to_num(z / feature.scale), -_FURTHEST, _FURTHEST)
        parts.append(z[:, None].astype(np.float32))
    if most >= 2:
        bins = bins_of(feature, most)
        parts.append((bins[:, None] == np.arange(int(bins.max(initial=0)) + 1)).astype(np.float32))
    elif feature.codes is not None:
        common = np.argmax(np.bincount(feature.codes))
        parts.append((feature.codes != common)[:, None].astype(np.float32))
    return np.concatenate(parts, axis=1)
