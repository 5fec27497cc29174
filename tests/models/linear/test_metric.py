"""The metric is the inverse of the curvature it says it is."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.linear.metric import build_metric
from justright.optim.losses import margins_to_predictions


def hessian(spec, table, anchor, penalty):
    """Curvature over all outputs, outputs outermost, by the formula of the loss; the bias is free."""
    X = np.column_stack([table.X, np.ones(len(table.X))])
    k, p = spec.outputs, X.shape[1]
    made = np.zeros((k * p, k * p))
    margins = X @ anchor
    if spec.loss.link == "softmax":
        share = margins_to_predictions(margins, "softmax")
        bends = np.eye(k)[None] * share[:, :, None] - share[:, :, None] * share[:, None, :]
    elif spec.loss.link == "logistic":
        share = margins_to_predictions(margins, "logistic")
        bends = (share * (1 - share))[:, None, None]
    else:
        bends = np.ones((len(X), 1, 1))
    for a in range(k):
        for b in range(k):
            block = X.T @ (X * (table.w * bends[:, a, b])[:, None]) / table.w.sum()
            made[a * p : (a + 1) * p, b * p : (b + 1) * p] = block
    return made + np.diag(np.tile([penalty] * (p - 1) + [0.0], k))


def applied(spec, blocks, anchor, penalty, gradient):
    metric = build_metric(spec, blocks, anchor[:, :, None], np.array([penalty]), 1.0, np.array([True]))
    return metric, metric.apply(gradient, np.zeros(gradient.shape[2], int))


def solve(matrix, gradient):
    p, k, count = gradient.shape
    flat = gradient.transpose(1, 0, 2).reshape(k * p, count)
    return np.linalg.solve(matrix, flat).reshape(k, p, count).transpose(1, 0, 2)


@pytest.mark.parametrize(("loss", "outputs"), [("squared", 1), ("logistic", 1), ("softmax", 3)])
def test_it_is_the_inverse_curvature_where_all_fits(problem, table_of, loss, outputs):
    spec, blocks = problem(
        n=200, p=3, fields=(4,), slots=5, loss=loss, outputs=outputs, weighted=True, missing=True
    )
    table = table_of(spec, blocks)
    rng = np.random.default_rng(0)
    anchor = 0.3 * rng.normal(size=(table.X.shape[1] + 1, outputs))
    gradient = rng.normal(size=(*anchor.shape, 2))
    metric, found = applied(spec, blocks, anchor, 0.3, gradient)
    assert metric.coupled == (loss == "softmax")
    if loss == "softmax":  # biases of all classes together are free: only differences are told
        gradient[-1] -= gradient[-1].mean(axis=0)
        found = metric.apply(gradient, np.zeros(2, int))
        matrix = hessian(spec, table, anchor, 0.3)
        p = anchor.shape[0]
        shift = np.zeros(len(matrix))
        shift[p - 1 :: p] = 1.0
        wanted = solve(matrix + np.outer(shift, shift), gradient)
        found = found - (found[-1].mean(axis=0) * (np.arange(p) == p - 1)[:, None])[:, None]
        wanted = wanted - (wanted[-1].mean(axis=0) * (np.arange(p) == p - 1)[:, None])[:, None]
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
        return
    np.testing.assert_allclose(
        found, solve(hessian(spec, table, anchor, 0.3), gradient), rtol=1e-4, atol=1e-6
    )


def test_a_tail_of_one_field_is_exact(problem, table_of):
    """Codes of one field never meet: their diagonal is all there is, but for the floor of rare codes."""
    from dataclasses import replace

    from justright.features.categorical import CategoricalFeature
    from justright.features.plan import FeaturePlan, PlanData

    spec, blocks = problem(n=300, p=3, fields=(4,), loss="logistic", n_blocks=1)
    size = 900
    field = CategoricalFeature(
        spec.plan.data.categorical[0].column, tuple(f"t{i}" for i in range(size - 2)), (1.0,) * size
    )
    plan = FeaturePlan(PlanData(spec.plan.data.numeric, (field,), (), None))
    spec = replace(spec, plan=plan)
    codes = np.random.default_rng(4).integers(0, size, (300, 1)).astype(np.int32)
    blocks = [replace(blocks[0], codes=codes)]
    table = table_of(spec, blocks)
    rng = np.random.default_rng(1)
    anchor, gradient = 0.2 * rng.normal(size=(904, 1)), rng.normal(size=(904, 1, 2))
    metric, found = applied(spec, blocks, anchor, 0.1, gradient)
    assert len(metric.tail) == size
    assert sorted([*metric.head.tolist(), *metric.tail.tolist()]) == list(range(904))
    np.testing.assert_allclose(
        found, solve(hessian(spec, table, anchor, 0.1), gradient), rtol=1e-2, atol=1e-3
    )


def test_the_metric_of_tokens_is_positive(problem):
    spec, blocks = problem(n=300, p=2, fields=(), slots=1200, loss="logistic")
    rng = np.random.default_rng(1)
    gradient = rng.normal(size=(1203, 1, 4))
    _, found = applied(spec, blocks, np.zeros((1203, 1)), 1e-3, gradient)
    assert ((gradient * found).sum(axis=(0, 1)) > 0).all()


def test_settings_have_their_own_penalty_and_only_those_wanted_are_made(problem):
    spec, blocks = problem(n=100, loss="logistic")
    anchors = np.zeros((8, 1, 3))
    penalty = np.array([1.0, 0.1, 0.01])
    metric = build_metric(spec, blocks, anchors, penalty, 1.0, np.array([True, False, True]))
    assert sorted(metric.parts) == [0, 2]
    gradient = np.random.default_rng(0).normal(size=(8, 1, 1)).repeat(2, axis=2)
    gradient[-1] = 0.0
    strong, weak = np.moveaxis(metric.apply(gradient, np.array([0, 2])), 2, 0)
    assert np.linalg.norm(strong[:-1]) < np.linalg.norm(weak[:-1])


@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_flat_pieces_of_a_loss_do_not_break_it(problem, loss):
    spec, blocks = problem(n=100, loss=loss)
    anchor = np.full((8, 1), 50.0)  # far out: every row is on a straight piece
    gradient = np.random.default_rng(0).normal(size=(8, 1, 1))
    _, found = applied(spec, blocks, anchor, 0.0, gradient)
    assert np.isfinite(found).all()
    assert (gradient * found).sum() > 0
