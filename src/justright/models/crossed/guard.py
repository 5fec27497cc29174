"""The guard: which found crosses enter, at which grain, and which leave again.

A cross enters when chance makes such a gain in less than one search of a hundred. It leaves when, with all
penalties chosen, the rows held out do no worse without it. And all leave when the model without
crosses is as good on held-out rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from justright.kernels.additive import histogram
from justright.models.base import Spec
from justright.models.crossed.fields import Field
from justright.models.crossed.packed import Packed
from justright.models.crossed.search import LEVEL, Candidate
from justright.models.crossed.strength import Sums, choose, first_strengths, longest_step
from justright.models.crossed.terms import Term, cross_term
from justright.schema import FloatArray

__all__ = ["GRAINS", "accepted", "best_grain", "gain_of_keeping"]

GRAINS: Final = (16, 32, 64)
"""Groups along an axis of a cross, missing apart."""


def accepted(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return the candidates that stand above their noise, the greatest gains first, at most so many."""
    return [each for each in candidates if each.p < LEVEL and each.gain > 0][:most]


def best_grain(
    spec: Spec,
    packed: Packed,
    fields: Sequence[Field],
    counts: Sequence[FloatArray],
    pair: tuple[int, int],
    judged: npt.NDArray[np.int64],
) -> Term:
    """Return the cross of a pair at the grain whose first step the held-out rows like best.

    One histogram at the finest grain serves all: coarser groups are sums of finer ones.
    """
    fine = cross_term(pair, fields, counts, GRAINS[-1])
    if not len(judged):
        return cross_term(pair, fields, counts, GRAINS[0])
    sums = histogram(packed.rows, packed.cells(fine), fine.cells)
    limit = longest_step(spec.loss.link)
    best, most = fine, -np.inf
    for grain in GRAINS:
        term = cross_term(pair, fields, counts, grain)
        mine = Sums(*(_together(each[:, judged], fine, term) for each in sums))
        empty = np.zeros((term.cells, len(judged)))
        found = choose(term, mine, empty, first_strengths(term), packed.trained_weight[judged], limit)
        if found.gain.max() > most:
            best, most = term, float(found.gain.max())
    return best


def gain_of_keeping(packed: Packed, term: Term, table: FloatArray, judged: npt.NDArray[np.int64]) -> float:
    """Return by how much the loss of the held-out rows would rise without a term, all else unchanged."""
    if not len(judged):
        return np.inf
    sums = Sums(*histogram(packed.rows, packed.cells(term), term.cells))
    u = table[:, judged]
    rise = -sums.held_slope[:, judged] * u + 0.5 * sums.held_bend[:, judged] * u * u
    return float(rise.sum())


def _together(values: FloatArray, fine: Term, coarse: Term) -> FloatArray:
    """Add up sums by fine cell (cells, C) into the cells of a coarser term."""
    out = values.reshape(*fine.shape, -1)
    for axis in range(2):
        where = np.zeros(fine.shape[axis], np.int64)
        where[fine.maps[axis]] = coarse.maps[axis]
        summed = np.zeros((*out.shape[:axis], coarse.shape[axis], *out.shape[axis + 1 :]))
        for fine_place, place in enumerate(where.tolist()):
            summed[(slice(None),) * axis + (place,)] += out[(slice(None),) * axis + (fine_place,)]
        out = summed
    return np.ascontiguousarray(out.reshape(coarse.cells, -1))
