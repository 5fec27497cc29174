"""The optimum of convex losses against scikit-learn and scipy at the same penalty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.models.linear import newton
from justright.optim.losses import row_losses
from justright.schema import Member


def objective(spec, table, keep, weights, bias, penalty):
    """Weighted mean loss plus penalty, (d, k) weights."""
    losses = row_losses(spec.loss, table.X[keep] @ weights + bias, table.y[keep])
    return np.average(losses, weights=table.w[keep]) + 0.5 * penalty * (weights**2).sum()


def rivals(loss, penalty, total):
    from sklearn.linear_model import LogisticRegression, PoissonRegressor

    if loss == "poisson":
        return PoissonRegressor(alpha=penalty, tol=1e-10, max_iter=5000)
    return LogisticRegression(C=1 / (penalty * total), tol=1e-10, max_iter=5000)


def kept(table, member):
    return table.fold[:, 0] != member.fold if member.fold >= 0 else np.ones(len(table.y), bool)


@pytest.fixture
def patient(monkeypatch):
    """Go on to the optimum, also where no validation row gains any more from it."""
    monkeypatch.setattr(newton, "_STALE", -np.inf)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("penalty", [1.0, 1e-2, 1e-5])
@pytest.mark.parametrize(("loss", "outputs"), [("logistic", 1), ("softmax", 4), ("poisson", 1)])
def test_no_worse_than_scikit_learn(problem, table_of, members_of, minimised, loss, outputs, penalty):
    spec, blocks = problem(
        n=300, p=3, fields=(4,), slots=4, loss=loss, outputs=outputs, weighted=True, missing=True,
        optimizer="exact", tolerance=1e-10,
    )  # fmt: skip
    table, members = table_of(spec, blocks), members_of((penalty,))
    state, progress = minimised(spec, blocks, members)
    assert not progress.failed.any()
    for place, member in enumerate(members):
        keep = kept(table, member)
        rival = rivals(loss, penalty, table.w[keep].sum()).fit(table.X[keep], table.y[keep], table.w[keep])
        theirs = np.atleast_2d(rival.coef_).T, np.atleast_1d(rival.intercept_)
        ours = state["theta"][:-1, :, place], state["theta"][-1, :, place]
        best = objective(spec, table, keep, *theirs, penalty)
        assert objective(spec, table, keep, *ours, penalty) <= best * (1 + 1e-6) + 1e-12


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("loss", ["huber", "quantile"])
def test_losses_of_outliers_and_quantiles_reach_their_least(problem, table_of, minimised, loss):
    from scipy.optimize import minimize

    spec, blocks = problem(n=250, p=3, fields=(), loss=loss, optimizer="exact", tolerance=1e-8)
    table = table_of(spec, blocks)
    state, _ = minimised(spec, blocks, [Member(penalty=1e-3)])

    def value(flat):
        return objective(spec, table, slice(None), flat[:3, None], flat[3:], 1e-3)

    least = min(
        minimize(value, start, method="BFGS", options={"gtol": 1e-9}).fun
        for start in (state["theta"].ravel(), np.zeros(4))
    )
    assert value(state["theta"].ravel()) <= least * (1 + 1e-6)


@pytest.mark.usefixtures("patient")
def test_a_weight_is_a_repetition_and_order_is_irrelevant(problem, members_of, minimised):
    spec, blocks = problem(n=150, n_blocks=1, loss="logistic", optimizer="exact", tolerance=1e-10)
    times = np.random.default_rng(3).integers(0, 4, 150)
    heavy = replace(blocks[0], weight=times.astype(np.float32))
    repeated = blocks[0].take(np.repeat(np.arange(150), times))
    mixed = repeated.take(np.random.default_rng(4).permutation(repeated.rows))
    members = members_of((1e-2,))
    one, *others = (minimised(spec, [block], members)[0]["theta"] for block in (heavy, repeated, mixed))
    for other in others:
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_separable_classes_end_without_a_penalty_to_stop_them(problem, minimised):
    spec, blocks = problem(n=200, p=2, fields=(), loss="logistic", optimizer="exact")
    blocks = [replace(b, target=(b.numeric[:, 0] > 0).astype(np.int32)) for b in blocks]
    state, progress = minimised(
        spec, blocks, [Member(f, s, p) for f in (-1, 0) for s, p in enumerate((1e-6, 0.0))]
    )
    assert np.isfinite(state["theta"]).all()
    assert not progress.failed.any()
    assert (state["train"] < 0.01).all()


def test_passes_that_help_no_validation_row_are_not_made(problem, minimised, members_of, monkeypatch):
    spec, blocks = problem(n=300, loss="softmax", outputs=4, optimizer="exact", tolerance=1e-12)
    members = members_of((1e-6,))
    early, _ = minimised(spec, blocks, members)
    monkeypatch.setattr(newton, "_STALE", -np.inf)
    late, _ = minimised(spec, blocks, members)
    assert int(early["level_pass"]) <= int(late["level_pass"])
    assert early["validation"][1:].mean() <= late["validation"][1:].mean() * 1.05


def test_a_class_that_a_fold_lacks(problem, minimised, members_of):
    spec, blocks = problem(n=200, loss="softmax", outputs=4, optimizer="exact")
    blocks = [replace(b, fold=np.where(b.target[:, None] == 3, 0, b.fold).astype(np.int8)) for b in blocks]
    state, progress = minimised(spec, blocks, members_of((1e-2, 1e-6)))
    assert np.isfinite(state["theta"]).all()
    assert not progress.failed.any()
    assert np.isfinite(state["validation"][2:]).all()


@pytest.mark.usefixtures("patient")
def test_copies_of_a_column(problem, minimised):
    spec, blocks = problem(n=200, p=2, fields=(), loss="logistic", optimizer="exact", tolerance=1e-9)
    twice = [replace(b, numeric=np.repeat(b.numeric, 2, axis=1)) for b in blocks]
    from justright.features.plan import FeaturePlan, PlanData

    double = replace(spec, plan=FeaturePlan(PlanData(spec.plan.data.numeric * 2, (), (), None)))
    state, _ = minimised(double, twice, [Member(penalty=1e-3)])
    one, _ = minimised(spec, blocks, [Member(penalty=0.5e-3)])
    np.testing.assert_allclose(state["theta"][:4:2], state["theta"][1:4:2], atol=1e-6)
    np.testing.assert_allclose(2 * state["theta"][:4:2], one["theta"][:2], atol=1e-4)


@pytest.mark.usefixtures("patient")
def test_more_columns_than_the_metric_holds(problem, table_of, minimised):
    """Above 2,000 columns: a head that is exact, a tail that is diagonal."""
    from sklearn.linear_model import LogisticRegression

    spec, blocks = problem(
        n=400, p=3, fields=(4,), slots=2500, loss="logistic", optimizer="exact", tolerance=1e-8
    )
    table = table_of(spec, blocks)
    state, _ = minimised(spec, blocks, [Member(penalty=1e-3), Member(0, 0, 1e-3)])
    rival = LogisticRegression(C=1 / (1e-3 * 400), tol=1e-10, max_iter=5000).fit(table.X, table.y)
    every = np.ones(400, bool)
    best = objective(spec, table, every, rival.coef_.T, rival.intercept_, 1e-3)
    ours = state["theta"][:-1, :, 0], state["theta"][-1, :, 0]
    assert objective(spec, table, every, *ours, 1e-3) <= best * (1 + 1e-6)


@pytest.mark.usefixtures("patient")
def test_forward_folds_do_not_see_the_future(problem, members_of, minimised):
    spec, blocks = problem(n=240, loss="logistic", optimizer="exact", n_folds=4, tolerance=1e-10)
    blocks = [replace(b, fold=(b.fold - 1).astype(np.int8)) for b in blocks]
    blocks = [replace(b, fold=np.where(b.fold < 0, -2, b.fold).astype(np.int8)) for b in blocks]
    members = members_of((1e-2,), forward=True)
    turned = [
        replace(b, target=np.where(b.fold[:, 0] == 2, 1 - b.target, b.target).astype(np.int32))
        for b in blocks
    ]
    one, other = (minimised(spec, rows, members)[0]["theta"] for rows in (blocks, turned))
    np.testing.assert_allclose(one[:, :, 1:], other[:, :, 1:], atol=1e-5)  # folds 0, 1, 2 never train on 2
    assert np.abs(one[:, :, 0] - other[:, :, 0]).max() > 0.1


@pytest.mark.usefixtures("patient")
def test_growing_samples_end_at_the_optimum_of_all_rows(problem, table_of):
    spec, blocks = problem(n=9000, p=2, fields=(), loss="logistic", optimizer="exact", tolerance=1e-8)
    members = [Member(f, s, p) for f in (-1, 0, 1, 2) for s, p in enumerate((1e-2, 1e-3))]
    state = newton.start(spec, blocks, members)
    assert int(state["level"]) == 1
    shares = []
    for _ in range(60):
        state, progress = newton.advance(spec, state, blocks, members, {})
        shares.append(progress.curves[0].share)
        if progress.done.all():
            break
    assert shares[0] == 0.5
    assert shares[-1] == 1.0
    table = table_of(spec, blocks)
    for place, member in enumerate(members):
        if state["dropped"][place] or not member.fold < 0:
            continue
        X = np.column_stack([table.X, np.ones(len(table.X))])
        theta = state["theta"][:, 0, place]
        slope = X.T @ (1 / (1 + np.exp(-X @ theta)) - table.y) / len(X)
        slope[:2] += member.penalty * theta[:2]
        assert np.abs(slope).max() < 1e-4


def test_the_old_state_stays_whole(problem):
    spec, blocks = problem(n=100, loss="logistic", optimizer="exact")
    members = [Member(penalty=0.1)]
    state = newton.start(spec, blocks, members)
    before = {name: array.copy() for name, array in state.items()}
    newton.advance(spec, state, blocks, members, {})
    for name, array in before.items():
        np.testing.assert_array_equal(array, state[name])


@pytest.mark.parametrize(
    ("loss", "targets", "wanted"),
    [
        ("logistic", [0, 1, 1, 1], np.log(3)),
        ("poisson", [1.0, 2.0, 6.0, 3.0], np.log(3)),
        ("squared", [1.0, 2.0, 6.0, 3.0], 3.0),
    ],
)
def test_the_best_bias_is_that_of_the_mean(problem, loss, targets, wanted):
    spec, blocks = problem(n=4, loss=loss, n_blocks=1, optimizer="exact")
    kind = np.int32 if loss == "logistic" else np.float32
    blocks = [replace(blocks[0], target=np.array(targets, kind))]
    assert newton.best_bias(spec, blocks)[0] == pytest.approx(wanted, abs=1e-5)


def test_the_best_bias_of_one_class_is_finite(problem):
    spec, blocks = problem(n=50, loss="logistic", n_blocks=1, optimizer="exact")
    found = newton.best_bias(spec, [replace(blocks[0], target=np.ones(50, np.int32))])
    assert 5 < found[0] <= 30
