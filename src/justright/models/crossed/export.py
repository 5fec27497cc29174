"""The arrays and the front of one member's model, each effect where a reader looks for it.

What a table of a cross says of one of its fields alone, its mean over the rows, is moved into that
field's function, and the mean of every function into the intercept; the margins do not change. So a cross
shows what its two columns do beyond their own functions, and a function what its column does beyond the mean
row (Lengerich et al. 2020 call it purification).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.models.base import State
from justright.models.crossed.fields import Field
from justright.models.crossed.forward import Layout
from justright.models.crossed.terms import Term
from justright.schema import FloatArray

__all__ = ["export_model"]

_ROUNDS: Final = 40  # of taking out the means of rows and of columns in turn


def export_model(
    fields: Sequence[Field],
    terms: Sequence[Term],
    state: State,
    own: slice,
    centre: float,
    scale: float,
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return front and arrays of the columns `own` of a state.

    Parameters
    ----------
    fields, terms
        What the state's tables are of.
    state : State
        Of a `CrossedLearner`.
    own : slice
        Columns: the outputs of one member, or of several side by side.
    centre, scale : float
        From the margin to the target's unit.
    """
    names = tuple(" x ".join(fields[i].name for i in term.fields) for term in terms)
    layout = Layout(
        tuple(field.kind for field in fields),
        tuple(field.source for field in fields),
        tuple(field.size for field in fields),
        tuple(term.fields for term in terms),
        tuple(term.shape for term in terms),
        names,
    )
    tables = np.split(state["tables"][:, own], np.cumsum([term.cells for term in terms])[:-1])
    intercept = state["intercept"][own].copy()
    masses = np.split(_mass(state), np.cumsum([term.cells for term in terms])[:-1])
    made = _pure([table.copy() for table in tables], terms, masses, intercept)
    none = np.zeros(0, np.float32)
    maps = [each for term in terms for each in term.maps]
    return {**layout.to_front(), "centre": centre, "scale": scale}, {
        "intercept": intercept,
        "tables": np.ascontiguousarray(np.concatenate(made)),
        "edges": np.concatenate([none, *(field.edges for field in fields)]).astype(np.float32),
        "maps": np.concatenate([np.zeros(0, np.int32), *maps]).astype(np.int32),
    }


def _mass(state: State) -> FloatArray:
    """Return the weight of the training rows in each cell; equal ones as long as it is not known."""
    mass = state["mass"]
    return mass if mass.any() else np.ones(len(mass))


def _pure(
    tables: list[FloatArray], terms: Sequence[Term], masses: Sequence[FloatArray], intercept: FloatArray
) -> list[FloatArray]:
    """Move what crosses say of one field alone into its function, and all means into the intercept."""
    for term, table, mass in zip(terms, tables, masses, strict=True):
        if len(term.fields) != 2:
            continue
        grid, weight = table.reshape(*term.shape, -1), mass.reshape(*term.shape, 1)
        for _ in range(_ROUNDS):
            for axis, (field, group) in enumerate(zip(term.fields, term.maps, strict=True)):
                total = np.maximum(weight.sum(axis=1 - axis), 1e-300)
                effect = (weight * grid).sum(axis=1 - axis) / total
                grid -= np.expand_dims(effect, 1 - axis)
                tables[field] += effect[group]
    for table, mass, term in zip(tables, masses, terms, strict=True):
        if len(term.fields) == 1:
            mean = mass @ table / max(float(mass.sum()), 1e-300)
            table -= mean
            intercept += mean
    return tables
