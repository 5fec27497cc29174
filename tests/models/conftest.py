"""Slow and plain copies of what a linear training does, and the run of an exact Learner to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import settings

from justright.models.base import Spec
from justright.models.linear.exact import ExactLinear
from justright.schema import Block, FloatArray, Member

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


class Table(NamedTuple):
    """All rows at once, the design matrix written out."""

    X: FloatArray
    y: Any
    w: FloatArray
    fold: Any
    key: Any


def _features(spec: Spec, block: Block, row: int) -> list[float]:
    """One row of the design matrix: numbers, indicators, one-hot codes, tokens."""
    data = spec.plan.data
    z = block.numeric[row].astype(float)
    found = [0.0 if np.isnan(v) else v for v in z]
    found += [float(np.isnan(v)) for v, f in zip(z, data.numeric, strict=True) if f.missing]
    for place, field in enumerate(data.categorical):
        found += [float(block.codes[row, place] == code) for code in range(field.size)]
    slots = np.zeros(sum(f.slots for f in data.text))
    if block.tokens is not None:
        for entry in range(block.tokens.indptr[row], block.tokens.indptr[row + 1]):
            slots[block.tokens.indices[entry]] += block.tokens.values[entry]
    return [*found, *slots]


@pytest.fixture(scope="session")
def table_of() -> Callable[[Spec, Sequence[Block]], Table]:
    """Return the rows of blocks as one dense table, row by row in plain Python."""

    def make(spec: Spec, blocks: Sequence[Block]) -> Table:
        X = np.array([_features(spec, block, row) for block in blocks for row in range(block.rows)])
        y, w, fold, key = (
            np.concatenate([getattr(b, name) for b in blocks]) for name in ("target", "weight", "fold", "key")
        )
        return Table(X, y, w.astype(np.float64), fold, key)

    return make


@pytest.fixture(scope="session")
def minimised() -> Callable[..., tuple[dict[str, Any], Any]]:
    """Return state and last progress of the exact Learner when all members are done."""

    def run(spec: Spec, blocks: Sequence[Block], members: Sequence[Member], most: int = 300) -> Any:
        learner = ExactLinear()
        state = learner.start(spec, blocks, members, 0)
        for number in range(most):
            state, progress = learner.advance(spec, state, blocks, members, number)
            if progress.done.all():
                return state, progress
        raise AssertionError(f"not at the optimum after {most} passes")

    return run


@pytest.fixture(scope="session")
def members_of() -> Callable[..., tuple[Member, ...]]:
    """Return the members of all folds (and all rows) at each penalty."""

    def make(penalties: Sequence[float], folds: int = 3, **same: Any) -> tuple[Member, ...]:
        return tuple(
            Member(fold, setting, penalty, **same)
            for fold in range(-1, folds)
            for setting, penalty in enumerate(penalties)
        )

    return make
