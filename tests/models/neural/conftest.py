"""What the tests of networks share: small encoded tables with the Spec that trains a network on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.kernels.hashing import mix64
from justright.models.base import Spec
from justright.optim.losses import Huber, Logistic, Loss, Poisson, Quantile, Softmax, Squared
from justright.optim.schedules import schedule_for
from justright.recipe import Descent, Network
from justright.schema import Block, Column

LOSSES: dict[str, Loss] = {
    "squared": Squared(),
    "huber": Huber(),
    "quantile": Quantile(0.3, 0.3),
    "poisson": Poisson(),
    "logistic": Logistic(),
    "softmax": Softmax(),
}

# A rate is given, so that no race is run, and dropout is off, so that a step is a function of its rows.
TINY = {"hidden": (6,), "rate": 0.05, "batch": 32, "epochs": 8, "dropout": 0.0, "numbers": "plain"}


def _plan(p: int, fields: tuple[int, ...], missing: bool) -> FeaturePlan:
    """Return a plan of p numbers and categories of so many codes, rare and missing among them."""
    numeric = tuple(
        NumericFeature(Column(f"x{i}", "numeric", "number"), 0.0, 1.0, -9.0, 9.0, missing=missing)
        for i in range(p)
    )
    categorical = tuple(
        CategoricalFeature(
            Column(f"c{i}", "categorical", "text"),
            tuple(f"v{k:05d}" for k in range(size - 2)),
            (1.0,) * (size + 1),
        )
        for i, size in enumerate(fields)
    )
    return FeaturePlan(PlanData(numeric, categorical, (), None))


def _target(rng: np.random.Generator, loss: str, signal: Any, outputs: int) -> Any:
    """Return a target that follows the signal as the loss supposes."""
    if loss == "logistic":
        return (rng.random(len(signal)) < 1 / (1 + np.exp(-signal))).astype(np.int32)
    if loss == "softmax":
        cuts = np.linspace(-1, 1, outputs - 1)
        return np.digitize(signal + 0.3 * rng.normal(size=len(signal)), cuts).astype(np.int32)
    if loss == "poisson":
        return rng.poisson(np.exp(0.3 * signal)).astype(np.float32)
    return (signal + 0.3 * rng.normal(size=len(signal))).astype(np.float32)


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Network]:
    """Return a small network that trains in moments, with some settings changed."""

    def make(**changed: Any) -> Network:
        return Network(**{**TINY, **changed})  # type: ignore[arg-type]  # the table mixes types

    return make


@pytest.fixture(scope="session")
def problem() -> Callable[..., tuple[Spec, list[Block]]]:
    """Return a factory of (spec, blocks): n rows, p numbers, categories, blocks and folds."""

    def make(
        n: int = 200,
        p: int = 3,
        fields: tuple[int, ...] = (5,),
        loss: str = "squared",
        outputs: int = 1,
        seed: int = 0,
        n_blocks: int = 3,
        missing: bool = False,
        n_folds: int = 3,
    ) -> tuple[Spec, list[Block]]:
        rng = np.random.default_rng(seed)
        numeric = rng.normal(size=(n, p)).astype(np.float32)
        codes = np.stack([rng.integers(0, size, n) for size in fields], 1) if fields else np.zeros((n, 0))
        signal = numeric @ np.linspace(1.0, -0.5, p) if p else np.zeros(n)
        if fields:
            signal = signal + 0.7 * np.cos(2.0 * codes[:, 0])
        target = _target(rng, loss, signal, outputs)
        if missing:
            numeric[rng.random(numeric.shape) < 0.2] = np.nan
        fold = rng.integers(0, n_folds, (n, 1)).astype(np.int8)
        key = mix64(np.arange(1, n + 1, dtype=np.uint64))
        whole = Block(numeric, codes.astype(np.int32), target, np.ones(n, np.float32), fold, None, key)
        ends = np.linspace(0, n, n_blocks + 1).astype(int).tolist()
        blocks = [whole.slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        plan = _plan(p, fields, missing)
        return Spec(LOSSES[loss], outputs, plan, Descent("sgd"), schedule_for("constant"), n), blocks

    return make
