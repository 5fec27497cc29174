"""Loss and gradient of every member against a row-by-row computation and finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.models.base import training_rows
from justright.models.linear.passes import evaluate, shaped
from justright.optim.losses import row_losses
from justright.schema import Member

MEMBERS = (Member(), Member(0), Member(1, 1), Member(2), Member(1, forward=True))
LOSSES = [("squared", 1), ("logistic", 1), ("poisson", 1), ("huber", 1), ("quantile", 1), ("softmax", 3)]


@pytest.mark.parametrize(("loss", "outputs"), LOSSES)
def test_losses_are_those_of_the_rows(problem, table_of, loss, outputs):
    spec, blocks = problem(n=90, slots=5, loss=loss, outputs=outputs, weighted=True, missing=True)
    table = table_of(spec, blocks)
    theta = np.random.default_rng(2).normal(size=(table.X.shape[1] + 1, outputs, len(MEMBERS))) * 0.3
    found = evaluate(spec, blocks, MEMBERS, theta, 1.0)
    trained = np.concatenate([training_rows(block, MEMBERS) for block in blocks])
    for place, member in enumerate(MEMBERS):
        margins = table.X @ theta[:-1, :, place] + theta[-1, :, place]
        losses = row_losses(spec.loss, margins, table.y)
        assert found.train[place] == pytest.approx(np.average(losses, weights=trained[:, place]))
        if member.fold < 0:
            assert np.isnan(found.validation[place])
        else:
            held = table.w * (table.fold[:, 0] == member.fold)
            assert found.validation[place] == pytest.approx(np.average(losses, weights=held))


@pytest.mark.parametrize(("loss", "outputs"), LOSSES)
def test_the_gradient_is_the_slope_of_the_loss(problem, loss, outputs):
    spec, blocks = problem(n=60, p=2, fields=(3,), slots=4, loss=loss, outputs=outputs, weighted=True)
    members = MEMBERS[:2]
    rng = np.random.default_rng(5)
    theta = rng.normal(size=(2 + 3 + 4 + 1, outputs, 2)) * 0.3
    gradient = evaluate(spec, blocks, members, theta, 1.0).gradient
    for _ in range(5):
        way = rng.normal(size=theta.shape)
        up, down = (evaluate(spec, blocks, members, theta + s * 1e-6 * way, 1.0).train for s in (1, -1))
        np.testing.assert_allclose(
            (up - down) / 2e-6, (gradient * way).sum(axis=(0, 1)), rtol=2e-4, atol=1e-7
        )


def test_a_sample_is_what_it_would_be_alone(problem):
    spec, blocks = problem(n=600)
    theta = np.random.default_rng(1).normal(size=(8, 1, 2))
    found = evaluate(spec, blocks, MEMBERS[:2], theta, 0.5)
    kept = [block.take(np.flatnonzero(block.key < np.uint64(2**63))) for block in blocks]
    alone = evaluate(spec, kept, MEMBERS[:2], theta, 1.0)
    np.testing.assert_array_equal(found.train, alone.train)
    np.testing.assert_array_equal(found.gradient, alone.gradient)


def test_a_member_without_rows_has_no_loss_to_fear(problem):
    spec, blocks = problem(n=30)
    blocks = [replace(block, fold=np.zeros_like(block.fold)) for block in blocks]
    found = evaluate(spec, blocks, [Member(0), Member(1)], np.zeros((8, 1, 2)), 1.0)
    assert found.train[0] == 0.0
    assert not found.gradient[:, :, 0].any()
    assert np.isnan(found.validation[1])


def test_targets_in_the_shape_of_losses():
    assert shaped(np.zeros(4)).shape == (4, 1, 1)
    assert shaped(np.zeros((4, 3))).shape == (4, 3, 1)
