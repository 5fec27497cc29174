"""The same training on CUDA, where jax finds it: the first losses equal those of the processor."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("jax")

import jax

from justright.models.neural.defaults import rule_for
from justright.models.neural.design import Design
from justright.models.neural.net import TableNet, pack
from justright.models.neural.program import Batches, Program
from justright.optim.losses import Squared
from justright.recipe import Network


def gpus():
    try:
        return jax.devices("gpu")
    except RuntimeError:
        return []


@pytest.mark.skipif(not gpus(), reason="jax finds no GPU")
def test_a_pass_on_the_gpu_is_that_of_the_processor():
    rng = np.random.default_rng(0)
    net = TableNet(Design(4, 0, (), 1, hidden=(16, 16), ensemble=4))
    x = rng.normal(size=(10, 64, 4)).astype(np.float32)
    flat = x.reshape(-1, 4)
    fixed = net.fixed(flat)
    first = net.initial(rng, fixed, flat, np.zeros((640, 0), np.int32))
    zero = np.zeros((10, 64, 1), np.int8)
    batches = Batches(x, np.zeros((10, 64, 0), np.int32), x.sum(axis=-1), np.ones((10, 64), np.float32), zero)
    rates = np.array([0.01], np.float32)
    told = {"rate": rates, "fold": np.array([-100], np.int32), "repeat": np.zeros(1, np.int32)}
    told |= {
        "forward": np.zeros(1, bool),
        "seed": np.uint32(0),
        "first": np.int32(0),
        "steps": np.float32(10),
    }
    losses = []
    for device in (jax.devices("cpu")[0], gpus()[0]):
        with jax.default_device(device):
            program = Program(net, fixed, Squared(), rule_for(Network(dropout=0.0)))
            carry = program.start(pack(np, net.leaves, first)[None], {}, rates, 10)
            _, sums = program.train(carry, batches, told)
            losses.append(float(sums["loss"][0]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
