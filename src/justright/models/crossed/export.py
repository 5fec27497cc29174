"""The arrays and the front of one member's model, each effect where a reader looks for it.

What a table of a cross says of one of its fields alone, its mean over the other axis, is moved into that
field's function; the margins do not change. So a cross shows what its two columns do beyond their own
functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.models.base import State
from justright.models.crossed.fields import Field
from justright.models.crossed.forward import Layout
from justright.models.crossed.terms import Term
from justright.schema import FloatArray

__all__ = ["export_model"]


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
    made = _pure([table.copy() for table in tables], terms, intercept)
    none = np.zeros(0, np.float32)
    maps = [each for term in terms for each in term.maps]
    return {**layout.to_front(), "centre": centre, "scale": scale}, {
        "intercept": intercept,
        "tables": np.ascontiguousarray(np.concatenate(made)),
        "edges": np.concatenate([none, *(field.edges for field in fields)]).astype(np.float32),
        "maps": np.concatenate([np.zeros(0, np.int32), *maps]).astype(np.int32),
    }


def _pure(tables: list[FloatArray], terms: Sequence[Term], intercept: FloatArray) -> list[FloatArray]:
    """Move what crosses say of one field alone into its function, and their mean into the intercept."""
    for term, table in zip(terms, tables, strict=True):
        if len(term.fields) != 2:
            continue
        grid = table.reshape(*term.shape, -1)
        mean = grid.mean(axis=(0, 1))
        rows, columns = grid.mean(axis=1) - mean, grid.mean(axis=0) - mean
        grid -= mean + rows[:, None] + columns[None]
        intercept += mean
        for field, axis, effect in zip(term.fields, term.maps, (rows, columns), strict=True):
            tables[field] += effect[axis]
    return tables
