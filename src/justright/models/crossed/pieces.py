"""More rows for a trained additive model: former rows count through their curvature, cell by cell.

Of all rows seen so far each cell keeps two sums, bend B and pull P = sum of (bend u - slope), taken at
the tables u where the rows were left. To a table u the former rows then say

    slope B u - P,  bend B          a quadratic around their own optimum P / B

and a piece is trained by sweeps like those of `models.crossed.sweep` on its own rows plus these sums. The
penalty is on the table itself and enters each step once, however many pieces there were. Where strengths
are chosen, a piece judges them before it trains: the sums are the training rows and the piece is held
out (Dawid 1984 calls it prequential); later pieces count for more.

Cost: that of a few sweeps over the rows of the piece; memory two numbers a cell and output. What is
approximate: the loss of former rows is taken to second order, and what one term's move does to the
former rows' slope in another term is left out, as if columns were independent. Both vanish as the tables
settle: errors are of the size of the pieces' moves, and later rows correct them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from justright.kernels import additive
from justright.models.base import Spec, State
from justright.models.crossed.fields import Field
from justright.models.crossed.guard import GRAINS
from justright.models.crossed.packed import Packed, columns_of, counts_of, pack
from justright.models.crossed.slopes import derive_any
from justright.models.crossed.state import terms_of
from justright.models.crossed.strength import Sums, choose, first_strengths, longest_step, newton
from justright.models.crossed.terms import Term, cross_term
from justright.schema import Block, FloatArray, Member

__all__ = ["begin", "go_on"]

_SWEEPS: Final = 8  # most sweeps over a piece
_STANDS: Final = 1e-6  # mean squared move of a margin at which sweeps end
_MODERATE: Final = 10.0  # strength where nobody chose one, as in `sweep`
_GRID: Final = [(s, r) for s in (0.0, 1.0, 3.0, 10.0, 30.0, 100.0) for r in (0.1, 1.0, 10.0, 100.0)]
_EVERY: Final = (Member(-1, 0, 1.0),)


def begin(
    spec: Spec, fields: Sequence[Field], state: State, blocks: Sequence[Block], *, finest: bool = False
) -> State:
    """Return what to go on from after a training.

    Parameters
    ----------
    spec : Spec
        What was trained.
    fields : sequence of Field
        Its fields.
    state : State
        Of a `CrossedLearner` whose member 0 trains on all rows.
    blocks : sequence of Block
        The rows it was trained on.
    finest : bool, default False
        Cut the crosses to the finest grain: more rows than these are to fill them, and strengths are chosen.

    Returns
    -------
    dict of arrays
        As the learner's state, of the one member, with the sums of the rows; `mass` is their weight by
        cell, of the terms in turn.
    """
    used, columns = spec.outputs, columns_of(1, spec.outputs)
    if finest:
        state = _finest(spec, fields, state, blocks)
    strength = np.where(np.isfinite(state["strength"]), state["strength"], _MODERATE)
    made: State = {
        "intercept": _padded(state["intercept"][None, :used], columns)[0],
        "tables": _padded(state["tables"][:, :used], columns),
        "strength": strength,
        "gain": np.zeros((len(strength), len(_GRID))),
        "crosses": state["crosses"],
        "maps": state["maps"],
        "bend": np.zeros((1 + len(state["tables"]), columns)),
        "pull": np.zeros((1 + len(state["tables"]), columns)),
        "weight": np.zeros(columns),
        "mass": np.zeros(len(state["tables"])),
    }
    piece = _piece(spec, fields, made, blocks)
    return _summed(made, piece)


def go_on(
    spec: Spec,
    fields: Sequence[Field],
    state: State,
    blocks: Sequence[Block],
    *,
    factor: float = 1.0,
    choosing: bool = False,
) -> State:
    """Return the state after some more rows.

    Parameters
    ----------
    spec, fields
        As for `begin`.
    state : State
        Of `begin` or `go_on`.
    blocks : sequence of Block
        New rows, encoded by the same plan, with weights in the same unit.
    factor : float, default 1.0
        Multiple of the strengths.
    choosing : bool, default False
        Choose the strengths anew, judged on the new rows before they train.
    """
    piece = _piece(spec, fields, state, blocks)
    if not piece.weight[0] > 0:
        return state
    if choosing:
        state = _chosen(state, piece)
    for _ in range(_SWEEPS):
        if _sweep(state, piece, factor) <= _STANDS * float(piece.weight[0]):
            break
    piece.restore()
    return _summed(state, piece)


class _Piece:
    """Some rows as codes, and the tables that they move: the intercept's first, then the terms'."""

    def __init__(
        self, spec: Spec, packed: Packed, terms: Sequence[Term], tables: Sequence[FloatArray]
    ) -> None:
        self.spec = spec
        self.rows = packed.rows
        self.weight = packed.trained_weight
        self.terms = terms
        self.tables = list(tables)
        self.cells = [np.zeros(packed.rows.count, np.uint16), *(packed.cells(term) for term in terms)]
        ends = np.cumsum([0, *(len(table) for table in tables)]).tolist()
        self.own = [slice(*both) for both in pairwise(ends)]
        self.limit = longest_step(spec.loss.link)
        self.restore()

    def restore(self) -> None:
        """Set margins, slope and bend of all rows from the tables."""
        self.rows.margin[:] = 0.0
        for codes, table in zip(self.cells, self.tables, strict=True):
            additive.gather(self.rows, codes, table)
        self._derive()

    def move(self, place: int, step: FloatArray) -> None:
        """Move a table, and the rows with it."""
        self.tables[place] = self.tables[place] + step
        additive.gather(self.rows, self.cells[place], np.ascontiguousarray(step))
        self._derive()

    def sums(self, place: int) -> tuple[FloatArray, FloatArray]:
        """Return slope and bend of these rows by cell of a table."""
        made = additive.histogram(self.rows, self.cells[place], len(self.tables[place]))
        return made[0], made[1]

    def mass(self, place: int) -> FloatArray:
        """Return the weight of these rows by cell of a table."""
        found = np.bincount(self.cells[place], weights=self.rows.weight, minlength=len(self.tables[place]))
        return found.astype(np.float64)

    def _derive(self) -> None:
        """Set slope and bend from the margins."""
        if self.rows.loss >= 0:
            additive.derive(self.rows)
        else:
            derive_any(self.spec, self.rows)


def _piece(spec: Spec, fields: Sequence[Field], state: State, blocks: Sequence[Block]) -> _Piece:
    """Return rows at the tables of a state."""
    terms = terms_of(state, fields)
    tables = np.split(state["tables"], np.cumsum([term.cells for term in terms])[:-1])
    return _Piece(spec, pack(spec, blocks, _EVERY, fields, 1.0), terms, [state["intercept"][None], *tables])


def _sweep(state: State, piece: _Piece, factor: float) -> float:
    """Move the intercept and every term once; return the squared moves of the rows' margins, summed."""
    weight, moved = state["weight"] + piece.weight, 0.0
    for place, table in enumerate(piece.tables):
        own = piece.own[place]
        slope, bend = piece.sums(place)
        slope += state["bend"][own] * table - state["pull"][own]
        bend += state["bend"][own]
        if place == 0:
            step = np.clip(-slope / np.maximum(bend, 1e-300), -piece.limit, piece.limit)
        else:
            strength = np.repeat(state["strength"][place - 1][:, None] * factor, table.shape[1], axis=1)
            made = newton(piece.terms[place - 1], slope, bend, table, strength, weight)
            step = np.clip(made - table, -piece.limit, piece.limit)
            step -= (bend * step).sum(axis=0) / np.maximum(bend.sum(axis=0), 1e-300)
        piece.move(place, step)
        moved += float((piece.mass(place)[:, None] * step**2).max(axis=1).sum())
    return moved


def _chosen(state: State, piece: _Piece) -> State:
    """Return the state with the strengths that the pieces so far, this one included, like best."""
    used = piece.spec.outputs
    gain, strength = state["gain"].copy(), state["strength"].copy()
    share = state["weight"][0] / (state["weight"][0] + piece.weight[0])
    for number, term in enumerate(piece.terms):
        own, table = piece.own[number + 1], piece.tables[number + 1][:, :used]
        bend, tried = state["bend"][own, :used], _path(term)
        slope, turn = (each[:, :used] for each in piece.sums(number + 1))
        sums = Sums(bend * table - state["pull"][own, :used], bend, slope, turn)
        found = choose(term, sums, table, tried, state["weight"][:used], piece.limit)
        gain[number] *= share
        gain[number, : len(tried)] += found.gain
        strength[number] = tried[int(np.argmax(gain[number, : len(tried)]))]
    return {**state, "gain": gain, "strength": strength}


def _finest(spec: Spec, fields: Sequence[Field], state: State, blocks: Sequence[Block]) -> State:
    """Return the state with every cross at the finest grain, each cell with the value of its coarser cell."""
    counts = counts_of(pack(spec, blocks, _EVERY, fields, 1.0), fields)
    old = terms_of(state, fields)
    tables = np.split(state["tables"], np.cumsum([term.cells for term in old])[:-1])
    crosses, maps, made = [], [np.zeros(0, np.int32)], []
    for term, table in zip(old, tables, strict=True):
        if len(term.fields) == 1:
            made.append(table)
            continue
        fine = cross_term((term.fields[0], term.fields[1]), fields, counts, GRAINS[-1])
        axes = []
        for size, finer, coarser in zip(fine.shape, fine.maps, term.maps, strict=True):
            axes.append(np.zeros(size, np.int64))
            axes[-1][finer] = coarser
        made.append(table.reshape(*term.shape, -1)[np.ix_(*axes)].reshape(fine.cells, -1))
        crosses.append([*fine.fields, *fine.shape])
        maps += fine.maps
    return {
        **state,
        "tables": np.concatenate(made),
        "crosses": np.asarray(crosses, np.int64).reshape(-1, 4),
        "maps": np.concatenate(maps).astype(np.int32),
    }


def _path(term: Term) -> FloatArray:
    """Return the strengths (k, 2) that pieces judge; the same for all pieces, so that gains add up."""
    return np.asarray(_GRID) if len(term.fields) == 2 and any(term.ordered) else first_strengths(term)


def _summed(state: State, piece: _Piece) -> State:
    """Return the state with the tables of a piece and the sums of its rows at these tables."""
    bend, pull = state["bend"].copy(), state["pull"].copy()
    mass = [piece.mass(place) for place in range(1, len(piece.tables))]
    for place, table in enumerate(piece.tables):
        slope, turn = piece.sums(place)
        # Of several outputs that move together the bend of a step is doubled; what rows know is not.
        turn = turn if piece.spec.outputs == 1 else 0.5 * turn
        bend[piece.own[place]] += turn
        pull[piece.own[place]] += turn * table - slope
    return {
        **state,
        "intercept": piece.tables[0][0],
        "tables": np.concatenate(piece.tables[1:]),
        "bend": bend,
        "pull": pull,
        "weight": state["weight"] + piece.weight,
        "mass": state["mass"] + np.concatenate(mass),
    }


def _padded(values: FloatArray, columns: int) -> FloatArray:
    """Return values with columns of zeros up to a number of columns."""
    return np.ascontiguousarray(np.pad(values, ((0, 0), (0, columns - values.shape[1]))))
