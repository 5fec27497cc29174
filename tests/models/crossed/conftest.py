"""Small encoded tables with a Spec that trains an additive model of them, and its training to the end."""

from __future__ import annotations

import numpy as np
import pytest

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.models.base import Spec
from justright.models.crossed.learner import CrossedLearner
from justright.optim.losses import Huber, Logistic, Poisson, Quantile, Softmax, Squared
from justright.optim.schedules import schedule_for
from justright.recipe import Crosses, Descent
from justright.schema import Block, Column, Member

LOSSES = {
    "squared": Squared(),
    "logistic": Logistic(),
    "poisson": Poisson(),
    "softmax": Softmax(),
    "huber": Huber(),
    "quantile": Quantile(0.3, 0.3),
}


def make_plan(numbers, sizes):
    numeric = tuple(
        NumericFeature(Column(f"x{i}", "numeric", "number"), 0.0, 1.0, -9.0, 9.0) for i in range(numbers)
    )
    categorical = tuple(
        CategoricalFeature(
            Column(f"c{i}", "categorical", "text"),
            tuple(f"v{k}" for k in range(size - 2)),
            (1.0,) * (size + 1),
        )
        for i, size in enumerate(sizes)
    )
    return FeaturePlan(PlanData(numeric, categorical, (), None))


def blocks_of(numeric, codes, target, weight=None, fold=None, cuts=3, folds=5):
    """Return blocks of rows; the key of a row is its number, mixed."""
    n = len(target)
    rows = np.arange(n)
    fold = (rows * 7919 % 10007) % folds if fold is None else fold
    key = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    whole = Block(
        np.asarray(numeric, np.float32).reshape(n, -1),
        np.asarray(codes, np.int32).reshape(n, -1),
        np.asarray(target),
        np.ones(n, np.float32) if weight is None else np.asarray(weight, np.float32),
        np.asarray(fold, np.int8).reshape(n, -1),
        None,
        key,
    )
    ends = np.linspace(0, n, cuts + 1).astype(int)
    return [whole.slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def spec_of(blocks, loss="squared", outputs=1, sizes=()):
    numbers = blocks[0].numeric.shape[1]
    plan = make_plan(numbers, sizes)
    made = LOSSES[loss] if isinstance(loss, str) else loss
    settings = Descent()
    rows = sum(block.rows for block in blocks)
    return Spec(made, outputs, plan, settings, schedule_for(settings.schedule), rows)


def population(folds=5, **same):
    return tuple(Member(fold, 0, 1.0, **same) for fold in (-1, *range(folds)))


def trained(spec, blocks, members=None, crosses=None, most=200):
    """Return learner and state at the end of a training."""
    learner = CrossedLearner(crosses or Crosses())
    members = population() if members is None else members
    state = learner.start(spec, blocks, members, 0)
    for number in range(most):
        state, progress = learner.advance(spec, state, blocks, members, number)
        assert not progress.failed.any()
        if progress.done.all():
            return learner, state
    raise AssertionError("did not end")


@pytest.fixture(scope="session")
def tools():
    """Return the functions of this file by name."""
    return dict(globals())


@pytest.fixture(scope="session")
def table():
    """Return a factory of (spec, blocks): numbers with a curve, a category with a value, and crosses."""

    def make(n=1500, loss="squared", outputs=1, seed=0, effect=None, noise=0.3, weight=None, **more):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, 3)).astype(np.float32)
        c = np.stack([rng.integers(2, 6, n), rng.integers(2, 5, n)], 1)
        f = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] + 0.3 * (c[:, 0] - 3.5)
        if effect is not None:
            f = f + effect(x, c)
        if loss == "logistic":
            y = (rng.random(n) < 1 / (1 + np.exp(-f))).astype(np.int32)
        elif loss == "poisson":
            y = rng.poisson(np.exp(0.5 * f)).astype(np.float32)
        elif loss == "softmax":
            y = np.clip(np.digitize(f + noise * rng.logistic(size=n), [-0.7, 0.7]), 0, 2).astype(np.int32)
        else:
            y = (f + noise * rng.normal(size=n)).astype(np.float32)
        blocks = blocks_of(x, c, y, weight, **more)
        return spec_of(blocks, loss, outputs, sizes=(6, 5)), blocks

    return make
