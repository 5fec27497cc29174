from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.models.neural.series import cosine, normal_tail, polynomial

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
jnp = jax.numpy


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=6), st.floats(-2, 2))
@settings(deadline=None, max_examples=50)
def test_polynomial_is_numpys(coefficients: list[float], x: float) -> None:
    assert polynomial(x, coefficients) == pytest.approx(np.polyval(coefficients[::-1], x), rel=1e-9, abs=1e-9)


def test_cosine_is_the_cosine() -> None:
    turns = np.concatenate([np.linspace(-3, 3, 4001), [0.25, -0.25, 0.5, -0.5, 1.5, 2.5]])
    np.testing.assert_allclose(cosine(np, turns), np.cos(2 * np.pi * turns), atol=2e-13)
    single = turns.astype(np.float32)
    expected = np.cos(2 * np.pi * single.astype(np.float64))
    np.testing.assert_allclose(cosine(np, single), expected, atol=4e-7)
    np.testing.assert_allclose(jax.jit(lambda u: cosine(jnp, u))(single), expected, atol=4e-7)


def test_the_slope_of_the_cosine_is_minus_the_sine_at_the_joints_too() -> None:
    turns = np.concatenate([np.linspace(-3, 3, 501), [0.0, 0.25, 0.5, -0.5, 1.0, 1.5]])
    with jax.enable_x64(True):
        slope = jax.vmap(jax.grad(lambda u: cosine(jnp, u)))(jnp.asarray(turns))
        np.testing.assert_allclose(slope, -2 * np.pi * np.sin(2 * np.pi * turns), atol=1e-9)


def test_whole_turns_change_nothing() -> None:
    part = np.linspace(0, 1, 17)
    np.testing.assert_array_equal(cosine(np, part + 1024.0), cosine(np, part))


def test_normal_tail_is_the_error_function_and_even() -> None:
    x = np.linspace(-9, 9, 3001)
    expected = [0.5 * math.erfc(abs(v) / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(normal_tail(np, x), expected, atol=1e-12)
    np.testing.assert_allclose(normal_tail(np, x.astype(np.float32)), expected, atol=2e-7)
    assert normal_tail(np, np.concatenate([np.linspace(8.3, 100, 2000), [-1e4, 1e4]])).max() < 1e-16
