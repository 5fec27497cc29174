"""Small tables with a known law, and trainings of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from justright.workflow import Run, train


def _houses(rows: int = 240, seed: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    size, age = rng.uniform(20, 200, rows).round(1), rng.integers(0, 90, rows)
    colour = np.array(["red", "green", "blue"])[rng.integers(0, 3, rows)]
    price = 3 * size - age + 40 * (colour == "red") + rng.normal(0, 20, rows)
    sold = np.where(price + rng.normal(0, 80, rows) > 320, "yes", "no")
    kind = np.array(["flat", "house", "villa"])[np.digitize(price + rng.normal(0, 60, rows), [200, 400])]
    street = [f"street {i % 40}" for i in range(rows)]
    return {
        "size": size,
        "age": age,
        "colour": colour.tolist(),
        "street": street,
        "year": [1980 + i // 6 for i in range(rows)],
        "price": price.round(2),
        "sold": sold.tolist(),
        "kind": kind.tolist(),
    }


@pytest.fixture(scope="session")
def houses() -> Callable[..., dict[str, Any]]:
    """Return a table with one of the targets price, sold, kind; the other targets left out."""

    def make(target: str, **given: Any) -> dict[str, Any]:
        others = {"price", "sold", "kind"} - {target}
        return {name: values for name, values in _houses(**given).items() if name not in others}

    return make


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., Run]:
    """Train in a folder of the test, without the boosted baseline unless asked."""

    def make(table: object, target: str, **choices: Any) -> Run:
        choices.setdefault("baseline", False)
        choices.setdefault("family", "glass-box")
        choices.setdefault("out", tmp_path / "runs")
        return train(table, target=target, **choices)

    return make
