"""Terms: the functions and tables that a margin is the sum of.

A term reads one field or two. A table of two fields reads them at a grain: neighbouring bins are taken
together into groups of about equal weight, and of a large category all but the commonest values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from justright.models.crossed.fields import Field
from justright.schema import FloatArray

__all__ = ["Term", "cross_term", "grouped", "single_term"]

Map = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Term:
    """One term.

    Parameters
    ----------
    fields : tuple of int
        Numbers of one field or two.
    shape : tuple of int
        Codes along each axis.
    maps : tuple of int32 arrays
        From the codes of each field to its axis; empty for a single field.
    ordered : tuple of bool
        Whether neighbours along an axis are alike.
    spikes : bool (cells,)
        Cells of a single number that stand alone; empty otherwise.
    """

    fields: tuple[int, ...]
    shape: tuple[int, ...]
    maps: tuple[Map, ...]
    ordered: tuple[bool, ...]
    spikes: npt.NDArray[np.bool_]

    @property
    def cells(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))


def single_term(number: int, field: Field) -> Term:
    """Return the term of one field."""
    return Term((number,), (field.size,), (), (field.ordered,), field.spikes)


def cross_term(
    pair: tuple[int, int], fields: Sequence[Field], counts: Sequence[FloatArray], grain: int
) -> Term:
    """Return the table of two fields at a grain.

    Parameters
    ----------
    pair : tuple of int
        The two fields.
    fields : sequence of Field
        All fields.
    counts : sequence of float64 (size,)
        Weight of the rows of each code, by field.
    grain : int
        Most groups along an axis, missing apart.
    """
    maps = tuple(grouped(fields[i], counts[i], grain) for i in pair)
    shape = tuple(int(each.max()) + 1 for each in maps)
    return Term(pair, shape, maps, tuple(fields[i].ordered for i in pair), np.zeros(0, bool))


def grouped(field: Field, count: FloatArray, grain: int) -> Map:
    """Return the group of each code of a field, int32 (size,), numbered without gaps."""
    if not field.ordered:
        return _commonest(count, grain)
    inner = count[:-1]
    total = max(float(inner.sum()), 1e-300)
    middle = (np.cumsum(inner) - 0.5 * inner) / total
    raw = np.minimum((middle * grain).astype(np.int64), grain - 1)
    _, group = np.unique(raw, return_inverse=True)
    missing = int(group.max(initial=-1)) + 1 if count[-1] > 0 else int(group.max(initial=0))
    return np.append(group, missing).astype(np.int32)


def _commonest(count: FloatArray, grain: int) -> Map:
    """Return a group for each of the commonest codes; the others share group 0."""
    if len(count) <= grain:
        return np.arange(len(count), dtype=np.int32)
    order = np.argsort(-count, kind="stable")
    group = np.zeros(len(count), np.int32)
    group[order[: grain - 1]] = np.arange(1, grain, dtype=np.int32)
    return group
