"""A plan fitted on columns of Python values, and what the tests compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from justright.features.fit import PlanFit
from justright.features.plan import FeaturePlan, canonical
from justright.recipe import Features
from justright.schema import Block, Column

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


def _fitted(
    columns: Sequence[Column],
    table: dict[str, Sequence[object]],
    weight: Sequence[float] | None = None,
    batches: Sequence[Sequence[int]] | None = None,
    **recipe: int,
) -> PlanFit:
    fit = PlanFit(columns, Features(**recipe))
    rows = len(next(iter(table.values())))
    weights = np.ones(rows) if weight is None else np.asarray(weight, np.float64)
    for chosen in [range(rows)] if batches is None else batches:
        values = {c.name: canonical([table[c.name][i] for i in chosen], c) for c in columns}
        fit.add(values, weights[list(chosen)])
    return fit


@pytest.fixture(scope="session")
def fitted() -> Callable[..., PlanFit]:
    """Return a fit over the rows, batch by batch (lists of row numbers)."""
    return _fitted


@pytest.fixture(scope="session")
def plan_of() -> Callable[..., FeaturePlan]:
    """Return the plan of such a fit."""
    return lambda *given, **settings: _fitted(*given, **settings).plan(None)


@pytest.fixture(scope="session")
def same_bits() -> Callable[[Block, Block], None]:
    """Demand that two blocks hold the same features to the bit (every NaN is one NaN)."""

    def bits(block: Block) -> list[Any]:
        numeric = np.where(np.isnan(block.numeric), np.float32(np.nan), block.numeric)
        found = [numeric.shape, numeric.tobytes(), block.codes.shape, block.codes.tobytes()]
        if block.tokens is not None:
            t = block.tokens
            found += [t.indptr.tolist(), t.indices.tolist(), t.values.tobytes(), t.width]
        return found

    def check(one: Block, other: Block) -> None:
        assert bits(one) == bits(other)

    return check
