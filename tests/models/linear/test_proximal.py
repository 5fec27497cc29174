"""Lasso and elastic net of any loss: no subgradient is left at the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.models.linear import newton
from justright.models.linear.passes import evaluate
from justright.schema import Member


def unrest(spec, blocks, member, theta):
    """Largest violation of the conditions of the optimum of one member, theta (d + 1, k)."""
    found = evaluate(spec, blocks, [member], theta[:, :, None], 1.0)
    weights, slope = theta[:-1], found.gradient[:-1, :, 0]
    lasso, ridge = member.penalty * member.mix, member.penalty * (1 - member.mix)
    slope = slope + ridge * weights
    at_zero = np.maximum(np.abs(slope) - lasso, 0.0)
    elsewhere = np.abs(slope + lasso * np.sign(weights))
    rest = np.where(weights == 0, at_zero, elsewhere)
    return max(rest.max(), np.abs(found.gradient[-1]).max())


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Go on to the optimum, also where no validation row gains any more from it."""
    monkeypatch.setattr(newton, "_STALE", -np.inf)


@pytest.mark.parametrize(("loss", "outputs"), [("logistic", 1), ("softmax", 3), ("poisson", 1), ("huber", 1)])
@pytest.mark.parametrize("mix", [1.0, 0.4])
def test_the_conditions_of_the_optimum_hold(problem, minimised, loss, outputs, mix):
    spec, blocks = problem(
        n=200, p=4, fields=(4,), slots=4, loss=loss, outputs=outputs, weighted=True,
        optimizer="exact", tolerance=1e-9,
    )  # fmt: skip
    zeros = []
    # One setting at a time: beaten settings are left before their optimum.
    for penalty in (0.05, 0.005):
        members = [Member(fold, 0, penalty, mix) for fold in (-1, 0)]
        state, progress = minimised(spec, blocks, members, 1000)
        assert not progress.failed.any()
        for place, member in enumerate(members):
            # A softmax may end when its validation loss no longer falls, a little before its optimum.
            limit = 1e-3 if loss == "softmax" else 2e-4
            assert unrest(spec, blocks, member, state["theta"][:, :, place]) < limit
        zeros.append((state["theta"][:-1] == 0).sum())
    assert zeros[0] >= zeros[1]
    assert zeros[0] > 0


def test_no_worse_than_scikit_learn(problem, table_of, minimised):
    from sklearn.linear_model import LogisticRegression

    spec, blocks = problem(n=250, p=6, fields=(), loss="logistic", optimizer="exact", tolerance=1e-9)
    table = table_of(spec, blocks)
    rival = LogisticRegression(
        C=1 / (0.02 * 250), l1_ratio=0.5, solver="saga", tol=1e-9, max_iter=50_000
    ).fit(table.X, table.y)

    def objective(w, b):
        margin = table.X @ w + b
        return (
            np.mean(np.logaddexp(0, margin) - table.y * margin)
            + 0.01 * np.abs(w).sum()
            + 0.5 * 0.01 * (w**2).sum()
        )

    state, _ = minimised(spec, blocks, [Member(-1, 0, 0.02, 0.5)], 1000)
    best = objective(rival.coef_[0], rival.intercept_[0])
    assert objective(state["theta"][:-1, 0, 0], state["theta"][-1, 0, 0]) <= best * (1 + 1e-6)


def test_a_strong_penalty_leaves_the_base_rate(problem, minimised):
    spec, blocks = problem(n=120, loss="logistic", optimizer="exact")
    state, _ = minimised(spec, blocks, [Member(-1, 0, 10.0, 1.0)])
    assert not state["theta"][:-1].any()
    share = np.concatenate([b.target for b in blocks]).mean()
    assert state["theta"][-1, 0, 0] == pytest.approx(np.log(share / (1 - share)), abs=1e-3)


def test_more_columns_than_a_covariance_holds(problem, minimised):
    spec, blocks = problem(
        n=200, p=2, fields=(), slots=2300, loss="logistic", optimizer="exact", tolerance=1e-8
    )
    member = Member(-1, 0, 0.01, 1.0)
    state, _ = minimised(spec, blocks, [member], 2000)
    assert unrest(spec, blocks, member, state["theta"][:, :, 0]) < 1e-3


def test_a_weight_is_a_repetition(problem, minimised):
    spec, blocks = problem(n=100, n_blocks=1, loss="logistic", optimizer="exact", tolerance=1e-10)
    times = np.random.default_rng(3).integers(0, 4, 100)
    heavy = replace(blocks[0], weight=times.astype(np.float32))
    repeated = blocks[0].take(np.repeat(np.arange(100), times))
    members = [Member(0, 0, 0.02, 1.0)]
    one, other = (minimised(spec, [b], members, 2000)[0]["theta"] for b in (heavy, repeated))
    np.testing.assert_allclose(one, other, atol=1e-4)
