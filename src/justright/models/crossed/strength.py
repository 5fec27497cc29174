"""One Newton step of a term, and how strong its penalties should be, from sums by code alone.

    step      minimise  slope d + bend d^2 / 2 + penalty(table + d)        for every column at once
    choice    of each strength the step of the training sums, judged on the held-out sums; all folds together

Both need no row: a term's penalty is cross-validated in the pass that moves it. Penalties: of a number the
squared second differences of neighbouring bins (of a spike and of a missing value a trace of a ridge), of
a category a ridge, of a cross a ridge that pulls each cell to what its parents say, and the squared
differences of neighbouring cells along ordered axes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from justright.kernels.cells import relax, solve_chain
from justright.models.crossed.terms import Term
from justright.schema import FloatArray

__all__ = [
    "CANDIDATES",
    "Choice",
    "Sums",
    "choose",
    "first_strengths",
    "longest_step",
    "near",
    "newton",
]

CANDIDATES: Final = 18
"""Most strengths of one choice."""

_SPIKE: Final = 0.01  # ridge of a spike, in mean bins
_TRACE: Final = 1e-3  # ridge of a bin, in mean bins: an empty bin between two others is not free
# Ridge of a bin, in rows, where neighbours hardly hold it: one whose rows are all of one class is bounded
# (adult, capital-gain). Smooth curves are held by their neighbours, and a ridge would only flatten them.
_FEW: Final = 0.2
_ROUGH: Final = 0.01  # smoothness below which the ridge is whole
_SWEEPS: Final = 12  # of Gauss-Seidel on the cells of a cross
_CHAIN: Final = 10.0 ** np.arange(-3.0, 5.1, 0.5)
_RIDGE: Final = 10.0 ** np.arange(-2.0, 4.1, 0.5)


class Sums(NamedTuple):
    """Slope and bend of a term by cell, of training rows and of held-out rows, each float64 (cells, C)."""

    slope: FloatArray
    bend: FloatArray
    held_slope: FloatArray
    held_bend: FloatArray


class Choice(NamedTuple):
    """Strengths tried (k, 2), fall of the held-out loss of each, its standard error; the best (2,).

    `fall` (k, C) is that of each judged column.
    """

    tried: FloatArray
    gain: FloatArray
    error: FloatArray
    best: FloatArray
    fall: FloatArray


def longest_step(link: str) -> float:
    """Return how far a cell may move in one step, on the link scale.

    A saturated probability has no bend to go by; on the target's own scale the quadratic is exact.
    """
    return np.inf if link == "identity" else 2.0


def first_strengths(term: Term) -> FloatArray:
    """Return the strengths (k, 2) to try of a new term: smoothness in bins, ridge in rows."""
    if len(term.fields) == 1:
        path = _CHAIN if term.ordered[0] else _RIDGE
        return np.column_stack(
            [path, np.zeros_like(path)] if term.ordered[0] else [np.zeros_like(path), path]
        )
    if any(term.ordered):
        return np.asarray([(s, r) for s in (0.0, 2.0, 10.0, 50.0, 300.0) for r in (1.0, 10.0, 100.0)])
    return np.column_stack([np.zeros_like(_RIDGE), _RIDGE])


def near(term: Term, strength: FloatArray) -> FloatArray:
    """Return the strengths (k, 2) around one already chosen."""
    factors = 10.0 ** np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    if len(term.fields) == 1:
        # Where nothing is to be learned the strongest wins each time: beyond the path the solution is a
        # straight line, and soon no number.
        path = _CHAIN if term.ordered[0] else _RIDGE
        return np.unique(np.clip(strength * factors[:, None], 0.0, path[-1]), axis=0)
    both = [(strength[0] * a, strength[1] * b) for a in factors[1:4] for b in factors[1:4]]
    found = np.unique(np.asarray(both), axis=0)
    found[:, 0] = np.clip(found[:, 0], 0.0, _CHAIN[-1])
    found[:, 1] = np.clip(found[:, 1], _RIDGE[0], 1e5)
    return np.asarray(np.unique(found, axis=0))


def newton(
    term: Term,
    slope: FloatArray,
    bend: FloatArray,
    table: FloatArray,
    strength: FloatArray,
    weight: FloatArray,
) -> FloatArray:
    """Return the table (cells, C) that minimises the quadratic model of the loss with its penalty.

    Parameters
    ----------
    term : Term
        What the table is of.
    slope, bend, table : float64 (cells, C)
        Sums over the rows, and the table they were taken at.
    strength : float64 (2, C) or (2, 1)
        Smoothness and ridge.
    weight : float64 (C,)
        Weight of the rows behind each column.
    """
    pull = bend * table - slope
    total = bend.sum(axis=0)
    if len(term.fields) == 2:
        unit = np.maximum(total / np.maximum(weight, 1e-300), 1e-300)
        smooth, ridge = strength[0] * unit, strength[1] * unit + 1e-9 * unit
        first, second = (smooth * float(ordered) + 0.0 * unit for ordered in term.ordered)
        if not any(term.ordered):
            return np.asarray(pull / (bend + ridge))
        shape = (term.shape[0], term.shape[1])
        return relax(bend, pull, shape, (first, second), ridge, _SWEEPS, table)
    if not term.ordered[0]:
        unit = np.maximum(total / np.maximum(weight, 1e-300), 1e-300)
        return np.asarray(pull / (bend + strength[1] * unit + 1e-9 * unit))
    mean = np.maximum(total / len(bend), 1e-300)
    few = _FEW * np.maximum(total / np.maximum(weight, 1e-300), 1e-300)
    made = np.empty_like(table)
    spikes = term.spikes
    made[spikes] = pull[spikes] / (bend[spikes] + _SPIKE * mean + few)
    chain = ~spikes
    if chain.any():
        smooth = strength[0] * mean
        rough = np.minimum(1.0, _ROUGH / np.maximum(strength[0], 1e-300))
        ridge = _TRACE * mean * np.minimum(strength[0], 1.0) + 1e-9 * mean + few * rough
        made[chain] = solve_chain(bend[chain], pull[chain], smooth, ridge)
    return made


def choose(
    term: Term, sums: Sums, table: FloatArray, tried: FloatArray, weight: FloatArray, limit: float
) -> Choice:
    """Try strengths on the training sums of every judged column; the held-out sums choose.

    Parameters
    ----------
    sums, table
        Of the judged columns only.
    tried : float64 (k, 2)
        Strengths.
    weight : float64 (C,)
        Weight of the training rows of each column.
    limit : float
        Longest step of a cell.
    """
    k, columns = len(tried), table.shape[1]
    slope, bend, start = (np.tile(each, (1, k)) for each in (sums.slope, sums.bend, table))
    strength = np.repeat(tried, columns, axis=0).T
    step = newton(term, slope, bend, start, np.ascontiguousarray(strength), np.tile(weight, k)) - start
    step = np.clip(step, -limit, limit).reshape(len(table), k, columns)
    fall = -(sums.held_slope[:, None] * step + 0.5 * sums.held_bend[:, None] * step**2).sum(axis=0)
    gain = fall.sum(axis=1)
    best = int(np.argmax(gain))
    error = (fall - fall[best]).std(axis=1) * np.sqrt(columns) if columns > 1 else np.zeros(k)
    return Choice(tried, gain, error, tried[best], fall)
