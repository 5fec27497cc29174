"""Rows of the networks: which part judges, and rows of about equal weight.

Equal rows become one with all their weight, and a heavy row equal parts that carry it together. So the order
of rows does not enter and an integer weight is a repetition, while no step hangs on a single row.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.estimators.columns import Table
from justright.estimators.crossed_rows import Rows
from justright.estimators.fold import deal, of_splits
from justright.schema import FloatArray

__all__ = ["given_parts", "held_out", "spread"]

_PARTS: Final = 100  # parts that rows are dealt to at most, so the finest share is 1 %
_FEW: Final = 8_192  # rows that repetitions may fill: a table of few different rows has steps enough to learn


def given_parts(cv: Any, eval_rows: Any, table: Table, y: npt.NDArray[Any]) -> npt.NDArray[np.int8] | None:
    """Return the part that judges each row, -2 = none, where parts are given; None where they are not.

    Parameters
    ----------
    cv : None, int, splitter or list of (train, test)
        As the estimators take it. A single split is one held-out part.
    eval_rows : array of int or bool, or None
        Rows of the held-out part.
    table, y
        All rows.

    Raises
    ------
    RecipeError
        Rows that are not there, no row or every row held out, both `cv` and `eval_rows`, splits that
        do not train on the rest.
    """
    if eval_rows is not None:
        if cv is not None:
            raise RecipeError("cv and eval_rows", allowed="one of them", next_step="cv=None")
        return _of_rows(eval_rows, table.rows)
    if cv is None or isinstance(cv, int | np.integer):
        return None
    splits = list(cv.split(np.zeros((table.rows, 1)), y) if hasattr(cv, "split") else cv)
    if len(splits) != 1:
        return of_splits(splits, table.rows)
    train, test = splits[0]
    fold = _of_rows(test, table.rows)
    trained = np.zeros(table.rows, bool)
    trained[train] = True
    if not np.array_equal(trained, fold < 0):
        raise RecipeError("a split that does not train on all rows but those it tests", allowed="all others")
    return fold


def _of_rows(chosen: Any, rows: int) -> npt.NDArray[np.int8]:
    """Return 0 for chosen rows and -2 for others."""
    places = np.asarray(chosen)
    mask = places.dtype == bool
    if places.ndim != 1 or not (mask or np.issubdtype(places.dtype, np.integer)):
        raise RecipeError(f"eval_rows of {places.dtype} and shape {places.shape}", allowed="places of rows")
    if (mask and len(places) != rows) or (not mask and len(places) and not _within(places, rows)):
        raise RecipeError("eval_rows that are not rows of X", allowed=f"places 0..{rows - 1}")
    fold = np.full(rows, -2, np.int8)
    fold[places] = 0
    if (fold == 0).all() or (fold < 0).all():
        raise RecipeError(
            f"eval_rows of {int((fold == 0).sum())} of {rows} rows",
            allowed="some rows, and some others to train on",
        )
    return fold


def _within(places: npt.NDArray[Any], rows: int) -> bool:
    """Say whether places are those of rows."""
    return int(places.min()) >= 0 and int(places.max()) < rows


def held_out(
    key: npt.NDArray[np.uint64], label: npt.NDArray[np.int32], fraction: float, salt: str
) -> npt.NDArray[np.int8]:
    """Return 0 for rows that judge and -2 for rows that train, equal rows alike.

    Parameters
    ----------
    key : uint64 (rows,)
        Fingerprints.
    label : int32 (rows,)
        Class numbers, each of which trains; zeros where there are none.
    fraction : float
        Share of the different rows that judge, 0.01..0.5.
    salt : str
        Another salt chooses other rows.

    Examples
    --------
    >>> fold = held_out(np.arange(1000, dtype=np.uint64), np.zeros(1000, np.int32), 0.3, "")
    >>> round(float((fold == 0).mean()), 1)
    0.3
    """
    share = Fraction(fraction).limit_denominator(_PARTS)
    dealt = deal(key, label, share.denominator, salt)
    # Parts far apart: of two rows of a small class, which are dealt one after the other, one trains.
    chosen = [place * share.denominator // share.numerator for place in range(share.numerator)]
    return np.where(np.isin(dealt, chosen), 0, -2).astype(np.int8)


def spread(rows: Rows) -> Rows:
    """Return rows of about equal weight: one of weight 3 becomes three, as if it stood there three times.

    Where that would be more than 8,192 rows and more than twice as many as are different, parts are heavier.

    Examples
    --------
    >>> from justright.estimators.columns import of_matrix
    >>> table, none = of_matrix(np.array([[1.0], [2.0], [3.0]])), np.zeros(3, np.int8)
    >>> key = np.arange(3, dtype=np.uint64)
    >>> spread(Rows(table, np.zeros(3), np.array([0.5, 1.0, 3.0]), none, key)).weight.tolist()
    [0.5, 1.0, 1.0, 1.0, 1.0]
    """
    parts = _parts(rows.weight)
    if (parts == 1).all():
        return rows
    place = np.repeat(np.arange(len(parts)), parts)
    return Rows(
        rows.table.take(place),
        rows.encoded[place],
        (rows.weight / parts)[place],
        rows.fold[place],
        rows.key[place],
    )


def _parts(weight: FloatArray) -> npt.NDArray[np.int64]:
    """Return the parts of each row: its weight in units of 1, or of the mean where that is less."""
    mean, limit = float(weight.mean()), max(2 * len(weight), _FEW)
    # In powers of two, so that parts of whole weights mostly are whole.
    unit = 2.0 ** max(0, math.floor(math.log2(mean * len(weight) / (2 * limit)))) if mean > 1 else mean
    while unit < mean and np.maximum(1, np.round(weight / unit)).sum() > limit:
        unit *= 2
    return np.maximum(1, np.round(weight / min(unit, mean))).astype(np.int64)
