"""The rows a metric is computed from: checked once, so that the metrics are only their formula.

Invariant: after a check, lengths agree, everything is finite, and each row has a weight above zero
(rows of weight zero are left out: they say nothing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.schema import FloatArray, IntArray

__all__ = ["ClassRows", "ValueRows", "class_rows", "sum_by", "value_rows", "weighted_mean"]


@dataclass(frozen=True, slots=True)
class ValueRows:
    """Rows of a regression.

    Parameters
    ----------
    target, prediction : float64 (rows,)
        True and expected values.
    weight : float64 (rows,)
        Above zero; ones where no weights were given.
    """

    target: FloatArray
    prediction: FloatArray
    weight: FloatArray


@dataclass(frozen=True, slots=True)
class ClassRows:
    """Rows of a classification.

    Parameters
    ----------
    target : int64 (rows,)
        Class numbers, `0..n_classes - 1`.
    prediction : float64 (rows,) or (rows, k)
        Probability (or any rising score) of class 1; or one column a class.
    weight : float64 (rows,)
        Above zero; ones where no weights were given.
    """

    target: IntArray
    prediction: FloatArray
    weight: FloatArray

    @property
    def n_classes(self) -> int:
        """Number of classes: 2 for one column of probabilities."""
        return 2 if self.prediction.ndim == 1 else int(self.prediction.shape[1])

    def labels(self, threshold: float = 0.5) -> IntArray:
        """Class number of each row: 1 where `prediction >= threshold`, or the likeliest class."""
        if self.prediction.ndim == 1:
            return (self.prediction >= threshold).astype(np.int64)
        return np.asarray(self.prediction.argmax(axis=1), dtype=np.int64)

    def one_against_rest(self, number: int) -> ClassRows:
        """The same rows as a binary question: is it class `number`, with that class's column."""
        column = self.prediction if self.prediction.ndim == 1 else self.prediction[:, number]
        return ClassRows((self.target == number).astype(np.int64), column, self.weight)


def value_rows(target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None) -> ValueRows:
    """Check the rows of a regression.

    Raises
    ------
    TableError
        Lengths differ, no row has weight, or a number is missing or infinite.

    Examples
    --------
    >>> value_rows([1, 2], [1.5, 2.0], [1, 0]).prediction
    array([1.5])
    """
    truth = np.asarray(target, dtype=np.float64)
    guess = np.asarray(prediction, dtype=np.float64)
    _check_shape(truth, guess, guess.ndim == 1)
    weights = _weights(truth.shape[0], weight)
    keep = _kept(weights)
    if keep is not None:
        truth, guess, weights = truth[keep], guess[keep], weights[keep]
    _check_finite(truth, "target")
    _check_finite(guess, "prediction")
    return ValueRows(truth, guess, weights)


def class_rows(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    *,
    probability: bool = False,
) -> ClassRows:
    """Check the rows of a classification.

    Parameters
    ----------
    target : integers (rows,)
        Class numbers from 0.
    prediction : (rows,) or (rows, k)
        Of class 1, or of each class.
    weight : (rows,) or None
        None = each row counts once.
    probability : bool, default False
        True demands values in 0..1; False takes any score.

    Raises
    ------
    TableError
        Lengths differ, no row has weight, a number is missing, or a class has no column.

    Examples
    --------
    >>> class_rows([0, 1], [0.2, 0.9], None).labels()
    array([0, 1])
    """
    truth = _class_numbers(np.asarray(target))
    guess = np.asarray(prediction, dtype=np.float64)
    _check_shape(truth, guess, guess.ndim in (1, 2))
    weights = _weights(truth.shape[0], weight)
    keep = _kept(weights)
    if keep is not None:
        truth, guess, weights = truth[keep], guess[keep], weights[keep]
    _check_finite(guess, "prediction")
    rows = ClassRows(truth, guess, weights)
    low, high = int(truth.min()), int(truth.max())
    if low < 0 or high >= rows.n_classes:
        raise TableError(
            f"target with class number {low if low < 0 else high}",
            allowed=f"0..{rows.n_classes - 1}, one for each column of `prediction`",
        )
    if probability and (guess.min() < 0.0 or guess.max() > 1.0):
        raise TableError(
            f"prediction={float(guess.min() if guess.min() < 0 else guess.max()):.6g}",
            allowed="probabilities, 0..1",
            next_step="apply the link of the model first",
        )
    return rows


def weighted_mean(values: npt.NDArray[Any], weight: FloatArray) -> float:
    """Return `sum(weight * values) / sum(weight)`.

    Examples
    --------
    >>> import numpy as np
    >>> weighted_mean(np.array([1.0, 3.0]), np.array([1.0, 3.0]))
    2.5
    """
    return float(np.dot(weight, values) / weight.sum())


def sum_by(place: IntArray, amount: FloatArray, length: int = 0) -> FloatArray:
    """Return the sum of `amount` over the rows of each place; at least `length` places.

    Examples
    --------
    >>> import numpy as np
    >>> sum_by(np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0]))
    array([1., 5.])
    """
    return np.bincount(place, weights=amount, minlength=length).astype(np.float64, copy=False)


def _check_shape(truth: npt.NDArray[Any], guess: FloatArray, right: bool) -> None:
    """Refuse arrays that are not one target and one prediction a row."""
    if truth.ndim != 1 or not right or truth.shape[0] != guess.shape[0]:
        raise TableError(
            f"target of shape {truth.shape} and prediction of shape {guess.shape}",
            allowed="target (rows,) and prediction (rows,), or (rows, classes) for several classes",
        )
    if truth.shape[0] == 0:
        raise TableError("no rows", allowed="at least one row", where="target")


def _weights(n_rows: int, weight: npt.ArrayLike | None) -> FloatArray:
    """Weights as float64, checked; ones where there are none."""
    if weight is None:
        return np.ones(n_rows)
    weights = np.asarray(weight, dtype=np.float64)
    if weights.shape != (n_rows,):
        raise TableError(f"weight of shape {weights.shape}", allowed=f"({n_rows},)")
    if not np.isfinite(weights).all() or weights.min() < 0.0:
        raise TableError("a weight that is negative or not a number", allowed="finite weights >= 0")
    return weights


def _kept(weights: FloatArray) -> npt.NDArray[np.bool_] | None:
    """Mask of the rows with weight; None when all have some."""
    keep = weights > 0.0
    if not keep.any():
        raise TableError("weights that are all zero", allowed="at least one row with a weight above 0")
    return None if keep.all() else keep


def _check_finite(values: FloatArray, name: str) -> None:
    """Refuse missing and infinite numbers, naming the first row."""
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values)
        row = int(np.argmax(bad if bad.ndim == 1 else bad.any(axis=1)))
        raise TableError(
            f"a {name} that is missing or infinite",
            allowed="finite numbers",
            where=f"row {row}",
            next_step="leave out rows without a target; a model never predicts NaN",
        )


def _class_numbers(target: npt.NDArray[Any]) -> IntArray:
    """Class numbers as int64; refuses anything that is not a whole number."""
    if target.dtype.kind in "iub":
        return target.astype(np.int64, copy=False)
    if target.dtype.kind == "f" and np.isfinite(target).all() and (target == np.floor(target)).all():
        return target.astype(np.int64)
    raise TableError(
        f"target of type {target.dtype}",
        allowed="class numbers 0, 1, 2, ...",
        next_step="number the classes in the order of `Target.classes`",
    )
