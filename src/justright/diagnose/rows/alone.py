"""What each column says by itself: the mean outcome of its bins, fitted out of fold.

    prediction_i = (sum of outcomes of the bin in the other folds + prior * mean) / (rows there + prior)

Fine bins, so that a number is not judged by a line; the fold of a row never enters its prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.diagnose.rows.bins import bins_of
from justright.diagnose.rows.sample import Feature
from justright.schema import FloatArray, IntArray

__all__ = ["by_bins", "columns_alone", "one_column"]

_BINS: Final = 64
_PRIOR: Final = 1.0  # rows of the mean that every bin is lent


def one_column(
    feature: Feature, outcome: FloatArray, weight: FloatArray, fold: npt.NDArray[np.integer[Any]]
) -> FloatArray:
    """Return the predictions of one column alone, out of fold, float64 (rows, outputs).

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> feature = Feature("x", "x", "", x, None, 0, 30.0, False)
    >>> made = one_column(feature, (x > 49.0).astype(float)[:, None], np.ones(100), np.arange(100) % 5)
    >>> bool(made[0] < 0.4), bool(made[-1] > 0.6)
    (True, True)
    """
    # Bins of at least 20 rows: finer ones would only follow noise.
    most = int(np.clip(len(weight) // 20, 4, _BINS))
    return by_bins(bins_of(feature, most), outcome, weight, fold)


def by_bins(
    bins: IntArray, outcome: FloatArray, weight: FloatArray, fold: npt.NDArray[np.integer[Any]]
) -> FloatArray:
    """Return the mean outcome of each row's bin in the other folds, drawn to the mean of all."""
    folds, size = int(fold.max(initial=0)) + 1, int(bins.max(initial=0)) + 1
    cell = fold.astype(np.int64) * size + bins
    count = np.bincount(cell, weights=weight, minlength=folds * size).reshape(folds, size)
    made = np.empty_like(outcome)
    for output in range(outcome.shape[1]):
        total = np.bincount(cell, weights=weight * outcome[:, output], minlength=folds * size)
        sums = total.reshape(folds, size)
        rest, rows = sums.sum(axis=0) - sums, count.sum(axis=0) - count
        level = rest.sum(axis=1) / np.maximum(rows.sum(axis=1), 1e-9)
        effect = (rest + _PRIOR * level[:, None]) / (rows + _PRIOR)
        made[:, output] = effect[fold, bins]
    return made


def columns_alone(
    features: Sequence[Feature], outcome: FloatArray, weight: FloatArray, fold: npt.NDArray[np.integer[Any]]
) -> list[FloatArray]:
    """Return the predictions of every column alone."""
    return [one_column(feature, outcome, weight, fold) for feature in features]
