"""What the tests of linear models share: a factory of small encoded tables with the Spec that trains them."""

import numpy as np
import pytest

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.features.text import TextFeature
from justright.kernels.hashing import mix64
from justright.models.base import Spec
from justright.optim.losses import Huber, Logistic, Poisson, Quantile, Softmax, Squared
from justright.optim.schedules import schedule_for
from justright.recipe import Descent
from justright.schema import Block, Column, Tokens

LOSSES = {
    "squared": Squared(),
    "huber": Huber(),
    "quantile": Quantile(0.3, 0.3),
    "poisson": Poisson(),
    "logistic": Logistic(),
    "softmax": Softmax(),
}


def make_plan(p, fields, slots, missing):
    numeric = tuple(
        NumericFeature(Column(f"x{i}", "numeric", "number"), 0.0, 1.0, -9.0, 9.0, missing=missing)
        for i in range(p)
    )
    categorical = tuple(
        CategoricalFeature(
            Column(f"c{i}", "categorical", "text"), tuple("abcdefgh"[: size - 2]), (1.0,) * (size + 1)
        )
        for i, size in enumerate(fields)
    )
    text = (TextFeature(Column("t", "text", "text"), slots),) if slots else ()
    return FeaturePlan(PlanData(numeric, categorical, text, None))


def make_tokens(rng, n, slots):
    sizes = rng.integers(0, 4, n)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    values = rng.normal(size=indptr[-1]).astype(np.float32)
    return Tokens(indptr, rng.integers(0, slots, indptr[-1]).astype(np.int32), values, slots)


def make_target(rng, loss, signal, outputs):
    if loss == "logistic":
        return (rng.random(len(signal)) < 1 / (1 + np.exp(-signal))).astype(np.int32)
    if loss == "softmax":
        return np.clip(np.digitize(signal, np.linspace(-1, 1, outputs - 1)), 0, outputs - 1).astype(np.int32)
    if loss == "poisson":
        return rng.poisson(np.exp(0.3 * signal)).astype(np.float32)
    return (signal + 0.5 * rng.normal(size=len(signal))).astype(np.float32)


@pytest.fixture
def problem():
    """Return a factory of (spec, blocks): n rows, p numbers, categorical fields, token slots."""

    def make(
        n=240,
        p=3,
        fields=(4,),
        slots=0,
        loss="squared",
        outputs=1,
        seed=0,
        n_blocks=3,
        missing=False,
        weighted=False,
        repeats=1,
        n_folds=3,
        **descent,
    ):
        rng = np.random.default_rng(seed)
        numeric = rng.normal(size=(n, p)).astype(np.float32)
        codes = np.stack([rng.integers(0, size, n) for size in fields], 1) if fields else np.zeros((n, 0))
        signal = numeric @ np.linspace(1.0, -0.5, p) if p else np.zeros(n)
        if fields:
            signal = signal + 0.5 * np.cos(codes[:, 0])
        target = make_target(rng, loss, signal, outputs)
        if missing:
            numeric[rng.random(numeric.shape) < 0.2] = np.nan
        tokens = make_tokens(rng, n, slots) if slots else None
        weight = (rng.uniform(0.2, 3.0, n) if weighted else np.ones(n)).astype(np.float32)
        fold = rng.integers(0, n_folds, (n, repeats)).astype(np.int8)
        key = mix64(np.arange(1, n + 1, dtype=np.uint64))
        whole = Block(numeric, codes.astype(np.int32), target, weight, fold, tokens, key)
        ends = np.linspace(0, n, n_blocks + 1).astype(int)
        blocks = [whole.slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True)]
        settings = Descent(**{"optimizer": "sgd", **descent})
        schedule = schedule_for(settings.schedule)
        plan = make_plan(p, fields, slots, missing)
        return Spec(LOSSES[loss], outputs, plan, settings, schedule, n), blocks

    return make
