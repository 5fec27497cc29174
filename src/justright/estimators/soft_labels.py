"""Soft labels: a row with shares of several classes is one row of each class, weighted by its share.

The cross-entropy of shares is the sum of that of the classes, each times its share: the two are one number.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_consistent_length

from justright.errors import ColumnError

__all__ = ["Hard", "hardened"]

_OFF: Final = 1e-3  # a sum of shares may be off by rounding in single precision and by three decimals


class Hard(NamedTuple):
    """Rows of one class each: as `fit` takes them."""

    X: Any
    y: Any
    weight: Any
    eval_rows: Any


def hardened(X: Any, y: Any, sample_weight: Any, eval_rows: Any) -> Hard:
    """Return rows with shares of classes as rows of one class each; others as they are.

    Parameters
    ----------
    X : array or data frame (rows, columns)
    y : array (rows,) of classes, or array or data frame (rows, classes) of shares
        Classes of a data frame are its column names, of an array 0, 1...
    sample_weight, eval_rows
        As `fit` takes them.

    Raises
    ------
    ValueError
        X, y and weights of different lengths.
    ColumnError
        Shares that are negative, no numbers, or do not sum to 1 in a row.

    Examples
    --------
    >>> rows = hardened([["a"], ["b"]], [[1.0, 0.0], [0.25, 0.75]], None, None)
    >>> rows.X, rows.y.tolist(), rows.weight.tolist()
    ([['a'], ['b'], ['b']], [0, 0, 1], [1.0, 0.25, 0.75])
    """
    shape = np.asarray(y).shape
    if len(shape) != 2 or shape[1] < 2:
        return Hard(X, y, sample_weight, eval_rows)
    check_consistent_length(X, y, sample_weight)
    names = np.asarray(y.columns) if hasattr(y, "columns") else np.arange(shape[1])
    shares = _shares(y)
    place, number = np.nonzero(shares)
    weight = shares[place, number]
    if sample_weight is not None:
        weight = weight * np.asarray(sample_weight, np.float64)[place]
    return Hard(_taken(X, place), names[number], weight, _again(eval_rows, place, len(shares)))


def _taken(X: Any, place: npt.NDArray[np.int64]) -> Any:
    """Return rows of a matrix, a data frame or a list, some of them several times."""
    if hasattr(X, "iloc"):
        return X.iloc[place]
    return X[place] if hasattr(X, "shape") else [X[row] for row in place]


def _shares(y: Any) -> npt.NDArray[np.float64]:
    """Return shares (rows, classes) whose rows sum to 1."""
    try:
        shares = np.asarray(y, np.float64)
    except (TypeError, ValueError) as error:
        raise ColumnError(
            "y of two axes with values that are no numbers",
            allowed="one class a row, or shares of classes (rows, classes)",
            next_step="give y as (rows,)",
        ) from error
    sums = shares.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1.0) <= _OFF) | (shares < 0).any(axis=1))
    if len(wrong):
        raise ColumnError(
            f"shares {shares[wrong[0]].tolist()!r:.200}",
            allowed="shares >= 0 that sum to 1 in each row",
            where=f"y, row {wrong[0]}",
        )
    return np.asarray(shares / sums[:, None])


def _again(eval_rows: Any, place: npt.NDArray[np.int64], rows: int) -> Any:
    """Return the held-out rows by their new places."""
    if eval_rows is None:
        return None
    chosen = np.zeros(rows, bool)
    chosen[np.asarray(eval_rows)] = True
    return chosen[place]
