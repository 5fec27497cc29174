"""Read values one by one with a scalar function: the slow path that every fast one must equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from justright.schema import Column, FloatArray
from justright.values.scalar import Unreadable

__all__ = ["Mask", "read_each"]

Mask: TypeAlias = npt.NDArray[np.bool_]
"""True where a value is there but cannot be read, bool (rows,)."""


def read_each(
    values: Sequence[object], column: Column, read: Callable[[object, Column], float]
) -> tuple[FloatArray, Mask | None]:
    """Apply `number` or `moment` to each value.

    Parameters
    ----------
    values : sequence, (rows,)
        Python values.
    column : Column
        How they are written.
    read : callable
        `number` or `moment`.

    Returns
    -------
    float64 (rows,), bool (rows,) or None
        As `to_numbers`.

    Examples
    --------
    >>> from justright.values.scalar import number
    >>> read_each([1, 2.5], Column("n", "numeric", "number"), number)
    (array([1. , 2.5]), None)
    """
    result = np.empty(len(values))
    bad: list[int] = []
    for i, value in enumerate(values):
        try:
            result[i] = read(value, column)
        except Unreadable:
            result[i] = np.nan
            bad.append(i)
    if not bad:
        return result, None
    unreadable = np.zeros(len(values), bool)
    unreadable[bad] = True
    return result, unreadable
