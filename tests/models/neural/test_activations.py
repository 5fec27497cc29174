from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from justright.errors import RecipeError
from justright.models.neural.activations import ACTIVATIONS, activation

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
jnp = jax.numpy

GRID = np.concatenate([np.linspace(-12, 12, 481), [-1e4, -200.0, -88.0, -87.0, 20.0, 88.0, 200.0, 1e4]])


def logistic(x: float) -> float:
    """The logistic function of the math module, on the side that does not overflow."""
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def softplus(x: float) -> float:
    """log(1 + exp(x)) of the math module."""
    return x if x > 40 else math.log1p(math.exp(x))


SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
PLAIN: dict[str, Callable[[float], float]] = {
    "identity": lambda x: x,
    "relu": lambda x: x if x > 0 else 0.0,
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: SCALE * x if x > 0 else SCALE * ALPHA * math.expm1(x),
    "gelu": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "gelu_exact": lambda x: 0.5 * x * math.erfc(-x / math.sqrt(2)),
    "silu": lambda x: x * logistic(x),
    "mish": lambda x: x * math.tanh(softplus(x)),
    "softplus": softplus,
    "tanh": math.tanh,
    "sigmoid": logistic,
}


def test_every_activation_has_a_plain_copy() -> None:
    assert set(PLAIN) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_doubles_are_the_math_modules(name: str) -> None:
    made = activation(np, name, GRID[:, None])[:, 0]
    assert made.dtype == np.float64
    np.testing.assert_allclose(made, [PLAIN[name](x) for x in GRID], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_numpy_and_jax_are_one_function(name: str) -> None:
    single = GRID.astype(np.float32)[:, None]
    with jax.numpy_dtype_promotion("strict"):
        ours = jax.jit(lambda x: activation(jnp, name, x))(jnp.asarray(single))
    served = activation(np, name, single)
    assert served.dtype == ours.dtype == np.float32
    np.testing.assert_allclose(ours, served, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_finite_differences_and_finite_far_out(name: str) -> None:
    near = np.linspace(-6, 6, 98)  # without 0, where some have a kink
    with jax.enable_x64(True):
        slope = jax.jit(jax.vmap(jax.grad(lambda x: ACTIVATIONS[name](jnp, x))))
        expected = (ACTIVATIONS[name](np, near + 1e-6) - ACTIVATIONS[name](np, near - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope(jnp.asarray(near)), expected, rtol=1e-6, atol=1e-8)
    far = jnp.asarray(np.concatenate([GRID, np.linspace(-1e4, 1e4, 101)]), jnp.float32)
    assert np.isfinite(jax.jit(jax.vmap(jax.grad(lambda x: ACTIVATIONS[name](jnp, x))))(far)).all()


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "selu"])
def test_slopes_at_the_kink_are_those_from_the_left(name: str) -> None:
    slope = jax.grad(lambda x: ACTIVATIONS[name](jnp, x))
    assert float(slope(0.0)) == pytest.approx(float(slope(-1e-7)), abs=1e-6)


def test_shares_are_one_a_neuron_and_one_a_member() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    share = np.array([[0.0, 1.0, 0.5], [2.0, -1.0, 1.0]])
    made = activation(np, "mish", x, share)
    np.testing.assert_allclose(made[0, :, 0], x[0, :, 0], rtol=1e-12)
    np.testing.assert_allclose(made[0, :, 1], activation(np, "mish", x)[0, :, 1], rtol=1e-12)
    for k in range(2):
        np.testing.assert_array_equal(made[k], activation(np, "mish", x[k], share[k]))


def test_the_slope_of_a_share_is_f_minus_x() -> None:
    x: Any = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)), jnp.float32)
    slope = jax.jit(jax.grad(lambda share: activation(jnp, "selu", x, share).sum()))(jnp.ones(3))
    np.testing.assert_allclose(slope, (activation(np, "selu", np.asarray(x)) - x).sum(axis=0), rtol=1e-5)


def test_no_such_activation() -> None:
    with pytest.raises(RecipeError, match=r"received activation='rellu'; allowed: one of: relu"):
        activation(np, "rellu", np.zeros((1, 1)))


# Written by benchmarks/neural/torch_layers.py.
TORCH = json.loads(Path(__file__).with_name("torch_layers.json").read_text())["activations"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_slopes_are_pytorchs_at_0_and_far_out_too(name: str) -> None:
    x = np.array(TORCH["x"])
    np.testing.assert_allclose(ACTIVATIONS[name](np, x), TORCH[name]["y"], rtol=1e-8, atol=1e-11)
    with jax.enable_x64(True):
        slope = jax.jit(jax.vmap(jax.grad(lambda x: ACTIVATIONS[name](jnp, x))))(jnp.asarray(x))
    np.testing.assert_allclose(slope, TORCH[name]["slope"], rtol=1e-8, atol=1e-10)
