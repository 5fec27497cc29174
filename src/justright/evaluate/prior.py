"""Rare classes: weights or down-sampling in training, and probabilities corrected back exactly.

Whoever gives the rows of class j the weight f_j (a sampling that keeps the share f_j is the same in the
mean) learns the probabilities q_j, proportional to f_j p_j. So p_j is proportional to q_j / f_j: for two
classes the odds are divided by f_1 / f_0. The same with f_j = new share / old share carries a model to
rows whose classes are mixed otherwise, where within each class the rows are of the same law.

On the scale of margins the correction is a number added to each: -ln f_j. A model that is corrected once
and for all needs no other code in service than its offset.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, TableError
from justright.schema import FloatArray

__all__ = ["balanced_factors", "margin_offset", "shifted_prior", "undo_factors"]


def balanced_factors(
    target: npt.ArrayLike, n_classes: int, weight: npt.ArrayLike | None = None, *, sampling: bool = False
) -> FloatArray:
    """Return the factor of each class with which all classes weigh the same, float64 (classes,).

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    n_classes : int
        Number of classes; one without rows has the factor 1.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    sampling : bool, default False
        False: factors of row weights, whose mean over the rows is 1. True: shares of rows to keep, 1 for
        the rarest class.

    Raises
    ------
    TableError
        A class number out of range.

    Examples
    --------
    >>> balanced_factors([0, 0, 0, 1], 2), balanced_factors([0, 0, 0, 1], 2, sampling=True)
    (array([0.66..., 2.   ]), array([0.33..., 1.   ]))
    """
    numbers = np.asarray(target)
    if numbers.ndim != 1 or not numbers.shape[0] or numbers.min() < 0 or numbers.max() >= n_classes:
        raise TableError(f"target of shape {numbers.shape}", allowed=f"class numbers 0..{n_classes - 1}")
    weights = None if weight is None else np.asarray(weight, dtype=np.float64)
    size = np.bincount(numbers.astype(np.int64), weights=weights, minlength=n_classes).astype(np.float64)
    seen = size > 0.0
    factors = np.ones(n_classes)
    factors[seen] = size[seen].min() / size[seen] if sampling else size.sum() / seen.sum() / size[seen]
    return factors


def undo_factors(probability: npt.ArrayLike, factors: npt.ArrayLike) -> FloatArray:
    """Return the probabilities of the rows as they are, of a model trained with class factors.

    Parameters
    ----------
    probability : float (rows,) or (rows, classes)
        Of class 1, or of each class, as the model states them.
    factors : float (classes,)
        Weight, or share of rows kept, of each class in the training; only their ratios matter.

    Returns
    -------
    float64, of the shape of `probability`

    Raises
    ------
    RecipeError
        A factor is not above zero.
    TableError
        The shapes do not fit.

    Notes
    -----
    Exact where the model states the true probabilities of its weighted rows; a model with an error there
    keeps the error of its odds. 0 and 1 stay.

    References
    ----------
    C. Elkan (2001), "The foundations of cost-sensitive learning", IJCAI, theorem 2; M. Saerens et al.
    (2002), doi:10.1162/089976602753284446.

    Examples
    --------
    >>> undo_factors([0.5], [0.1, 1.0])   # nine of ten rows of class 0 were left out
    array([0.0909...])
    """
    stated = np.asarray(probability, dtype=np.float64)
    scale = _factors(factors, 2 if stated.ndim == 1 else stated.shape[-1])
    if stated.ndim == 1:
        true, false = stated / scale[1], (1.0 - stated) / scale[0]
        return np.asarray(true / (true + false))
    if stated.ndim != 2:
        raise TableError(f"probability of shape {stated.shape}", allowed="(rows,) or (rows, classes)")
    share = stated / scale
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def margin_offset(factors: npt.ArrayLike) -> FloatArray:
    """Return what is added to margins instead: one number for two classes, else one for each class.

    Parameters
    ----------
    factors : float (classes,)
        As for `undo_factors`.

    Examples
    --------
    >>> margin_offset([0.1, 1.0])
    array([-2.302...])
    """
    logs = np.log(_factors(factors, np.asarray(factors).shape[0]))
    return np.asarray([logs[0] - logs[1]]) if logs.shape[0] == 2 else logs.mean() - logs


def shifted_prior(
    probability: npt.ArrayLike, trained: Sequence[float], actual: Sequence[float]
) -> FloatArray:
    """Return the probabilities for rows whose classes are mixed otherwise than in training.

    Parameters
    ----------
    probability : float (rows,) or (rows, classes)
        As the model states them.
    trained, actual : float (classes,)
        Share of each class in training, and where the model is used.

    Raises
    ------
    RecipeError
        A share is not above zero.
    TableError
        The shapes do not fit.

    Notes
    -----
    Right where only the mixture moved: within each class the rows are of the same law as in training.

    Examples
    --------
    >>> shifted_prior([0.5], trained=[0.5, 0.5], actual=[0.9, 0.1])
    array([0.1])
    """
    old, new = _factors(trained, len(trained)), _factors(actual, len(trained))
    return undo_factors(probability, (old / old.sum()) / (new / new.sum()))


def _factors(factors: npt.ArrayLike, n_classes: int) -> FloatArray:
    """Factors above zero, one for each class."""
    found = np.asarray(factors, dtype=np.float64)
    if found.shape != (n_classes,):
        raise TableError(f"factors of shape {found.shape}", allowed=f"({n_classes},), one for each class")
    if not (np.isfinite(found) & (found > 0.0)).all():
        raise RecipeError(f"factors={found.tolist()!r:.100}", allowed="numbers above 0")
    return found
