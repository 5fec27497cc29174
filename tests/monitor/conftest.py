from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.kernels.hashing import mix64
from justright.monitor.attribution import terms_of
from justright.monitor.baseline import Proof, baseline
from justright.schema import Block, Column

LABELS = ("a", "b", "c")


class Model:
    """A logistic model of two numbers and a category, with its baseline: what `watch` asks for."""

    def __init__(self, rows: int = 4000, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        category = CategoricalFeature(
            Column("colour", "categorical", "text"), LABELS, (0.0, rows / 50, *[rows * 0.98 / 3] * 3)
        )
        numbers = tuple(
            NumericFeature(Column(name, "numeric", "number"), 10.0, 2.0, 0.0, 20.0, True)
            for name in ("x", "y")
        )
        self.plan = FeaturePlan(PlanData(numbers, (category,), (), None))
        self.front = {"numeric": 2, "indicators": [], "sizes": [5], "tokens": 0}
        self.arrays = {
            "weights": np.array([[1.0], [0.5], [0.0], [0.0], [-0.5], [0.0], [0.5]]),
            "bias": np.array([-0.3]),
        }
        self.rng = rng
        block = self.block(rows)
        margins = self.margins(block)
        target = (rng.random(rows) < self.expected(margins)).astype(int)
        proof = Proof("binary", self.expected(margins), target, np.ones(rows), ("(prediction)",))
        made = baseline(
            self.plan, [block], proof=proof, terms=terms_of("linear", self.front, self.arrays, self.plan)
        )
        model = SimpleNamespace(family="linear", front=self.front, task="binary")
        self.bundle = SimpleNamespace(baseline=made, model=model, arrays=self.arrays)

    def block(self, rows: int, shift: float = 0.0, missing: float = 0.0, shares: Any = None) -> Block:
        """Rows of service."""
        numeric = self.rng.normal(size=(rows, 2)).astype(np.float32)
        numeric[:, 0] += shift
        numeric[self.rng.random(rows) < missing, 1] = np.nan
        weights = [0.0, 0.02, 0.98 / 3, 0.98 / 3, 0.98 / 3] if shares is None else shares
        codes = self.rng.choice(5, rows, p=weights).astype(np.int32)[:, None]
        return Block(
            numeric,
            codes,
            np.zeros(rows, np.float32),
            np.ones(rows, np.float32),
            np.full((rows, 1), -2, np.int8),
            None,
            mix64(np.arange(rows, dtype=np.uint64)),
        )

    def margins(self, block: Block) -> Any:
        from justright.models.linear.forward import margins

        return margins(self.front, self.arrays, block)

    def expected(self, margins: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-margins[:, 0]))


@pytest.fixture
def model() -> Model:
    return Model()
