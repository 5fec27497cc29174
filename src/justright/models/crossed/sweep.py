"""One sweep: the intercept, then every term in turn, moves to the optimum that the others leave it.

Gauss-Seidel over terms, Newton within a term: no learning rate. The objective is convex, so the sweeps of
every column end at its one optimum (Friedman, Hastie and Tibshirani 2000 call it backfitting).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.kernels import additive
from justright.kernels.additive import LOSSES
from justright.models.base import Spec
from justright.models.crossed.packed import Packed
from justright.models.crossed.slopes import derive_any
from justright.models.crossed.strength import (
    CANDIDATES,
    Choice,
    Sums,
    choose,
    first_strengths,
    longest_step,
    near,
    newton,
)
from justright.models.crossed.terms import Term
from justright.schema import FloatArray

__all__ = ["Tables", "losses", "restore", "sweep"]

_SMALL: Final = 0.3  # below, steps together leave the bend as it is: the slope is then off by 0.005
_ALIKE: Final = 0.2  # share by which the sum of the bends may have changed since they were taken
_MODERATE: Final = 10.0  # strength where nobody is judged


class Tables:
    """What a sweep moves: intercept (C,), tables, bends and strengths (2,) by term, what was tried by term.

    Bends are sums by cell as they were when the strengths were last chosen; NaN = not yet taken. `own` are
    the strengths (2, C) by column: those of a fold's members are chosen by the other folds, so that the rows
    that judge them chose nothing.
    """

    def __init__(
        self,
        intercept: FloatArray,
        tables: list[FloatArray],
        bends: list[FloatArray],
        strength: list[FloatArray],
        choice: list[FloatArray],
        own: list[FloatArray],
    ) -> None:
        self.intercept = intercept
        self.tables = tables
        self.bends = bends
        self.strength = strength
        self.choice = choice
        self.own = own


def restore(
    spec: Spec, packed: Packed, terms: Sequence[Term], cells: Sequence[npt.NDArray[Any]], at: Tables
) -> None:
    """Set the margins of all rows from the tables, and slope and bend with them."""
    packed.rows.margin[:] = at.intercept
    for codes, table in zip(cells, at.tables, strict=True):
        additive.gather(packed.rows, codes, table)
    _derive(spec, packed)


def sweep(
    spec: Spec,
    packed: Packed,
    terms: Sequence[Term],
    cells: Sequence[npt.NDArray[Any]],
    at: Tables,
    factor: FloatArray,
    judged: npt.NDArray[np.int64],
    *,
    choosing: bool,
) -> None:
    """Move the intercept and every term once; changes `at` and the margins.

    Parameters
    ----------
    factor : float64 (C,)
        Each column's multiple of the chosen strengths.
    judged : int64
        Columns whose held-out rows choose the strengths; none = strengths are moderate ones.
    choosing : bool
        Choose the strengths of all terms anew.
    """
    limit = longest_step(spec.loss.link)
    total, room = _intercept(spec, packed, at, limit)
    for number, term in enumerate(terms):
        table, known = at.tables[number], bool(np.isfinite(at.strength[number]).all())
        if choosing or not known or not np.isfinite(at.bends[number]).all():
            sums = Sums(*additive.histogram(packed.rows, cells[number], term.cells))
            slope, at.bends[number] = sums.slope, sums.bend
            if len(judged):
                _choose(packed, term, sums, at, number, judged, limit, spec.outputs)
            elif not known:
                at.strength[number] = np.array([_MODERATE, _MODERATE])
                at.own[number][:] = _MODERATE
        elif _stale(packed, at.bends[number], total):
            slope, at.bends[number], _, _ = additive.histogram(packed.rows, cells[number], term.cells)
        else:
            slope = additive.slopes(packed.rows, cells[number], term.cells)
        bend = at.bends[number]
        strength = at.own[number] * factor
        made = newton(term, slope, bend, table, strength, packed.trained_weight)
        step = np.clip(made - table, -limit, limit)
        step -= (bend * step).sum(axis=0) / np.maximum(bend.sum(axis=0), 1e-300)
        at.tables[number] = table + step
        room = _step(spec, packed, cells[number], step, room)


def _stale(packed: Packed, bend: FloatArray, total: FloatArray) -> bool:
    """Say whether bends of a former sweep are too old: rates always, others by their sum."""
    if packed.rows.loss == LOSSES["squared"]:
        return False
    known = bend.sum(axis=0)
    return packed.rows.loss == LOSSES["poisson"] or bool((np.abs(total - known) > _ALIKE * known).any())


def _choose(
    packed: Packed,
    term: Term,
    sums: Sums,
    at: Tables,
    number: int,
    judged: npt.NDArray[np.int64],
    limit: float,
    outputs: int,
) -> None:
    """Choose the strengths of a term by the held-out sums of the judged columns. Sets `at`.

    Each fold keeps a search of its own, near its own last choice: near that of all folds it would be led by
    its own rows, which had their part in it.
    """
    mine = Sums(*(each[:, judged] for each in sums))
    table, weight = at.tables[number][:, judged], packed.trained_weight[judged]
    made: dict[bytes, Choice] = {}

    def around(last: FloatArray) -> Choice:
        key = last.tobytes()
        if key not in made:
            tried = near(term, last) if np.isfinite(last).all() else first_strengths(term)
            made[key] = choose(term, mine, table, tried, weight, limit)
        return made[key]

    found = around(at.strength[number])
    before, member = at.own[number].copy(), judged // outputs
    at.own[number][:] = found.best[:, None]
    for own in np.unique(member):
        theirs = around(np.ascontiguousarray(before[:, own * outputs]))
        others = theirs.fall[:, member != own].sum(axis=1)
        if others.any():
            best = theirs.tried[int(np.argmax(others))]
            at.own[number][:, own * outputs : (own + 1) * outputs] = best[:, None]
    at.strength[number] = found.best
    at.choice[number] = _curve(found.tried, found.gain, found.error)


def losses(spec: Spec, packed: Packed, members: int) -> tuple[FloatArray, FloatArray]:
    """Return mean training and held-out loss of each member, float64 (members,); NaN where it has no rows."""
    rows, used = packed.rows, members * spec.outputs
    train, held = np.zeros(members), np.zeros(members)
    trains = rows.trains[:, : used : spec.outputs]
    judged = np.zeros_like(trains)
    for group in range(len(rows.held)):
        mine = rows.held[group][rows.held[group] >= 0] // spec.outputs
        judged[group, mine] = 1.0
    size = max(1024, (1 << 20) // max(used, 1))
    for begin in range(0, rows.count, size):
        part = slice(begin, begin + size)
        margin = rows.margin[part, :used].astype(np.float64).reshape(-1, members, spec.outputs)
        target = rows.target[part][:, None, None]
        value = spec.loss.value(np.ascontiguousarray(margin.transpose(0, 2, 1)), target).sum(axis=1)
        value *= rows.weight[part][:, None]
        train += np.einsum("rm,rm->m", value, trains[rows.group[part]])
        held += np.einsum("rm,rm->m", value, judged[rows.group[part]])
    weight = packed.trained_weight[: used : spec.outputs]
    mass = packed.held_weight[: used : spec.outputs]
    with np.errstate(invalid="ignore", divide="ignore"):
        return train / np.maximum(weight, 1e-300), np.where(mass > 0, held / mass, np.nan)


def _curve(tried: FloatArray, gain: FloatArray, error: FloatArray) -> FloatArray:
    """Return what was tried as rows (smoothness, ridge, gain, error), padded with NaN."""
    out = np.full((CANDIDATES, 4), np.nan)
    out[: len(tried)] = np.column_stack([tried, gain, error])
    return out


def _intercept(spec: Spec, packed: Packed, at: Tables, limit: float) -> tuple[FloatArray, float]:
    """Move the intercept of every column by a Newton step; return sums of bends, and room as `_step`."""
    rows = packed.rows
    if rows.count == 0:
        return np.zeros(rows.g.shape[1]), _SMALL
    slope, bend, _, _ = additive.histogram(rows, np.zeros(rows.count, np.uint16), 1)
    step = np.clip(-slope / np.maximum(bend, 1e-300), -limit, limit)
    at.intercept = at.intercept + step[0]
    return bend[0], _step(spec, packed, np.zeros(rows.count, np.uint16), step, _SMALL)


def _step(spec: Spec, packed: Packed, codes: npt.NDArray[Any], step: FloatArray, room: float) -> float:
    """Move the margins by a table, and the slope with them; return the room that is left for small steps.

    Steps within the room leave the bends as they are; the one that exceeds it makes slopes and bends anew.
    """
    if packed.rows.loss < 0:
        additive.gather(packed.rows, codes, np.ascontiguousarray(step))
        derive_any(spec, packed.rows)
        return _SMALL
    left = room - float(np.abs(step).max(initial=0.0))
    if packed.rows.loss == LOSSES["squared"] or left > 0.0:
        additive.nudge(packed.rows, codes, np.ascontiguousarray(step))
        return left
    additive.step(packed.rows, codes, np.ascontiguousarray(step))
    return _SMALL


def _derive(spec: Spec, packed: Packed) -> None:
    """Set slope and bend from the margins."""
    if packed.rows.loss >= 0:
        additive.derive(packed.rows)
    else:
        derive_any(spec, packed.rows)
