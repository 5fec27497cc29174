"""What a pass says of its batches: how far they are apart, and the gradients of the first and last layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from justright.optim.losses import Squared

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

from justright.models.neural.design import Design  # noqa: E402  (jax may be missing)
from justright.models.neural.net import TableNet  # noqa: E402
from justright.models.neural.program import Batches, Program  # noqa: E402
from justright.models.neural.rule import Rule  # noqa: E402

STEPS, ROWS = 24, 16
DEEP = Design(2, 0, (), 1, (4, 4), parametric=False, numbers="plain", front=False)


def ran(order: Any, rate: float = 1e-6, fold: int = -100, weight: Any = None) -> dict[str, Any]:
    """Return the sums of one pass over rows whose target is a normal number, taken in this order."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS * ROWS, 2)).astype(np.float32)
    target = rng.normal(size=STEPS * ROWS).astype(np.float32)
    chosen = order(target)
    parts = x[chosen].reshape(STEPS, ROWS, 2), np.zeros((STEPS, ROWS, 0), np.int32)
    weight = np.ones((STEPS, ROWS), np.float32) if weight is None else weight
    folds = np.tile(np.arange(ROWS) % 4, (STEPS, 1))[..., None].astype(np.int8)
    batches = Batches(*parts, target[chosen].reshape(STEPS, ROWS), weight, folds)
    program = Program(TableNet(DEEP), {}, Squared(), Rule("sgd", (), "constant", groups=False))
    told = {"rate": np.full(1, rate, np.float32), "fold": np.full(1, fold, np.int32), "seed": np.uint32(0)}
    told |= {"repeat": np.zeros(1, np.int32), "forward": np.zeros(1, bool)}
    told |= {"first": np.int32(0), "steps": np.float32(STEPS)}
    size = sum(leaf.size for leaf in program.net.leaves)
    start = 0.1 * np.random.default_rng(1).normal(size=(1, size)).astype(np.float32)
    carry = program.start(start, {}, told["rate"], STEPS)
    return {name: float(value[0]) for name, value in program.train(carry, batches, told)[1].items()}


def mixed(target: Any) -> Any:
    return np.arange(len(target))


def test_batches_of_mixed_rows_are_as_far_apart_as_their_rows_let_them_be() -> None:
    sums = ran(mixed)
    assert 0.4 < sums["between"] / sums["within"] < 2.2


def test_batches_of_sorted_rows_are_far_apart() -> None:
    sums = ran(np.argsort)
    assert sums["between"] / sums["within"] > 8.0


def test_rows_that_do_not_train_say_nothing_of_it() -> None:
    weight = np.ones((STEPS, ROWS), np.float32)
    weight[:, ::2] = 0.0
    # Folds 1 and 3 are left; of them 1 is held out.
    sums = ran(mixed, fold=1, weight=weight)
    assert sums["weight"] == STEPS * ROWS / 4
    assert 0.3 < sums["between"] / sums["within"] < 3.0


def test_known_sums_of_two_kinds_of_batches() -> None:
    def order(target: Any) -> Any:
        target[:] = np.where(np.arange(len(target)) // ROWS % 2 == 0, 0.0, 2.0)
        return np.arange(len(target))

    # A network that says next to nothing: losses of about 0 and of about 2 by turns.
    sums = ran(order, rate=0.0)
    assert sums["between"] == pytest.approx(STEPS * 1.0, rel=0.2)
    assert sums["within"] < 0.05 * sums["between"]


def test_gradients_of_two_layers_are_parts_of_the_whole() -> None:
    sums = ran(mixed)
    assert 0.0 < sums["first"] < sums["gradient"]
    assert 0.0 < sums["last"] < sums["gradient"]
    assert np.hypot(sums["first"], sums["last"]) <= sums["gradient"] * 1.01
