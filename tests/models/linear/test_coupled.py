"""Newton's step over all classes is the inverse of the curvature it says it is, and reaches the optimum."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.base import training_rows
from justright.models.linear import coupled, newton
from justright.models.linear.coupled import curvature, gather, is_coupled, newton_directions
from justright.models.linear.exact import ExactLinear
from justright.optim.losses import margins_to_predictions
from justright.schema import Member
from justright.training.callbacks import StopTraining
from justright.training.loop import Trainer


@pytest.fixture
def small(monkeypatch):
    """Couple also what is small, on samples too, at once."""
    monkeypatch.setattr(coupled, "_FEWEST", 0)
    monkeypatch.setattr(newton, "_TRIED", 1)
    monkeypatch.setattr(newton, "_REFUSED", -1.0)
    monkeypatch.setattr(newton, "_SMALLEST", 100)
    monkeypatch.setattr(newton, "_ROWS_A_PARAMETER", 5)


def hessian(X, weight, theta):
    """Curvature of the mean loss, outputs outermost, row by row."""
    k, p = theta.shape[1], theta.shape[0]
    made = np.zeros((k * p, k * p))
    for x, w, share in zip(X, weight, margins_to_predictions(X @ theta, "softmax"), strict=True):
        made += w * np.kron(np.diag(share) - np.outer(share, share), np.outer(x, x))
    return made / weight.sum()


def case(problem, n=240, **more):
    spec, blocks = problem(
        n=n,
        p=3,
        fields=(4,),
        loss="softmax",
        outputs=3,
        weighted=True,
        missing=True,
        optimizer="exact",
        **more,
    )
    return spec, blocks, gather(spec, blocks, 1.0)


def test_the_rows_are_those_of_the_design(problem, table_of):
    spec, blocks, rows = case(problem)
    table = table_of(spec, blocks)
    np.testing.assert_allclose(rows.columns[:, :-1], table.X)
    np.testing.assert_array_equal(rows.columns[:, -1], 1.0)
    np.testing.assert_allclose(rows.block.weight, table.w)


def test_curvature_is_the_hessian_of_the_rows(problem, monkeypatch):
    monkeypatch.setattr(coupled, "_WRONG", 0.0)
    monkeypatch.setattr(coupled, "_ROWS_A_COLUMN", 1_000)
    _, _, rows = case(problem)
    theta = np.random.default_rng(0).normal(size=(rows.columns.shape[1], 3))
    weight = training_rows(rows.block, [Member(1)])[:, 0]
    np.testing.assert_allclose(
        curvature(rows, theta, weight), hessian(rows.columns, weight, theta), rtol=1e-5, atol=1e-8
    )


def test_a_sample_of_a_pair_is_unbiased(problem, monkeypatch):
    """The mean over many salts is the sum over all rows."""
    _, _, rows = case(problem, n=2000)
    bend = np.random.default_rng(1).exponential(size=2000) ** 3
    every = np.arange(2000)
    found = [coupled._pair(rows, every, bend, number) for number in range(200)]
    wanted = (rows.columns * bend[:, None]).T @ rows.columns
    error = np.abs(np.mean(found, axis=0) - wanted) / np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    assert error.max() < 0.05
    assert np.abs(found[0] - wanted).max() > 0  # it is a sample


def test_chances_sum_to_what_is_wanted():
    size = np.random.default_rng(0).exponential(size=5000) ** 4
    odds = coupled._odds(size, 300)
    assert 0 < odds.min() <= odds.max() == 1.0
    assert odds.sum() == pytest.approx(300, rel=0.1)
    assert (coupled._odds(np.ones(10), 20) == 1.0).all()


def test_members_take_their_own_rows_or_those_of_their_setting(problem, monkeypatch):
    monkeypatch.setattr(coupled, "_WRONG", 0.0)
    monkeypatch.setattr(coupled, "_ROWS_A_COLUMN", 1_000)
    _, _, rows = case(problem)
    rng = np.random.default_rng(0)
    members = [Member(fold, s, p) for fold in (-1, 0) for s, p in enumerate((0.3, 0.01))]
    theta, gradient = rng.normal(size=(2, rows.columns.shape[1], 3, 4))
    gradient[-1] -= gradient[-1].mean(axis=0)  # all biases together are free
    width, moved = len(theta), np.array([3, 0])
    for alone, sources in ((True, (3, 0)), (False, (1, 0))):
        found = newton_directions(rows, theta, gradient, members, moved, alone=alone)
        for place, (number, source) in enumerate(zip(moved, sources, strict=True)):
            weight = training_rows(rows.block, [members[source]])[:, 0]
            matrix = hessian(rows.columns, weight, theta[:, :, source])
            matrix += np.diag(np.tile([members[number].penalty] * (width - 1) + [1e-9], 3))
            np.testing.assert_allclose(
                matrix @ found[:, :, place].T.reshape(-1), -gradient[:, :, number].T.reshape(-1), atol=1e-4
            )


def test_who_is_coupled(problem):
    assert not is_coupled(problem(p=3, loss="softmax", outputs=4)[0])
    assert not is_coupled(problem(p=2000, fields=(), loss="logistic", n=10)[0])
    assert is_coupled(problem(p=199, fields=(), loss="softmax", outputs=10, n=20)[0])
    assert not is_coupled(problem(p=400, fields=(), loss="softmax", outputs=10, n=20)[0])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("penalty", [1e-2, 1e-5])
def test_it_reaches_the_optimum(problem, table_of, members_of, minimised, penalty, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(newton, "_STALE", -np.inf)
    spec, blocks, _ = case(problem, tolerance=1e-10)
    table, members = table_of(spec, blocks), members_of((penalty,))
    state, progress = minimised(spec, blocks, members)
    assert not progress.failed.any()
    for place, member in enumerate(members):
        keep = table.fold[:, 0] != member.fold
        X, y, w = table.X[keep], table.y[keep], table.w[keep]
        rival = LogisticRegression(C=1 / (penalty * w.sum()), tol=1e-10, max_iter=5000).fit(X, y, w)
        mine = state["theta"][:, :, place]
        values = []
        for weights, bias in ((rival.coef_.T, rival.intercept_), (mine[:-1], mine[-1])):
            share = margins_to_predictions(X @ weights + bias, "softmax")
            loss = -np.average(np.log(share[np.arange(len(y)), y.astype(int)]), weights=w)
            values.append(loss + 0.5 * penalty * (weights**2).sum())
        assert values[1] <= values[0] * (1 + 1e-6)


@pytest.mark.usefixtures("small")
def test_separated_and_rare_classes_end(problem, minimised, members_of):
    spec, blocks, _ = case(problem, n=600)
    for b in blocks:
        b.target[:] = np.digitize(np.nan_to_num(b.numeric[:, 0]), (-0.5, 2.5))
    state, progress = minimised(spec, blocks, members_of((1e-3, 1e-6, 1e-8)))
    assert state["coupled"]
    assert np.isfinite(state["theta"]).all()
    assert not progress.failed.any()
    assert (state["train"][~state["dropped"]] < 0.1).all()


@pytest.mark.parametrize(("separated", "wanted"), [(True, True), (False, False)])
def test_only_classes_whose_steps_are_refused_are_coupled(
    problem, members_of, monkeypatch, separated, wanted
):
    """Where the metric of the classes apart will do, it costs far less."""
    monkeypatch.setattr(coupled, "_FEWEST", 0)
    monkeypatch.setattr(newton, "_TRIED", 3)
    spec, blocks = problem(
        n=600, p=6, fields=(), loss="softmax", outputs=5, optimizer="exact", tolerance=1e-10
    )
    members = members_of((1e-1, 1e-3) if not separated else (1e-7, 1e-9))
    state = newton.start(spec, blocks, members)
    if separated:
        for b in blocks:
            b.numeric[:, 0] *= 15.0 * (b.numeric[:, 1] > 1.5) + 1.0
            b.target[:] = np.digitize(b.numeric[:, 0] + b.numeric[:, 1], (-30.0, -0.5, 0.5, 30.0))
        monkeypatch.setattr(newton, "_REFUSED", 0.1)
    for _ in range(12):
        state, _ = newton.advance(spec, state, blocks, members, {})
    assert bool(state["coupled"]) == wanted


@pytest.mark.usefixtures("small")
def test_it_resumes_to_the_same_bits(tmp_path, problem):
    spec, blocks, _ = case(problem, n=500)
    members = tuple(Member(f, s, p) for f in (-1, 0, 1) for s, p in enumerate((0.1, 1e-3, 1e-5)))
    assert int(newton.start(spec, blocks, members)["level"]) > 0
    whole = Trainer(ExactLinear()).fit(spec, members, blocks)
    for at in range(1, whole.history.passes):
        path = tmp_path / f"{at}.safetensors"

        class Stop:
            def after_pass(self, moment, at=at):
                if moment.number == at:
                    moment.save()
                    raise StopTraining

        Trainer(ExactLinear(), checkpoint=path, callbacks=[Stop()]).fit(spec, members, blocks, question="q")
        again = Trainer(ExactLinear(), checkpoint=path).fit(spec, members, blocks, question="q")
        for name, array in whole.state.items():
            np.testing.assert_array_equal(array, again.state[name], err_msg=f"{name} after {at}")
