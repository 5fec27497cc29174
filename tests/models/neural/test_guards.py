from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.models.neural.guards import Ema, Tail, guarded, penalized

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
optax = pytest.importorskip("optax", reason="networks train with optax: pip install 'justright[neural]'")
jnp = jax.numpy


def walked(transform: Any, grads: list[Any], start: Any) -> tuple[list[np.ndarray], Any]:
    """Weights after each step along given gradients, and the last state."""
    params, state, path = start, transform.init(start), []
    for each in grads:
        updates, state = transform.update(jnp.asarray(each, jnp.float32), state, params)
        params = optax.apply_updates(params, updates)
        path.append(np.asarray(params))
    return path, state


def test_a_long_gradient_is_scaled_down_and_a_short_one_is_not() -> None:
    transform = guarded(optax.sgd(1.0), clip=1.0)
    (long, short), _ = walked(transform, [[3.0, 4.0], [0.3, 0.4]], jnp.zeros(2))
    np.testing.assert_allclose(long, [-0.6, -0.8], rtol=1e-6)
    np.testing.assert_allclose(short - long, [-0.3, -0.4], rtol=1e-6)


def test_the_norm_is_that_of_all_leaves() -> None:
    transform = guarded(optax.sgd(1.0), clip=jnp.float32(2.5))
    params = {"a": jnp.zeros(1), "b": jnp.zeros(1)}
    updates, _ = transform.update(
        {"a": jnp.full(1, 3.0), "b": jnp.full(1, 4.0)}, transform.init(params), params
    )
    np.testing.assert_allclose([updates["a"][0], updates["b"][0]], [-1.5, -2.0], rtol=1e-6)


def test_decay_is_decoupled_times_the_rate_of_the_step_and_spares_what_is_not_marked() -> None:
    def rate(step: Any) -> Any:
        return 0.5 / (1.0 + step)

    transform = guarded(optax.adam(rate), rate=rate, decay=0.1, decayed=jnp.array([1.0, 0.0]))
    path, _ = walked(transform, [[0.0, 0.0]] * 3, jnp.array([2.0, 2.0]))
    expected = 2.0 * np.cumprod([1 - 0.5 * 0.1, 1 - 0.25 * 0.1, 1 - 0.5 / 3 * 0.1])
    np.testing.assert_allclose([each[0] for each in path], expected, rtol=1e-6)
    assert [each[1] for each in path] == [2.0, 2.0, 2.0]


def test_decay_equals_adamw_of_optax() -> None:
    grads = [[1.0, -2.0], [0.5, 0.1], [-0.2, 3.0]]
    start = jnp.array([2.0, -3.0])
    ours, _ = walked(guarded(optax.adam(0.1), rate=0.1, decay=0.3), grads, start)
    theirs, _ = walked(optax.adamw(0.1, weight_decay=0.3), grads, start)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_decay_without_a_rate_is_the_whole_strength() -> None:
    (after,), _ = walked(guarded(optax.sgd(0.1), decay=0.25), [[0.0]], jnp.array([4.0]))
    assert after.tolist() == [3.0]


def test_members_with_traced_decay_clip_and_rate_share_one_program() -> None:
    def one(rate: Any, decay: Any, clip: Any) -> Any:
        transform = guarded(optax.sgd(rate), rate=rate, decay=decay, clip=clip)
        params = jnp.array([1.0, 2.0])
        updates, _ = transform.update(jnp.array([3.0, 4.0]), transform.init(params), params)
        return params + updates

    found = jax.jit(jax.vmap(one))(jnp.array([0.1, 0.2]), jnp.array([0.0, 0.5]), jnp.array([50.0, 1.0]))
    np.testing.assert_allclose(found[0], [1.0 - 0.3, 2.0 - 0.4], rtol=1e-6)
    np.testing.assert_allclose(found[1], [1 - 0.2 * (0.6 + 0.5), 2 - 0.2 * (0.8 + 1.0)], rtol=1e-6)


def test_a_factor_scales_the_update_and_its_decay() -> None:
    transform = guarded(optax.sgd(0.1), rate=0.1, decay=0.5, factor=jnp.array([1.0, 6.0, 0.0]))
    (after,), _ = walked(transform, [[1.0, 1.0, 1.0]], jnp.ones(3))
    np.testing.assert_allclose(after, [1 - 0.15, 1 - 6 * 0.15, 1.0], rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=8), st.floats(0.1, 0.999))
def test_the_moving_average_is_that_of_plain_python(steps: list[float], decay: float) -> None:
    """sum of decay^(n - i) p_i over its weights: without the pull towards the start."""
    path, state = walked(guarded(optax.sgd(1.0), average=Ema(decay)), [[step] for step in steps], jnp.ones(1))
    weights = decay ** np.arange(len(steps))[::-1]
    expected = sum(w * p[0] for w, p in zip(weights, path, strict=True)) / weights.sum()
    np.testing.assert_allclose(state.mean[0], expected, rtol=2e-4, atol=2e-4)


def test_a_number_is_the_decay_of_a_moving_average() -> None:
    assert Ema(0.9).weight(1) == 1.0
    grads = [[1.0], [2.0]]
    _, one = walked(guarded(optax.sgd(1.0), average=0.9), grads, jnp.ones(1))
    _, other = walked(guarded(optax.sgd(1.0), average=Ema(0.9)), grads, jnp.ones(1))
    assert one.mean.tolist() == other.mean.tolist()


@pytest.mark.parametrize("start", [0, 2, 5, 9])
def test_the_tail_is_the_plain_mean_of_the_last_steps(start: int) -> None:
    path, state = walked(
        guarded(optax.sgd(1.0), average=Tail(start)), [[1.0], [3.0], [-2.0], [0.5], [4.0]], jnp.ones(1)
    )
    last = path[start:] or path[-1:]
    np.testing.assert_allclose(state.mean, np.mean(last, axis=0), rtol=1e-6)


def test_the_average_is_a_copy_and_the_weights_train_as_without_it() -> None:
    grads = [[1.0], [2.0]]
    plain, _ = walked(optax.sgd(0.1), grads, jnp.ones(1))
    averaged, _ = walked(guarded(optax.sgd(0.1), average=0.5), grads, jnp.ones(1))
    np.testing.assert_array_equal(plain, averaged)
    start = jnp.ones(1)
    assert guarded(optax.sgd(0.1), average=0.5).init(start).mean is not start


@pytest.mark.parametrize("guard", [{"decay": 0.1}, {"factor": 0.5}, {"average": 0.9}])
def test_a_second_copy_of_the_weights_is_not_left_behind(guard: dict[str, Any]) -> None:
    inner = optax.contrib.schedule_free_sgd(0.1)
    with pytest.raises(
        RecipeError, match="around ScheduleFree.*Next: give decay and factor to optimizer_for"
    ):
        guarded(guarded(inner, clip=1.0), **guard).init(jnp.ones(1))


def test_a_penalty_is_in_the_gradient_the_value_and_the_function() -> None:
    seen: dict[str, Any] = {}

    def update(grads: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        seen.update(grads=grads, value=extra["value"], at=extra["value_fn"](jnp.array([1.0, 1.0])))
        return grads, state

    spy = optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)
    transform = penalized(spy, 0.5, jnp.array([1.0, 0.0]))
    params = jnp.array([2.0, 4.0])
    transform.update(jnp.zeros(2), transform.init(params), params, value=10.0, value_fn=lambda p: 7.0)
    np.testing.assert_allclose(seen["grads"], [1.0, 0.0])
    assert float(seen["value"]) == 10.0 + 0.25 * 4.0
    assert float(seen["at"]) == 7.0 + 0.25
