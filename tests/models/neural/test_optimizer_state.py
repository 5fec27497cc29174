from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from justright.errors import TrainingError
from justright.models.neural.optimizer_state import flat_state, state_of

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
optax = pytest.importorskip("optax", reason="networks train with optax: pip install 'justright[neural]'")
jnp = jax.numpy


def same(one: Any, other: Any) -> bool:
    """Whether two states are equal to the bit, types and structure included."""
    if jax.tree.structure(one) != jax.tree.structure(other):
        return False
    pairs = list(zip(flat_state(one).values(), flat_state(other).values(), strict=True))
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def test_names_are_the_way_to_the_leaf() -> None:
    params = {"body.0.weight": jnp.ones((2, 3)), "body.0.bias": jnp.ones(3)}
    state = optax.adam(optax.constant_schedule(0.1)).init(params)
    assert list(flat_state(state)) == [
        "opt.0.count",
        "opt.0.mu.body.0.bias",
        "opt.0.mu.body.0.weight",
        "opt.0.nu.body.0.bias",
        "opt.0.nu.body.0.weight",
        "opt.1.count",
    ]
    assert flat_state(state)["opt.1.count"].dtype == np.int32
    assert list(flat_state(state, prefix="m"))[0] == "m.0.count"


def test_a_state_without_numbers_is_an_empty_dict() -> None:
    state = optax.sgd(0.1).init(jnp.ones(2))
    assert flat_state(state) == {}
    assert state_of(state, {}) == state


def test_the_way_back_from_shapes_alone_gives_the_same_bits() -> None:
    transform = optax.chain(optax.adam(0.1), optax.contrib.reduce_on_plateau())
    params = jnp.array([1.0, -2.0])
    _, state = transform.update(jnp.array([0.3, jnp.nan]), transform.init(params), params, value=jnp.inf)
    template = jax.eval_shape(transform.init, params)
    assert same(state, state_of(template, {**flat_state(state), "weights": np.zeros(9)}))


def test_random_keys_go_and_come_with_their_members_last() -> None:
    keys = jax.random.split(jax.random.key(3), 5)
    state = (optax.EmptyState(), {"rng": keys})
    saved = flat_state(state)
    assert {name: array.shape for name, array in saved.items()} == {"opt.1.rng": (2, 5)}
    for template in (state, jax.eval_shape(lambda: state)):
        restored = state_of(template, saved)[1]["rng"]
        assert restored.dtype == keys.dtype
        np.testing.assert_array_equal(jax.random.normal(restored[4]), jax.random.normal(keys[4]))


def test_short_floats_travel_as_integers_of_their_width() -> None:
    state = {"mu": jnp.asarray([1.5, -2.0], jnp.bfloat16)}
    saved = flat_state(state)
    assert saved["opt.mu"].dtype == np.uint16
    assert state_of(state, saved)["mu"].tolist() == [1.5, -2.0]
    assert state_of(state, saved)["mu"].dtype == jnp.bfloat16


def test_arrays_are_copies() -> None:
    state = {"mu": jnp.ones(2)}
    saved = flat_state(state)
    saved["opt.mu"][0] = 9.0
    assert state["mu"].tolist() == [1.0, 1.0]


def test_a_state_of_another_optimizer_or_network_is_refused() -> None:
    state = optax.sgd(0.1, momentum=0.9).init(jnp.ones(2))
    with pytest.raises(TrainingError, match="without 'opt.0.trace'; allowed: one of: opt.0.tracer"):
        state_of(state, {"opt.0.tracer": np.ones(2)})
    with pytest.raises(TrainingError, match="no array at all"):
        state_of(state, {})
    with pytest.raises(
        TrainingError, match=r"opt.0.trace of shape \(3,\) and type float32.*allowed: shape \(2,\)"
    ):
        state_of(state, {"opt.0.trace": np.ones(3, np.float32)})
    with pytest.raises(TrainingError, match="type int32"):
        state_of(state, {"opt.0.trace": np.ones(2, np.int32)})
