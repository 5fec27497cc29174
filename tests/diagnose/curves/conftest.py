"""Made histories: curves with a known fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.diagnose.evidence import Evidence, HeldRows, Rival
from justright.recipe import Descent, Network, Recipe
from justright.training.history import Row

Make = Callable[..., Evidence]


def _held(share: float, rows: int, off: float) -> HeldRows:
    """Standard normal targets, of whose variance `share` is predicted; predictions off by `off`."""
    rng = np.random.default_rng(1)
    said = rng.normal(0, np.sqrt(share), rows)
    target = said + rng.normal(0, np.sqrt(1 - share), rows)
    return HeldRows(target, said + off, np.ones(rows), np.zeros(rows, np.int8))


@pytest.fixture
def make() -> Make:
    """Return the evidence of a run with these curves; by default a network that is just right."""

    def evidence(
        validation: Any = None,
        train: Any = None,
        *,
        family: str = "neural",
        rows: int = 600,
        boosted: float = 0.55,
        share: float = 0.7,
        off: float = 0.0,
        norms: Any = None,
        network: dict[str, Any] | None = None,
        **more: Any,
    ) -> Evidence:
        steps = np.arange(1, 31)
        rng = np.random.default_rng(0)
        if validation is None:
            validation = 0.15 + 0.35 * np.exp(-steps / 4) + rng.normal(0, 0.002, 30)
        if train is None:
            train = np.asarray(validation) - 0.01
        own = norms or {"rate": 0.01, "update": 1e-3, "dead": 0.0}
        # One dict for all passes, or one each.
        each = own if isinstance(own, list) else [own] * len(validation)
        history = tuple(
            Row(k + 1, 0, 0, 0, 0.0, train=_number(t), validation=_number(v), norms=each[k])
            for k, (v, t) in enumerate(zip(validation, train, strict=True))
        )
        settings = {"schedule": "constant", "hidden": (64, 64), "rate": 0.01} | (network or {})
        recipe = Recipe(family=family, network=Network(**settings), descent=Descent("sgd"))
        held = _held(share, rows, off)
        base = 0.5 * float(np.var(held.target))
        loss = base * (1 - boosted**1)
        rival = Rival("rmse", float(np.sqrt(2 * base)), float(np.sqrt(2 * loss)), 0.55, False, loss)
        given: dict[str, Any] = {"base": base, "held": held, "rival": rival} | more
        return Evidence(history, "regression", family, recipe, 2400, len(history), **given)

    return evidence


def _number(value: float) -> float | None:
    """None where a history has no number."""
    return float(value) if np.isfinite(value) else None
