"""Columns as few bins: numbers at their quantiles, categories by weight, missing apart.

The bins are made without looking at the target. Ties stay together: a column of few values has one bin
for each.
"""

from __future__ import annotations

import numpy as np

from justright.diagnose.rows.sample import Feature
from justright.schema import FloatArray, IntArray

__all__ = ["bins_of", "numbered"]


def bins_of(feature: Feature, most: int) -> IntArray:
    """Return the bin of each row, int64 (rows,), in 0..most; the last but one used is never empty.

    Parameters
    ----------
    feature : Feature
        Numbers or codes.
    most : int
        Most bins beside that of missing values and of the rest.

    Examples
    --------
    >>> values = np.array([1.0, 5.0, 1.0, np.nan, 9.0])
    >>> bins_of(Feature("x", "x", "", values, None, 0, 1.0, False), 2).tolist()
    [0, 1, 0, 2, 1]
    """
    if feature.values is not None:
        return _numeric(feature.values, most)
    assert feature.codes is not None
    counts = np.bincount(feature.codes, minlength=feature.size)
    top = np.argsort(-counts, kind="stable")[:most]
    table = np.full(len(counts), most, np.int64)
    table[top] = np.arange(len(top))
    return numbered(table[feature.codes])


def _numeric(values: FloatArray, most: int) -> IntArray:
    """Cut numbers at their quantiles, or give each value a bin where there are few."""
    known = np.isfinite(values)
    present = values[known]
    if not len(present):
        return np.zeros(len(values), np.int64)
    distinct = np.unique(present)
    # A cut stands on a value, which begins the bin above it: ties never part.
    cuts = distinct[1:] if len(distinct) <= most else np.unique(np.quantile(present, _levels(most)))
    cuts = cuts[cuts > distinct[0]]
    bins = np.searchsorted(cuts, values, "right")
    return numbered(np.where(known, bins, len(cuts) + 1))


def _levels(most: int) -> FloatArray:
    """Return the inner levels of equal shares."""
    return np.arange(1, most) / most


def numbered(codes: IntArray) -> IntArray:
    """Return the same groups numbered 0, 1, ... without gaps, in the order of their codes."""
    if not len(codes):
        return codes.astype(np.int64)
    seen = np.bincount(codes.astype(np.int64)) > 0
    number: IntArray = (np.cumsum(seen) - 1)[codes]
    return number
