from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from justright.errors import RecipeError
from justright.models.neural.optimizers import optimizer_for

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
optax = pytest.importorskip("optax", reason="networks train with optax: pip install 'justright[neural]'")
jnp = jax.numpy


def steps_of(transform: Any, params: Any, grads: Any, steps: int = 1, **extra: Any) -> Any:
    """Weights and state after some steps along one gradient, in one small program."""

    def walk(params: Any) -> Any:
        state = transform.init(params)
        for _ in range(steps):
            updates, state = transform.update(grads, state, params, **extra)
            params = optax.apply_updates(params, updates)
        return params, state

    return jax.jit(walk)(params)


def step_of(transform: Any, params: Any, grads: Any, **extra: Any) -> Any:
    """Weights after one step."""
    return steps_of(transform, params, grads, **extra)[0]


@pytest.mark.parametrize("name", ["dadapt_adamw", "prodigy"])
def test_a_rate_or_a_gradient_of_zero_at_the_start_is_waited_for(name: str) -> None:
    grads = jnp.array([1.0, -2.0])
    late = optimizer_for(name, lambda step: jnp.where(step < 3, 0.0, 1.0))
    waited, state = steps_of(late, jnp.ones(2), grads, 3)
    assert waited.tolist() == [1.0, 1.0] and float(state.estim_lr) == np.float32(1e-6)
    moved, state = steps_of(late, jnp.ones(2), grads, 8)
    assert np.isfinite(moved).all() and moved[0] < 1.0 < moved[1]
    assert steps_of(optimizer_for(name, 1.0), jnp.ones(2), 0.0 * grads)[0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["dadapt_adamw", "prodigy"])
def test_a_gradient_that_is_no_number_is_not_hidden(name: str) -> None:
    ended = step_of(optimizer_for(name, 1.0), jnp.ones(2), jnp.array([jnp.nan, 1.0]))
    assert np.isnan(np.asarray(ended)).any()


def test_the_first_step_of_rprop_is_the_first_rate_of_a_schedule() -> None:
    transform = optimizer_for("rprop", lambda step: 0.5 / (1.0 + step))
    ended = step_of(transform, jnp.ones(1), jnp.full(1, 3.0))
    assert ended.tolist() == step_of(optimizer_for("rprop", 0.5), jnp.ones(1), jnp.full(1, 3.0)).tolist()


@pytest.mark.parametrize("name", ["cocob", "madgrad"])
def test_a_factor_only_freezes_where_the_weights_are_set_anew(name: str) -> None:
    params, grads = jnp.ones(3), jnp.ones(3)
    scaled, _ = steps_of(optimizer_for(name, 0.1, factor=jnp.array([6.0, 0.1, 0.0])), params, grads, 5)
    plainly, _ = steps_of(optimizer_for(name, 0.1), params, grads, 5)
    assert scaled.tolist() == [*plainly[:2].tolist(), 1.0]


@pytest.mark.parametrize("name", ["lbfgs", "momo", "polyak_sgd", "reduce_on_plateau", "sam", "sophia"])
def test_a_missing_loss_is_named(name: str) -> None:
    transform = optimizer_for(name, 0.1)
    with pytest.raises(RecipeError, match=f"received an update without value.* optimizer {name}"):
        transform.update(jnp.ones(2), transform.init(jnp.ones(2)), jnp.ones(2))
