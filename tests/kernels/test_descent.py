"""Steps of gradient descent: the numpy twin against a plain loop, the compiled kernel against the twin."""

import dataclasses
import math
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.kernels import descent
from justright.kernels.descent import (
    FACTORS,
    OPTIMIZERS,
    SLOPES,
    Columns,
    Rows,
    Rule,
    compiled,
    descend,
    descend_numpy,
    memory_for,
)
from justright.optim.losses import Huber, Logistic, Poisson, Quantile, Softmax, Squared

NEEDS_NUMBA = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
LOSSES = {
    "squared": (Squared(), 0.0, 0.0),
    "logistic": (Logistic(0.1), 0.1, 0.0),
    "poisson": (Poisson(), 0.0, 0.0),
    "huber": (Huber(0.8), 0.8, 0.0),
    "quantile": (Quantile(0.3, 0.05), 0.3, 0.05),
    "softmax": (Softmax(0.05), 0.05, 0.0),
}


@dataclasses.dataclass
class Case:
    rows: Rows
    columns: Columns
    rule: Rule
    loss: object
    theta: np.ndarray

    def memory(self):
        on = OPTIMIZERS["sgd"] != self.rule.optimizer
        ftrl = self.rule.optimizer == OPTIMIZERS["ftrl"]
        empty = np.zeros((1, self.theta.shape[1]))
        stiff = np.zeros_like(self.theta) + 1 / self.columns.rate if ftrl else empty.copy()
        pull = (-stiff * self.theta if ftrl else np.zeros_like(self.theta)) if on else empty.copy()
        squares = np.zeros_like(self.theta) if ftrl else empty.copy()
        steps = np.zeros(self.theta.shape[1])
        lazy = bool((self.columns.lasso > 0).any())
        wide = self.rows.dense.shape[1]
        return memory_for(self.theta.copy(), pull, squares, stiff, steps, dense=wide, lazy=lazy)

    def run(self, how, cuts=()):
        memory = self.memory()
        edges = [0, *sorted(cuts), len(self.rows.weight)]
        for begin, end in zip(edges[:-1], edges[1:], strict=True):
            how(descent._cut(self.rows, begin, end), self.columns, memory, self.rule, self.loss.gradient)
        return memory.theta


def case(
    loss="squared",
    optimizer="sgd",
    n=90,
    wide=3,
    fields=(4, 5),
    members=3,
    batch=7,
    lasso=0.0,
    ridge=0.0,
    seed=0,
    rate=0.02,
):
    rng = np.random.default_rng(seed)
    outputs = 4 if loss == "softmax" else 1
    width = wide + sum(fields)
    dense = rng.normal(size=(n, wide))
    offsets = wide + np.cumsum([0, *fields])[:-1]
    places = (
        np.stack([rng.integers(0, size, n) for size in fields], 1) + offsets if fields else np.zeros((n, 0))
    )
    target = {
        "softmax": rng.integers(0, 4, (n, 1)),
        "logistic": rng.integers(0, 2, (n, 1)),
        "poisson": rng.poisson(2, (n, 1)),
    }.get(loss, dense.sum(axis=1, keepdims=True) + rng.normal(size=(n, 1)))
    rows = Rows(
        dense,
        np.arange(0, n + 1, dtype=np.int64) * len(fields),
        places.ravel().astype(np.int32),
        rng.uniform(0.5, 2.0, n * len(fields)),
        target.astype(float),
        rng.uniform(0.2, 2.0, n),
        rng.integers(-2, 3, (n, 2)).astype(np.int8),
    )
    tile = lambda values: np.tile(np.resize(np.asarray(values), members), outputs)  # noqa: E731 - used seven times
    columns = Columns(
        tile([-1, 0, 1, 2]),
        tile([0, 1]),
        tile([False, False, True]),
        tile([1.1]),
        tile([rate, 2 * rate]),
        tile([lasso, 2 * lasso]),
        tile([ridge, 3 * ridge]),
    )
    chosen, first, second = LOSSES[loss]
    factors = np.linspace(1.0, 0.1, FACTORS)
    rule = Rule(OPTIMIZERS[optimizer], batch, n, members, 0.8, factors, SLOPES[loss], first, second)
    theta = 0.1 * rng.normal(size=(width + 1, members * outputs))
    return Case(rows, columns, rule, chosen, theta)


def slope(loss, margin, target):
    """The derivative of one margin's loss, in plain Python."""
    if loss == "squared":
        return margin - target
    if loss == "logistic":
        return 1 / (1 + math.exp(-margin)) - (0.9 * target + 0.05)
    if loss == "poisson":
        return math.exp(margin) - target
    if loss == "huber":
        return max(-0.8, min(0.8, margin - target))
    gap = (margin - target) / 0.05
    return 0.5 * max(-1.0, min(1.0, gap)) + 0.2


def soft(value, by):
    return math.copysign(max(abs(value) - by, 0.0), value)


def oracle(made, name, c):
    """One column by plain loops over rows and features."""
    rows, columns, rule = made.rows, made.columns, made.rule
    d = len(made.theta) - 1
    w = made.theta[:, c].tolist()
    rate, lasso, ridge = columns.rate[c], columns.lasso[c], columns.ridge[c]
    velocity, squares = [0.0] * (d + 1), [0.0] * (d + 1)
    stiff = [1 / rate] * (d + 1)
    pull = [-s * v for s, v in zip(stiff, w, strict=True)]
    steps = 0
    n = len(rows.weight)
    for begin in range(0, n, rule.batch):
        gradient, trained = [0.0] * (d + 1), 0
        for i in range(begin, min(n, begin + rule.batch)):
            x = [*rows.dense[i].tolist(), *[0.0] * (d - rows.dense.shape[1]), 1.0]
            for e in range(rows.starts[i], rows.starts[i + 1]):
                x[rows.places[e]] += rows.values[e]
            fold = rows.fold[i, columns.repeat[c]]
            if fold == columns.fold[c] or (columns.forward[c] and fold > columns.fold[c]):
                continue
            trained += 1
            margin = sum(a * b for a, b in zip(x, w, strict=True))
            by = slope(name, margin, rows.target[i, 0]) * rows.weight[i] / columns.weight[c]
            gradient = [g + by * a for g, a in zip(gradient, x, strict=True)]
        if not trained:
            continue
        steps += 1
        e = rate * rule.factors[begin * FACTORS // n]
        for j in range(d + 1):
            g = gradient[j] / trained
            l1, l2 = (lasso, ridge) if j < d else (0.0, 0.0)
            if rule.optimizer == OPTIMIZERS["ftrl"]:
                if g != 0.0:
                    squares[j] += g * g
                    new = max(stiff[j], (1 + math.sqrt(squares[j])) / e)
                    pull[j] += g - (new - stiff[j]) * w[j]
                    stiff[j] = new
                w[j] = -soft(pull[j], steps * l1) / (stiff[j] + steps * l2)
                continue
            reach = e
            if rule.optimizer == OPTIMIZERS["momentum"]:
                g = velocity[j] = rule.momentum * velocity[j] + g
                reach = e / (1 - rule.momentum)
            w[j] = soft(w[j] - e * g, reach * l1) / (1 + reach * l2)
    return np.asarray(w)


PENALTIES = [(0.0, 0.0), (0.02, 0.03), (0.0, 5.0), (0.1, 0.0)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("lasso", "ridge"), PENALTIES)
@pytest.mark.parametrize("batch", [1, 7, 90])
def test_twin_equals_plain_loops(optimizer, lasso, ridge, batch):
    for loss in ("squared", "logistic", "poisson", "huber", "quantile"):
        made = case(loss, optimizer, batch=batch, lasso=lasso, ridge=ridge)
        theta = made.run(descend_numpy)
        for c in range(theta.shape[1]):
            assert np.allclose(theta[:, c], oracle(made, loss, c), rtol=1e-11, atol=1e-12), (loss, c)


@NEEDS_NUMBA
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("lasso", "ridge"), PENALTIES)
@pytest.mark.parametrize("loss", SLOPES)
def test_compiled_equals_twin(optimizer, lasso, ridge, loss):
    for batch in (1, 7, 90):
        made = case(loss, optimizer, batch=batch, lasso=lasso, ridge=ridge)
        assert compiled(made.rule)
        assert np.allclose(made.run(descend), made.run(descend_numpy), rtol=1e-10, atol=1e-12)


@NEEDS_NUMBA
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(SLOPES)),
    st.sampled_from(sorted(OPTIMIZERS)),
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from(PENALTIES),
    st.lists(st.integers(1, 59), max_size=3, unique=True),
)
def test_compiled_equals_twin_on_any_cut(loss, optimizer, batch, members, wide, penalty, cuts):
    lasso, ridge = penalty
    made = case(loss, optimizer, 60, wide, (3,), members, batch, lasso, ridge, seed=batch)
    assert np.allclose(made.run(descend, cuts), made.run(descend_numpy), rtol=1e-10, atol=1e-12)


@NEEDS_NUMBA
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch", [1, 7])
def test_a_column_does_not_depend_on_the_others(optimizer, batch):
    made = case("logistic", optimizer, batch=batch, lasso=0.01, ridge=0.02)
    together = made.run(descend)
    for c in range(3):
        alone = Columns(*(values[c : c + 1] for values in made.columns))
        one = dataclasses.replace(
            made, columns=alone, theta=made.theta[:, c : c + 1], rule=made.rule._replace(members=1)
        )
        assert np.array_equal(one.run(descend)[:, 0], together[:, c])


@NEEDS_NUMBA
def test_soft_labels_equal_class_numbers():
    made = case("softmax")
    shares = np.eye(4)[made.rows.target[:, 0].astype(int)]
    soft_case = dataclasses.replace(made, rows=made.rows._replace(target=shares))
    for how in (descend, descend_numpy):
        assert np.array_equal(soft_case.run(how), made.run(how))


@NEEDS_NUMBA
def test_strong_penalties_over_many_steps_stay_finite_and_equal():
    # The common factor of the kernel falls by a third each step: it is folded in before it underflows.
    made = case("squared", n=2000, batch=1, lasso=0.001, ridge=10.0)
    assert np.allclose(made.run(descend), made.run(descend_numpy), rtol=1e-9, atol=1e-13)


def test_a_column_without_rows_in_a_batch_does_not_move():
    made = case("squared", "momentum")
    nothing = made.rows._replace(fold=np.full_like(made.rows.fold, 0))
    moved = dataclasses.replace(made, rows=nothing).run(descend_numpy)
    trains = made.columns.fold != 0
    assert np.array_equal(moved[:, ~trains], made.theta[:, ~trains])
    assert (moved[:, trains] != made.theta[:, trains]).any(axis=0).all()


def test_a_rate_of_zero_does_not_move():
    made = case("squared", "ftrl")
    still = dataclasses.replace(made, rule=made.rule._replace(factors=np.zeros(FACTORS)))
    assert np.allclose(still.run(descend_numpy), made.theta, rtol=1e-14)
    assert np.allclose(still.run(descend), made.theta, rtol=1e-14)


def test_other_losses_run_in_numpy():
    class Cubic:
        def gradient(self, margin, target):
            return np.sign(margin - target) * np.square(margin - target)

    made = case("squared")
    own = dataclasses.replace(made, loss=Cubic(), rule=made.rule._replace(loss=-1))
    assert not compiled(own.rule)
    assert np.array_equal(own.run(descend), own.run(descend_numpy))
