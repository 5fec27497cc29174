"""The rate that would do: against eigenvalues and row lengths computed densely, and by trying it."""

import dataclasses

import numpy as np
import pytest

from justright.models.linear.design import layout_for, rows_of
from justright.models.linear.steepness import safe_rate
from justright.optim.losses import Quantile


def dense(spec, blocks):
    """All rows as a dense matrix with a column of ones, and their weights."""
    layout = layout_for(spec.plan)
    pieces = [rows for block in blocks for rows in rows_of(block, layout, 1)]
    parts = [np.hstack([r.dense, *([r.sparse.toarray()] if r.sparse is not None else [])]) for r in pieces]
    x = np.vstack(parts)
    return np.hstack([x, np.ones((len(x), 1))]), np.concatenate([block.weight for block in blocks])


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax", "huber"])
@pytest.mark.parametrize("batch", [0, 1, 10])
def test_equals_dense_linear_algebra(problem, loss, batch):
    outputs = 3 if loss == "softmax" else 1
    spec, blocks = problem(
        fields=(4, 5), slots=6, missing=True, weighted=True, loss=loss, outputs=outputs, batch=batch
    )
    x, weight = dense(spec, blocks)
    eigenvalue = np.linalg.eigvalsh((x * weight[:, None]).T @ x / weight.sum())[-1]
    longest = ((x**2).sum(axis=1) * weight / weight.mean()).max()
    curvature = {"squared": 1, "huber": 1, "logistic": 0.25, "softmax": 0.5}[loss]
    steepness = eigenvalue if batch == 0 else (1 - 1 / batch) * eigenvalue + longest / batch
    assert safe_rate(spec, blocks) == pytest.approx(1 / (curvature * steepness), rel=2e-3)


def test_equal_rows_whose_fingerprint_is_in_no_sample(problem):
    spec, blocks = problem(n=30_000, fields=(), n_blocks=2, batch=0)
    same = [dataclasses.replace(block, key=np.full(block.rows, 2**64 - 1, np.uint64)) for block in blocks]
    assert safe_rate(spec, same) == pytest.approx(safe_rate(spec, blocks), rel=0.1)


def test_momentum_asks_for_a_smaller_rate(problem):
    spec, blocks = problem(batch=8)
    slow, _ = problem(batch=8, optimizer="momentum", momentum=0.75)
    assert safe_rate(slow, blocks) == pytest.approx(0.25 * safe_rate(spec, blocks), rel=1e-12)


def test_a_narrow_quantile_is_steep(problem):
    spec, blocks = problem(loss="quantile", batch=0)
    wide = dataclasses.replace(spec, loss=Quantile(0.3, 0.5))
    narrow = dataclasses.replace(spec, loss=Quantile(0.3, 0.05))
    assert safe_rate(wide, blocks) == pytest.approx(10 * safe_rate(narrow, blocks), rel=1e-12)


def test_an_unknown_loss_is_measured(problem):
    class Twice:
        name, link = "twice", "identity"

        def value(self, margin, target):
            return np.square(margin - target)

        def gradient(self, margin, target):
            return 2 * (margin - target)

    spec, blocks = problem(batch=0)
    own = dataclasses.replace(spec, loss=Twice())
    assert safe_rate(own, blocks) == pytest.approx(0.5 * safe_rate(spec, blocks), rel=1e-6)


def test_counts_are_steeper_where_they_are_larger(problem):
    spec, blocks = problem(loss="poisson", batch=0)
    more = [dataclasses.replace(block, target=block.target * 50) for block in blocks]
    assert safe_rate(spec, more) < 0.05 * safe_rate(spec, blocks)
