"""Rare classes: weights or down-sampling in training, and probabilities corrected back exactly.

Whoever gives the rows of class j the weight f_j (a sampling that keeps the share f_j is the same in the
mean) learns the probabilities q_j, proportional to f_j p_j. So p_j is proportional to q_j / f_j: for two
classes the odds are divided by f_1 / f_0.

On the scale of margins the correction is a number added to each: -ln f_j. A model that is corrected once
and for all needs no other code in service than its offset.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, TableError
from justright.schema import FloatArray

__all__ = ["balanced_factors", "margin_offset"]


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


def margin_offset(factors: npt.ArrayLike) -> FloatArray:
    """Return what is added to margins so that probabilities are those of the rows as they are.

    Parameters
    ----------
    factors : float (classes,)
        Weight, or share of rows kept, of each class in the training; only their ratios matter.

    Returns
    -------
    float64 (1,) of two classes, else (classes,)

    Raises
    ------
    RecipeError
        A factor is not above zero.

    Notes
    -----
    Exact where the model states the true probabilities of its weighted rows; a model with an error there
    keeps the error of its odds.

    References
    ----------
    C. Elkan (2001), "The foundations of cost-sensitive learning", IJCAI, theorem 2; M. Saerens et al.
    (2002), doi:10.1162/089976602753284446.

    Examples
    --------
    >>> margin_offset([0.1, 1.0])   # nine of ten rows of class 0 were left out
    array([-2.302...])
    """
    logs = np.log(_factors(factors))
    return np.asarray([logs[0] - logs[1]]) if logs.shape[0] == 2 else logs.mean() - logs


def _factors(factors: npt.ArrayLike) -> FloatArray:
    """Factors above zero, one for each class."""
    found = np.asarray(factors, dtype=np.float64)
    if not (np.isfinite(found) & (found > 0.0)).all():
        raise RecipeError(f"factors={found.tolist()!r:.100}", allowed="numbers above 0")
    return found
