"""Small encoded tables with a Spec that grows trees on them, and LightGBM models of raw tables."""

from __future__ import annotations

import numpy as np
import pytest

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.features.text import TextFeature
from justright.kernels.hashing import mix64
from justright.models.base import Spec
from justright.models.boosted.trees import read_trees
from justright.optim.losses import Huber, Logistic, Poisson, Quantile, Softmax, Squared
from justright.optim.schedules import schedule_for
from justright.recipe import Descent
from justright.schema import Block, Column, Member, Tokens

LOSSES = {
    "squared": Squared(),
    "huber": Huber(),
    "absolute": Quantile(0.5, name="absolute"),
    "quantile": Quantile(0.3),
    "poisson": Poisson(),
    "logistic": Logistic(),
    "softmax": Softmax(),
}
SLOTS = 50


def _plan(numbers, sizes, text):
    numeric = tuple(
        NumericFeature(Column(f"x{i}", "numeric", "number"), 0.0, 1.0, -9.0, 9.0) for i in range(numbers)
    )
    categorical = tuple(
        CategoricalFeature(
            Column(f"c{i}", "categorical", "text"), tuple(f"v{k}" for k in range(size - 2)), (1.0,) * size
        )
        for i, size in enumerate(sizes)
    )
    texts = (TextFeature(Column("t", "text", "text"), SLOTS),) if text else ()
    return FeaturePlan(PlanData(numeric, categorical, texts, None))


def _target(loss, signal, rng):
    if loss == "logistic":
        return (rng.random(len(signal)) < 1 / (1 + np.exp(-2 * signal))).astype(np.int32)
    if loss == "softmax":
        return np.digitize(signal + 0.3 * rng.normal(size=len(signal)), [-0.7, 0.7]).astype(np.int32)
    if loss == "poisson":
        return rng.poisson(np.exp(0.5 * signal)).astype(np.float32)
    return (signal + 0.3 * rng.normal(size=len(signal))).astype(np.float32)


@pytest.fixture(scope="session")
def table():
    """Return a factory of (spec, blocks): numbers with gaps and zeros, a category with a value, text."""

    def make(n=400, loss="squared", seed=0, weighted=False, text=False, cuts=3, folds=5, patience=0.3):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, 3)).astype(np.float32)
        c = rng.integers(0, 6, (n, 1)).astype(np.int32)
        signal = np.sin(2 * x[:, 0]) + x[:, 0] * x[:, 1] + 0.4 * (c[:, 0] % 3 - 1)
        x[rng.random(x.shape) < 0.1] = np.nan
        x[rng.random(x.shape) < 0.1] = 0.0
        tokens = None
        if text:
            word = rng.integers(0, SLOTS, n).astype(np.int32)
            signal = signal + (word % 7 == 0)
            tokens = Tokens(np.arange(n + 1), word, np.ones(n, np.float32), SLOTS)
        weight = rng.uniform(0, 3, n) * (rng.random(n) > 0.1) if weighted else np.ones(n)
        key = mix64(np.arange(1, n + 1, dtype=np.uint64))
        fold = rng.integers(0, folds, (n, 2)).astype(np.int8)
        target = _target(loss, signal, rng)
        whole = Block(x, c, target, weight.astype(np.float32), fold, tokens, key)
        ends = np.linspace(0, n, cuts + 1).astype(int)
        blocks = [whole.slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        settings = Descent("sgd", epochs=1000, patience=patience, tolerance=0.0)
        outputs = 3 if loss == "softmax" else 1
        plan = _plan(3, (6,), text)
        return Spec(LOSSES[loss], outputs, plan, settings, schedule_for("constant"), n), blocks

    return make


@pytest.fixture(scope="session")
def members_of():
    """Return a factory of members: all rows and each fold, of some settings."""

    def make(folds=5, settings=1, **same):
        return tuple(Member(f, s, **same) for f in range(-1, folds) for s in range(settings))

    return make


@pytest.fixture(scope="session")
def grown():
    """Return a factory of (LightGBM's booster, our trees) of a raw table."""
    import lightgbm

    def make(rows, target, categories=(), rounds=12, outputs=1, **params):
        told = {
            "objective": "multiclass" if outputs > 1 else "regression",
            **({"num_class": outputs} if outputs > 1 else {}),
            "verbosity": -1,
            "num_threads": 1,
            "min_data_in_leaf": 3,
            "min_data_per_group": 5,
            "cat_smooth": 1.0,
            "deterministic": True,
            "force_row_wise": True,
            **params,
        }
        data = lightgbm.Dataset(rows, target, categorical_feature=list(categories), params=told)
        booster = lightgbm.train(told, data, rounds)
        return booster, read_trees(booster.model_to_string(), outputs)

    return make
