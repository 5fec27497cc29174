"""Waves of members: as many as fit, and each member as if all were trained at once."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("jax")

from justright.models.neural.defaults import rule_for
from justright.models.neural.design import Design
from justright.models.neural.net import TableNet, pack
from justright.models.neural.program import Batches, Program
from justright.models.neural.waves import estimate, train_in_waves, width_of
from justright.optim.losses import Squared
from justright.recipe import Network


def test_a_wave_is_the_largest_divisor_that_fits():
    assert [width_of(12, 10, limit) for limit in (5, 10, 29, 30, 45, 70, 1000)] == [1, 1, 2, 3, 4, 6, 12]
    assert estimate(1000, 10, 32) > 4 * 1000


@pytest.mark.parametrize("width", [1, 2, 3])
def test_waves_train_each_member_as_all_at_once(width):
    rng = np.random.default_rng(0)
    net = TableNet(Design(3, 0, (), 1, hidden=(5,), numbers="plain", ensemble=1))
    program = Program(net, {}, Squared(), rule_for(Network(hidden=(5,), dropout=0.0)))
    x = rng.normal(size=(4, 16, 3)).astype(np.float32)
    fold = rng.integers(0, 3, (4, 16, 1)).astype(np.int8)
    batches = Batches(x, np.zeros((4, 16, 0), np.int32), x.sum(axis=-1), np.ones((4, 16), np.float32), fold)
    first = net.initial(rng, {}, x[0], batches.codes[0])
    rates = np.array([0.1, 0.03, 0.01, 0.1, 0.03, 0.01], np.float32)
    told = {
        "rate": rates,
        "fold": np.array([0, 1, 2, -100, 0, 1], np.int32),
        "repeat": np.zeros(6, np.int32),
        "forward": np.zeros(6, bool),
        "seed": np.uint32(1),
        "first": np.int32(0),
        "steps": np.float32(40),
    }
    vectors = np.repeat(pack(np, net.leaves, first)[None], 6, axis=0)
    whole, sums = program.train(program.start(vectors, {}, rates, 40), batches, told)
    parts, some = train_in_waves(program, program.start(vectors, {}, rates, 40), batches, told, width)
    np.testing.assert_allclose(parts["vector"], whole["vector"], rtol=2e-5, atol=2e-6)
    for name in sums:
        np.testing.assert_allclose(some[name], sums[name], rtol=2e-5)
    assert len({tuple(row) for row in np.asarray(whole["vector"]).round(6).tolist()}) == 6
