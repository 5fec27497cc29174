"""A user's own network trains like a built-in one, is served by its twin, and hears of its faults early."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("jax")

import jax.numpy as jnp

import justright
from justright.errors import BundleError, TrainingError
from justright.models.neural.own import served
from justright.models.registry import is_network, register_network


def begin(rng, inputs, outputs):
    width = inputs.width
    return {
        "in": rng.normal(size=(width, 16)) / width**0.5,
        "at": np.zeros(16),
        "out": rng.normal(size=(16, outputs)) / 4.0,
    }


def apply(arrays, x, codes, key, xp=jnp):
    return xp.tanh(x @ arrays["in"] + arrays["at"]) @ arrays["out"]


def table(rows=600):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=rows), rng.choice(["red", "green", "blue"], rows)
    return {"x": x, "z": z, "y": np.sin(2 * x) + (z == "red") + 0.05 * rng.normal(size=rows)}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    register_network("tanh-net", begin, apply)
    return justright.train(
        table(),
        target="y",
        family="tanh-net",
        network={"rate": 0.03, "epochs": 120, "batch": 64, "decay": 0.0},
        out=tmp_path_factory.mktemp("runs"),
        baseline=False,
    )


def test_it_learns_and_is_judged_like_a_built_in_one(run):
    assert is_network("tanh-net")
    assert run.summary.family == "tanh-net"
    assert run.summary.metrics["r2"].value > 0.95
    assert any(row.validation is not None for row in run.history.rows)


def test_it_is_served_by_its_numpy_twin(run):
    forward = served(lambda arrays, x, codes: apply(arrays, x, codes, None, np))
    model = justright.load(run.summary.model, families={"tanh-net": forward})
    rows = table(50)
    made = model.predict({name: rows[name] for name in ("x", "z")})
    assert np.corrcoef(made, rows["y"])[0, 1] > 0.97
    with pytest.raises(BundleError, match="tanh-net"):
        justright.load(run.summary.model)


@pytest.mark.parametrize(
    ("init", "function", "said"),
    [
        (lambda rng, i, o: {}, apply, "at least one"),
        (lambda rng, i, o: [1.0], apply, "a dict of arrays"),
        (begin, lambda arrays, x, codes, key: x @ arrays["in"], r"\(3, 16\)"),
        (begin, lambda arrays, x, codes, key: x @ arrays["out"], "does not run"),
        (begin, lambda arrays, x, codes, key: x @ arrays["gone"], "does not run"),
        (begin, lambda arrays, x, codes, key: (x, x), "tuple"),
    ],
)
def test_a_network_that_does_not_fit_is_told_its_shapes_before_the_first_pass(tmp_path, init, function, said):
    register_network("odd-net", init, function)
    with pytest.raises(TrainingError, match=said):
        justright.train(table(80), target="y", family="odd-net", out=tmp_path, baseline=False)


def test_a_front_that_is_none_is_refused():
    with pytest.raises(BundleError, match="inputs"):
        served(lambda arrays, x, codes: x)({}, {}, None)
