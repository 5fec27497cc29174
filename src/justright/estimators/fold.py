"""Which rows judge a member: folds that are a function of the set of different rows.

Equal rows share a fold, so an integer weight is a repetition, and the order of rows does not enter.
Large tables take `split.folds`; in small ones the different rows of each class are dealt one by one in
the order of their fingerprints, so that every fold trains on every class.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.kernels.hashing import mix64
from justright.split import farm_fingerprint, folds

__all__ = ["deal", "distinct", "folds_of", "of_splits", "salt"]

_FEWEST_KEYS: Final = 20  # different rows a fold: below, folds by fingerprint are lumpy
_MOST: Final = 127  # folds are int8


def distinct(key: npt.NDArray[np.uint64]) -> int:
    """Return the number of different rows."""
    return int(np.unique(key).size)


def folds_of(
    estimator: Any, key: npt.NDArray[np.uint64], encoded: npt.NDArray[Any], link: str
) -> npt.NDArray[np.int8]:
    """Return the fold of each row where a number of folds was asked for.

    Parameters
    ----------
    estimator : LinearRegressor or LinearClassifier
        For `cv` and `random_state`.
    key : uint64 (rows,)
        Fingerprint of each row.
    encoded : int32 or float32 (rows,)
        Class numbers, or values.
    link : str
        Of the loss: whether there are classes.
    """
    label = encoded.astype(np.int32) if link in ("logistic", "softmax") else np.zeros(len(key), np.int32)
    return deal(key, label, int(estimator.cv), salt(estimator.random_state))


def salt(random_state: Any) -> str:
    """Return what tells the folds of one random state from those of another; None is the empty salt."""
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**31)
    return "" if random_state is None else str(int(random_state))


def deal(
    key: npt.NDArray[np.uint64], label: npt.NDArray[np.int32], n_folds: int, salt: str = ""
) -> npt.NDArray[np.int8]:
    """Return the fold of each row.

    Parameters
    ----------
    key : uint64 (rows,)
        Fingerprint of each row.
    label : int32 (rows,)
        Class numbers; zeros where there are none.
    n_folds : int
        2..100; fewer are made where there are fewer different rows.
    salt : str, default ""
        Another salt gives other folds.

    Returns
    -------
    int8 (rows,)
        0..n_folds-1; -2 for a class of one row, which trains in every fold and is judged in none.

    Examples
    --------
    >>> key = np.array([7, 8, 9, 7, 6], np.uint64)
    >>> fold = deal(key, np.array([0, 0, 0, 0, 1], np.int32), 2)
    >>> bool(fold[0] == fold[3]), int(fold[4])
    (True, -2)
    """
    fold = folds(key, n_folds, 1, salt)[:, 0]
    large = distinct(key) >= _FEWEST_KEYS * n_folds
    if large and all(np.unique(fold[label == one]).size > 1 for one in np.unique(label)):
        return fold
    seed = farm_fingerprint([f"deal|{salt}"]).view(np.uint64)[0]
    mixed = mix64(key ^ seed)
    order = np.lexsort((mixed, label))
    first = np.r_[True, (np.diff(label[order]) != 0) | (mixed[order][1:] != mixed[order][:-1])]
    owner = order[first]  # one row of each different (class, content)
    lonely = np.bincount(label[owner], minlength=int(label.max()) + 1)[label[owner]] < 2
    place = np.cumsum(~lonely) - 1
    n_folds = min(n_folds, int((~lonely).sum()))
    of_owner = np.where(lonely, -2, place % max(n_folds, 1)) if n_folds > 1 else np.full(len(owner), -2)
    dealt = np.empty(len(key), np.int8)
    dealt[order] = of_owner[np.cumsum(first) - 1]
    return dealt


def of_splits(splits: Any, rows: int) -> npt.NDArray[np.int8]:
    """Return the fold of each row from (train, test) pairs of row numbers or masks.

    Parameters
    ----------
    splits : iterable of pairs
        As a splitter of scikit-learn gives them: each row is tested at most once, and a split trains on
        all rows that it does not test.
    rows : int
        Number of rows.

    Raises
    ------
    RecipeError
        A row is tested twice, or a split trains on other rows.
    """
    fold = np.full(rows, -2, np.int8)
    number = -1
    for number, (train, test) in enumerate(splits):
        tested, trained = np.zeros((2, rows), bool)
        tested[test], trained[train] = True, True
        if number >= _MOST:
            raise RecipeError("cv with more than 127 splits", allowed="2..127 splits", next_step="cv=5")
        if (fold[tested] != -2).any() or not np.array_equal(trained, ~tested) or not tested.any():
            raise RecipeError(
                f"cv whose split {number} does not train on all but the rows it tests, or tests some again",
                allowed="splits like those of KFold, StratifiedKFold, GroupKFold or LeaveOneGroupOut",
                next_step="cv=5",
            )
        fold[tested] = number
    if number < 1:
        raise RecipeError(f"cv with {number + 1} splits", allowed="2..127 splits", next_step="cv=5")
    return fold
