"""Folds of the cross-validation from the key of a row, independent of the part it is in.

    fold = floor( n_folds * uniform( mix(key xor seed of the repetition) ) )

Invariant: rows with one key share a fold, and other rows cannot move it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.kernels.hashing import mix64
from justright.schema import FloatArray
from justright.split.cutoffs import part_by_time, time_cutoffs
from justright.split.fingerprint import farm_fingerprint

__all__ = ["folds", "time_folds"]

_CHUNK: Final = 1 << 22  # keys at a time: mixing them makes several copies


def folds(
    keys: npt.NDArray[np.uint64], n_folds: int, repeats: int = 1, salt: str = ""
) -> npt.NDArray[np.int8]:
    """Return the fold of each row for each repetition.

    Parameters
    ----------
    keys : uint64 (rows,)
        Fingerprint of the group or content key of each row (`content_key`, or a fingerprint viewed as
        unsigned).
    n_folds : int
        2..100.
    repeats : int, default 1
        Independent repetitions, 1..100.
    salt : str, default ""
        Another salt gives other folds.

    Returns
    -------
    int8 (rows, repeats)
        In 0..n_folds-1.

    Raises
    ------
    RecipeError
        `n_folds` or `repeats` outside their range.

    Notes
    -----
    Folds are not stratified: the size and the class shares of a fold vary as in a random draw of keys.
    The key is mixed anew, so that folds within one part are as even as over the whole table.

    Examples
    --------
    >>> import numpy as np
    >>> np.bincount(folds(np.arange(1000, dtype=np.uint64), 5)[:, 0]).tolist()
    [202, 205, 209, 199, 185]
    """
    _check("n_folds", n_folds, 2)
    _check("repeats", repeats, 1)
    seeds = farm_fingerprint([f"folds|{repeat}|{salt}" for repeat in range(repeats)]).view(np.uint64)
    out = np.empty((keys.shape[0], repeats), np.int8)
    for repeat, seed in enumerate(seeds):
        for begin in range(0, len(keys), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            upper = mix64(np.asarray(keys[part], np.uint64) ^ seed) >> np.uint64(32)
            out[part, repeat] = (upper * np.uint64(n_folds)) >> np.uint64(32)
    return out


def time_folds(moments: FloatArray, n_folds: int) -> npt.NDArray[np.int8]:
    """Return folds that are contiguous in time, of about equal numbers of rows.

    Parameters
    ----------
    moments : float64 (rows,)
        Seconds, or any number that rises with time; NaN = unknown.
    n_folds : int
        2..100.

    Returns
    -------
    int8 (rows,)
        0 = earliest; equal moments share a fold; -2 = in no fold, since its moment is unknown.

    Raises
    ------
    RecipeError
        `n_folds` outside its range, or more folds than distinct moments.

    Examples
    --------
    >>> import numpy as np
    >>> time_folds(np.array([5.0, 1.0, 2.0, 4.0, np.nan]), 2).tolist()
    [1, 0, 0, 1, -2]
    """
    _check("n_folds", n_folds, 2)
    fold = part_by_time(moments, time_cutoffs(moments, [1.0] * n_folds))
    fold[fold == -1] = -2
    return fold


def _check(name: str, value: int, least: int) -> None:
    """Refuse a count outside least..100."""
    if not least <= value <= 100:
        raise RecipeError(f"{name}={value}", allowed=f"{least}..100", where="split")
