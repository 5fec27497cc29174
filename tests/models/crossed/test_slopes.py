"""Slope and bend of any loss from its gradient alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.kernels.additive import LOSSES, Rows, derive
from justright.models.crossed.slopes import derive_any


def rows_of(loss, outputs, n=300, members=2):
    rng = np.random.default_rng(0)
    columns = -(-members * outputs // 8) * 8
    target = rng.integers(0, outputs, n) if outputs > 1 else rng.integers(0, 2, n)
    made = (rng.normal(size=(n, columns)).astype(np.float32) for _ in range(3))
    return Rows(
        target.astype(np.float32),
        rng.uniform(0.1, 2, n).astype(np.float32),
        np.zeros(n, np.int16),
        np.ones((1, columns), np.float32),
        np.full((1, 1), -1, np.int32),
        *made,
        loss,
        outputs,
    )


@pytest.mark.parametrize(
    ("loss", "outputs"), [("squared", 1), ("logistic", 1), ("poisson", 1), ("softmax", 3)]
)
def test_it_is_the_compiled_one_where_there_is_one(tools, loss, outputs):
    members = 8 if outputs == 1 else 2
    one, two = (rows_of(LOSSES[loss], outputs, members=members) for _ in range(2))
    derive(one)
    spec = tools["spec_of"](
        tools["blocks_of"](np.zeros((4, 1)), np.zeros((4, 0)), np.zeros(4)), loss, outputs
    )
    derive_any(spec, two)
    used = members * outputs
    np.testing.assert_allclose(two.g[:, :used], one.g[:, :used], atol=1e-5)
    # Small bends are lifted to a share of their mean.
    bend = one.h[:, :used] / one.weight[:, None]
    wanted = np.maximum(bend, 0.05 * bend.mean()) * one.weight[:, None]
    np.testing.assert_allclose(two.h[:, :used], wanted, rtol=0.15, atol=1e-3)


@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_steps_by_it_go_down_to_the_flat_loss(tools, loss):
    spec = tools["spec_of"](tools["blocks_of"](np.zeros((4, 1)), np.zeros((4, 0)), np.zeros(4)), loss)
    rows = rows_of(-1, 1, members=8)
    rng = np.random.default_rng(1)
    rows.target[:] = rng.standard_t(1.5, size=rows.count)
    rows.margin[:] = 5.0

    def value():
        margin = rows.margin[:, :1].astype(float)[:, :, None]
        return float((spec.loss.value(margin, rows.target[:, None, None])[:, 0, 0] * rows.weight).sum())

    last = value()
    for _ in range(30):
        derive_any(spec, rows)
        assert (rows.h > 0).all() and np.isfinite(rows.g).all()
        rows.margin[:] -= (rows.g.sum(axis=0) / rows.h.sum(axis=0)).astype(np.float32)
        assert value() <= last + 1e-3 * abs(last)
        last = value()
    derive_any(spec, rows)
    assert abs(float(rows.g[:, 0].sum())) < 0.02 * float(np.abs(rows.g[:, 0]).sum())
