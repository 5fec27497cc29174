"""The state of an additive model as named arrays: its terms, and how crosses enter and leave it.

tables, bends    (cells of all terms, C)
mass             (cells,) weight of the training rows, 0 = not known yet
strength         (terms, 2), with what was tried in choice (terms, tried, 4)
own              (terms, 2, C) strengths of each column: those of a fold are chosen without its rows
crosses          (crosses, 4) fields and shape, with maps int32 of both axes of each
tried            (pairs, 7) fields, gain, z, p, verdict, round
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from justright.models.base import State
from justright.models.crossed.fields import Field
from justright.models.crossed.search import LEVEL
from justright.models.crossed.stage import Stage
from justright.models.crossed.strength import CANDIDATES
from justright.models.crossed.sweep import Tables
from justright.models.crossed.terms import Term, single_term
from justright.schema import FloatArray

__all__ = [
    "CROWDED",
    "FORCED",
    "KEPT",
    "LEFT",
    "REFUSED",
    "grown",
    "moved_state",
    "noted",
    "tables_of",
    "terms_of",
    "without",
]

REFUSED: Final = 0
"""Verdict on a pair: its gain does not stand above the noise."""

KEPT: Final = 1
"""Verdict on a pair: it is in the model."""

LEFT: Final = 2
"""Verdict on a pair: it entered, and left again because held-out rows did not miss it."""

CROWDED: Final = 3
"""Verdict on a pair: significant, but others were stronger."""

FORCED: Final = 4
"""Verdict on a pair: it was asked for."""


def terms_of(state: State, fields: Sequence[Field]) -> list[Term]:
    """Return the terms of a state: every field, then the crosses."""
    terms = [single_term(place, field) for place, field in enumerate(fields)]
    begin = 0
    for i, j, rows, columns in state["crosses"].tolist():
        maps = []
        for field in (i, j):
            maps.append(state["maps"][begin : begin + fields[field].size])
            begin += fields[field].size
        ordered = (fields[i].ordered, fields[j].ordered)
        terms.append(Term((i, j), (rows, columns), tuple(maps), ordered, np.zeros(0, bool)))
    return terms


def tables_of(state: State, terms: Sequence[Term]) -> Tables:
    """Return what sweeps move, copied."""
    ends = np.cumsum([term.cells for term in terms])[:-1]
    return Tables(
        state["intercept"].copy(),
        [part.copy() for part in np.split(state["tables"], ends)],
        [part.copy() for part in np.split(state["bends"], ends)],
        list(state["strength"].copy()),
        list(state["choice"].copy()),
        list(state["own"].copy()),
    )


def moved_state(state: State, at: Tables, stage: Stage) -> State:
    """Return the state with moved tables."""
    return {
        **state,
        "stage": stage.to_array(),
        "intercept": at.intercept,
        "tables": np.concatenate(at.tables),
        "bends": np.concatenate(at.bends),
        "strength": np.stack(at.strength),
        "choice": np.stack(at.choice),
        "own": np.stack(at.own),
    }


def grown(state: State, term: Term) -> State:
    """Return the state with one more cross, of zeros."""
    columns = state["tables"].shape[1]
    return {
        **state,
        "tables": np.concatenate([state["tables"], np.zeros((term.cells, columns))]),
        "bends": np.concatenate([state["bends"], np.full((term.cells, columns), np.nan)]),
        "mass": np.zeros(len(state["mass"]) + term.cells),
        "strength": np.concatenate([state["strength"], np.full((1, 2), np.nan)]),
        "choice": np.concatenate([state["choice"], np.full((1, CANDIDATES, 4), np.nan)]),
        "own": np.concatenate([state["own"], np.full((1, 2, columns), np.nan)]),
        "crosses": np.concatenate([state["crosses"], [[*term.fields, *term.shape]]]).astype(np.int64),
        "maps": np.concatenate([state["maps"], *term.maps]),
    }


def without(state: State, terms: Sequence[Term], kept: Sequence[bool]) -> State:
    """Return the state without some crosses, noted as having left."""
    keep = np.asarray(kept, bool)
    cells = np.repeat(keep, [term.cells for term in terms])
    crosses = [term for term in terms if len(term.fields) == 2]
    stay = keep[len(terms) - len(crosses) :]
    maps = [each for term, stays in zip(crosses, stay, strict=True) if stays for each in term.maps]
    tried = state["tried"].copy()
    for term, stays in zip(crosses, stay, strict=True):
        if not stays:
            tried[
                (tried[:, 0] == term.fields[0]) & (tried[:, 1] == term.fields[1]) & (tried[:, 5] == KEPT), 5
            ] = LEFT
    return {
        **state,
        "tables": state["tables"][cells],
        "bends": state["bends"][cells],
        "mass": state["mass"][cells],
        "strength": state["strength"][keep],
        "choice": state["choice"][keep],
        "own": state["own"][keep],
        "crosses": state["crosses"][stay],
        "maps": np.concatenate([np.zeros(0, np.int32), *maps]).astype(np.int32),
        "tried": tried,
    }


def noted(
    tried: FloatArray,
    found: Sequence[Any],
    taken: Sequence[Any],
    forced: Sequence[tuple[int, int]],
    number: int,
) -> FloatArray:
    """Return notes on all pairs tried, (pairs, 7): fields, gain, z, p, verdict, round; the newest count."""
    names = {(each.first, each.second) for each in taken}
    rows = [[i, j, np.nan, np.nan, np.nan, FORCED, number] for i, j in forced]
    for each in found:
        crowded = CROWDED if each.p < LEVEL and each.gain > 0 else REFUSED
        verdict = KEPT if (each.first, each.second) in names else crowded
        rows.append([each.first, each.second, each.gain, each.z, each.p, verdict, number])
    fresh = {(int(row[0]), int(row[1])) for row in rows}
    old = [row for row in tried.tolist() if (int(row[0]), int(row[1])) not in fresh]
    return np.asarray([*old, *rows], np.float64).reshape(-1, 7)
