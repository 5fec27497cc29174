"""Robust standard errors against closed forms in plain numpy, and their coverage by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.models.linear.exact import parameters
from justright.models.linear.sandwich import standard_errors
from justright.optim.losses import Logistic, Squared
from justright.schema import Block, Member


def optimum(problem, minimised, penalty=1e-9, **given):
    spec, blocks = problem(**given)
    state, _ = minimised(spec, blocks, (Member(-1, 0, penalty),))
    weights, bias = parameters(state)
    return spec, blocks, weights[:, :, 0], bias[:, 0]


def by_hand(X, w, slope, bend, penalty, kind):
    """Bread, meat, bread with the intercept as a last column; X has full rank."""
    Z = np.column_stack([X, np.ones(len(X))])
    ridge = penalty * w.sum() * np.diag([1.0] * X.shape[1] + [0.0])
    data = Z.T @ (Z * (w * bend)[:, None])
    bread = np.linalg.inv(data + ridge)
    cov = bread @ (Z.T @ (Z * ((w * slope) ** 2)[:, None])) @ bread
    freedom = len(X) - np.trace(bread @ data)
    return (cov * (len(X) / freedom if kind == "HC1" else 1.0))[:-1, :-1], freedom


@pytest.mark.parametrize("kind", ["HC0", "HC1"])
@pytest.mark.parametrize("loss", ["squared", "logistic", "poisson"])
@pytest.mark.parametrize("penalty", [1e-9, 0.1])
def test_one_output_is_the_textbook_formula(problem, minimised, table_of, loss, kind, penalty):
    spec, blocks, weights, bias = optimum(
        problem, minimised, penalty, n=200, p=3, fields=(), loss=loss, weighted=True
    )
    table = table_of(spec, blocks)
    margin = table.X @ weights[:, 0] + bias[0]
    mean = {"squared": margin, "logistic": 1 / (1 + np.exp(-margin)), "poisson": np.exp(margin)}[loss]
    bend = {"squared": np.ones_like(mean), "logistic": mean * (1 - mean), "poisson": mean}[loss]
    wanted, freedom = by_hand(table.X, table.w, mean - table.y.reshape(-1), bend, penalty, kind)
    found = standard_errors(spec, blocks, weights, bias, penalty, kind)
    assert found is not None
    np.testing.assert_allclose(found.covariance[0, :, 0], wanted, rtol=1e-8, atol=1e-14)
    assert found.freedom == pytest.approx(freedom)


def test_ordinary_least_squares_with_unit_weights(problem, minimised, table_of):
    spec, blocks, weights, bias = optimum(problem, minimised, 0.0, n=120, p=2, fields=())
    table = table_of(spec, blocks)
    Z = np.column_stack([table.X, np.ones(120)])
    inverse = np.linalg.inv(Z.T @ Z)
    error = table.y.reshape(-1) - Z @ inverse @ Z.T @ table.y.reshape(-1)
    hc1 = inverse @ (Z.T * error**2) @ Z @ inverse * 120 / (120 - 3)
    found = standard_errors(spec, blocks, weights, bias, 0.0)
    np.testing.assert_allclose(found.covariance[0, :, 0], hc1[:2, :2], rtol=1e-6)


def test_categories_are_those_of_a_coding_with_a_reference(problem, minimised, table_of):
    spec, blocks, weights, bias = optimum(problem, minimised, 1e-9, n=300, p=1, fields=(4,), loss="logistic")
    table = table_of(spec, blocks)
    margin = table.X @ weights[:, 0] + bias[0]
    mean = 1 / (1 + np.exp(-margin))
    treated = np.delete(table.X, 1, axis=1)  # code 0 is the reference
    wanted, _ = by_hand(treated, table.w, mean - table.y.reshape(-1), mean * (1 - mean), 0.0, "HC0")
    covariance = standard_errors(spec, blocks, weights, bias, 1e-9, "HC0").covariance[0, :, 0]
    contrast = np.zeros(5)
    contrast[3], contrast[1] = 1.0, -1.0
    assert contrast @ covariance @ contrast == pytest.approx(wanted[2, 2], rel=1e-4)


def test_two_classes_of_a_softmax_are_a_logistic_model(problem, minimised):
    spec, blocks, weights, bias = optimum(problem, minimised, 0.02, n=300, p=3, fields=(), loss="logistic")
    one = standard_errors(spec, blocks, weights, bias, 0.02, "HC0").covariance[0, :, 0]
    spec, blocks = problem(n=300, p=3, fields=(), loss="logistic")
    both = replace(spec, loss=problem(loss="softmax", outputs=2)[0].loss, outputs=2)
    # Half the weight on either side says the same margin; its ridge is half as dear.
    halves, two = np.column_stack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    made = standard_errors(both, blocks, halves, two, 0.04 / 1, "HC0").covariance
    # margin = f_1 - f_0: for the difference of weights the ridge of softmax acts at half its strength
    difference = made[1, :, 1] + made[0, :, 0] - made[0, :, 1] - made[1, :, 0]
    np.testing.assert_allclose(difference, one, rtol=1e-8, atol=1e-12)


def test_the_order_of_the_rows_and_their_blocks_does_not_matter(problem, minimised):
    spec, blocks, weights, bias = optimum(problem, minimised, loss="logistic", n_blocks=1)
    backwards = [blocks[0].take(np.arange(blocks[0].rows)[::-1])]
    pieces = [blocks[0].slice(0, 100), blocks[0].slice(100, blocks[0].rows)]
    first = standard_errors(spec, blocks, weights, bias, 0.0).covariance
    for other in (backwards, pieces):
        np.testing.assert_allclose(
            standard_errors(spec, other, weights, bias, 0.0).covariance, first, atol=1e-9
        )


def test_not_where_it_is_not_defined(problem, minimised):
    spec, blocks, weights, bias = optimum(problem, minimised, loss="huber")
    assert standard_errors(spec, blocks, weights, bias, 0.0) is None
    spec, blocks = problem(n=4, p=6, fields=())
    assert standard_errors(spec, blocks, np.zeros((6, 1)), np.zeros(1), 0.0) is None
    spec, blocks = problem(n=40, p=1, slots=2_100, fields=())
    assert standard_errors(spec, blocks, np.zeros((2101, 1)), np.zeros(1), 0.0) is None


def covered(loss, draw, rounds, n=400):
    """Share of 95 % intervals that hold the true weights, over fresh tables; errors unequal and skewed."""
    from scipy.special import stdtrit

    truth, inside = np.array([0.8, -0.5]), 0
    random = np.random.default_rng(11)
    plan = _plan()
    for _ in range(rounds):
        x = random.normal(size=(n, 2)).astype(np.float32)
        y = draw(random, x @ truth, x)
        block = Block(
            x, np.zeros((n, 0), np.int32), y, np.ones(n, np.float32), np.zeros((n, 1), np.int8), None,
            np.zeros(n, np.uint64),
        )  # fmt: skip
        spec = replace(plan, loss=loss, rows=n)
        weights, bias = _newton(loss.name, x.astype(float), y.astype(float))
        found = standard_errors(spec, [block], weights[:, None], np.array([bias]), 0.0)
        half = np.sqrt(np.diag(found.covariance[0, :, 0])) * stdtrit(found.freedom, 0.975)
        inside += int((np.abs(weights - truth) <= half).sum())
    return inside / (2 * rounds)


def _plan():
    from justright.features.numeric import NumericFeature
    from justright.features.plan import FeaturePlan, PlanData
    from justright.models.base import Spec
    from justright.optim.schedules import schedule_for
    from justright.recipe import Descent
    from justright.schema import Column

    numeric = tuple(NumericFeature(Column(f"x{i}", "numeric", "number"), 0.0, 1.0, -9.0, 9.0) for i in (0, 1))
    plan = FeaturePlan(PlanData(numeric, (), (), None))
    return Spec(Squared(), 1, plan, Descent(), schedule_for("constant"), 1)


def _newton(loss, x, y):
    """The optimum by plain Newton steps."""
    Z, theta = np.column_stack([x, np.ones(len(x))]), np.zeros(3)
    for _ in range(1 if loss == "squared" else 12):
        margin = Z @ theta
        mean = margin if loss == "squared" else 1 / (1 + np.exp(-margin))
        bend = np.ones_like(mean) if loss == "squared" else mean * (1 - mean)
        theta -= np.linalg.solve(Z.T @ (Z * bend[:, None]), Z.T @ (mean - y))
    return theta[:2], theta[2]


def test_intervals_cover_where_variances_are_unequal():
    def draw(random, signal, x):
        spread = 0.3 + np.abs(x[:, 0])
        return (signal + spread * (random.exponential(size=len(x)) - 1.0)).astype(np.float32)

    assert covered(Squared(), draw, 1_500) == pytest.approx(0.95, abs=0.02)


def test_intervals_of_a_logistic_model_cover():
    def draw(random, signal, x):
        return (random.random(len(x)) < 1 / (1 + np.exp(-signal))).astype(np.int32)

    assert covered(Logistic(), draw, 1_500) == pytest.approx(0.95, abs=0.02)


def test_a_sample_of_the_rows_stands_for_all(problem, monkeypatch):
    from justright.models.linear import sandwich

    spec, blocks = problem(n=40_000, p=3, fields=(4,), loss="logistic", n_blocks=2)
    zeros = np.zeros((3 + 4, 1)), np.zeros(1)
    whole = standard_errors(spec, blocks, *zeros, 1e-5)
    monkeypatch.setattr(sandwich, "_WORK", 1e6)
    part = standard_errors(spec, blocks, *zeros, 1e-5)
    for place in range(7):
        one, other = (np.sqrt(each.covariance[0, place, 0, place]) for each in (part, whole))
        assert one != other and one == pytest.approx(other, rel=0.05)
    assert part.freedom == pytest.approx(whole.freedom, rel=0.01)
