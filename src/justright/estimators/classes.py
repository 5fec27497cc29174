"""Classes: the factor of the rows' weights, and what margins say of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.optim.losses import margins_to_predictions
from justright.schema import FloatArray

__all__ = ["class_factors", "likeliest", "log_probabilities", "probabilities"]


def class_factors(
    class_weight: Any, classes: npt.NDArray[Any], number: npt.NDArray[np.int32], weight: FloatArray
) -> FloatArray:
    """Return the factor of each class, float64 (classes,).

    Parameters
    ----------
    class_weight : None, "balanced" or dict of class to weight
        As the estimators take it.
    classes : array (classes,)
        All classes.
    number : int32 (rows,)
        Place of each row's class.
    weight : float64 (rows,)
        Weights of the rows. A class without any counts as one row of mean weight.

    Raises
    ------
    RecipeError
        A weight that is not above 0, or of a class that y lacks.

    Examples
    --------
    >>> number = np.array([0, 0, 0, 1], np.int32)
    >>> class_factors("balanced", np.array(["no", "yes"]), number, np.ones(4)).round(3).tolist()
    [0.667, 2.0]
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str):
        totals = np.bincount(number, weights=weight, minlength=len(classes))
        totals = np.where(totals > 0, totals, weight.mean())
        return np.asarray(weight.sum() / (len(classes) * totals))
    known = classes.tolist()
    for label, factor in class_weight.items():
        if not (isinstance(factor, int | float | np.number) and np.isfinite(factor) and factor > 0):
            raise RecipeError(f"class_weight={{{label!r}: {factor!r}}}", allowed="weights above 0")
    if unknown := [label for label in class_weight if label not in known]:
        raise RecipeError(
            f"class_weight of {unknown[0]!r}", allowed=f"the classes of y, such as {known[0]!r}"
        )
    return np.asarray([float(class_weight.get(label, 1.0)) for label in known])


def likeliest(margins: FloatArray) -> npt.NDArray[np.int64]:
    """Return the place of the likeliest class of each row from margins (rows, 1 or classes).

    Examples
    --------
    >>> likeliest(np.array([[-1.0], [2.0]])).tolist()
    [0, 1]
    """
    return (margins[:, 0] > 0).astype(np.int64) if margins.shape[1] == 1 else margins.argmax(axis=1)


def probabilities(margins: FloatArray) -> FloatArray:
    """Return the probability of each class, float64 (rows, classes), from margins (rows, 1 or classes).

    Examples
    --------
    >>> probabilities(np.zeros((1, 1))).tolist()
    [[0.5, 0.5]]
    """
    if margins.shape[1] > 1:
        return margins_to_predictions(margins, "softmax")
    return np.column_stack([margins_to_predictions(sign * margins, "logistic") for sign in (-1.0, 1.0)])


def log_probabilities(margins: FloatArray) -> FloatArray:
    """Return the logarithm of each probability, float64 (rows, classes), exact where it is tiny.

    Examples
    --------
    >>> log_probabilities(np.array([[1000.0]])).tolist()
    [[-1000.0, -0.0]]
    """
    if margins.shape[1] == 1:
        return -np.logaddexp(0.0, np.column_stack([margins[:, 0], -margins[:, 0]]))
    top = margins.max(axis=1, keepdims=True)
    return np.asarray(margins - top - np.log(np.exp(margins - top).sum(axis=1, keepdims=True)))
