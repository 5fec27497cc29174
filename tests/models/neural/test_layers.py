from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.models.neural import layers

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
jnp = jax.numpy

Array = Any
rng = np.random.default_rng(7)
X = rng.normal(size=(6, 3))
MEMBERS = rng.normal(size=(2, 6, 3))
EDGES = np.array([[-1.0, 0.0, 0.5, 2.0], [-0.5, -0.5, 0.25, 0.25], [-2.0, -1.0, 1.0, 1.0]])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 0.0, 1.0])


def drawn(*shape: int) -> Array:
    """Parameters of a shape, the same ones in every call of one test run."""
    return np.random.default_rng(sum(shape)).normal(size=shape)


def trained(xp: Any, x: Array, scale: Array, shift: Array) -> Array:
    """Batch norm in training, its three results as one array."""
    y, mean, var = layers.batch_norm(
        xp, x, xp.asarray(WEIGHT, x.dtype), scale, shift, 0 * scale, scale * scale, True
    )
    return xp.concatenate([y, mean[..., None, :], var[..., None, :]], axis=-2)


def judged(xp: Any, x: Array, scale: Array, shift: Array) -> Array:
    """Batch norm in evaluation."""
    return layers.batch_norm(xp, x, xp.asarray(WEIGHT, x.dtype), scale, shift, shift, scale * scale, False)[0]


# name -> (layer of xp and arrays, float arrays that it can be differentiated by)
LAYERS: dict[str, tuple[Callable[..., Array], list[Array]]] = {
    "dense": (lambda xp, x, w, b: layers.dense(x, w, b, 0.5), [X, drawn(3, 4), drawn(4)]),
    "dense members": (lambda xp, x, w, b: layers.dense(x, w, b), [MEMBERS, drawn(2, 3, 4), drawn(2, 4)]),
    "dense without bias": (lambda xp, x, w: layers.dense(x, w), [X, drawn(3, 4)]),
    "embed": (lambda xp, t: layers.embed(xp, xp.asarray([0, 2, 5, -1, 2]), t), [drawn(3, 2)]),
    "embed members": (lambda xp, t: layers.embed(xp, xp.asarray([[0, 2], [1, 9]]), t), [drawn(2, 3, 2)]),
    "scaling": (lambda xp, x, f: layers.scaling(x, f), [X, drawn(3)]),
    "scaling members": (lambda xp, x, f: layers.scaling(x, f), [MEMBERS, drawn(2, 3)]),
    "adapt": (lambda xp, x, f: layers.adapt(x, f), [X, drawn(2, 1, 3)]),
    "periodic": (layers.periodic, [X, drawn(3, 5), drawn(3, 5), drawn(3, 5, 2), drawn(3, 2)]),
    "periodic members": (layers.periodic, [MEMBERS, drawn(3, 5), drawn(3, 5), drawn(3, 5, 2), drawn(3, 2)]),
    "piecewise": (lambda xp, x: layers.piecewise(xp, x, xp.asarray(EDGES, x.dtype)), [X]),
    "linear_piecewise": (
        lambda xp, x, w, b: layers.linear_piecewise(xp, x, xp.asarray(EDGES, x.dtype), w, b),
        [X, drawn(3, 3, 2), drawn(3, 2)],
    ),
    "batch_norm training": (trained, [X, drawn(3), drawn(3)]),
    "batch_norm training members": (trained, [MEMBERS, drawn(2, 3), drawn(2, 3)]),
    "batch_norm evaluation": (judged, [X, drawn(3), drawn(3)]),
    "layer_norm": (layers.layer_norm, [X, drawn(3), drawn(3)]),
    "layer_norm members": (layers.layer_norm, [MEMBERS, drawn(2, 3), drawn(2, 3)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_numpy_and_jax_are_one_function(name: str) -> None:
    layer, arrays = LAYERS[name]
    single = [array.astype(np.float32) for array in arrays]
    with jax.numpy_dtype_promotion("strict"):
        ours = jax.jit(partial(layer, jnp))(*map(jnp.asarray, single))
    served = layer(np, *single)
    assert served.dtype == ours.dtype == np.float32
    np.testing.assert_allclose(ours, served, rtol=1e-6, atol=2e-6)
    np.testing.assert_allclose(served, layer(np, *arrays), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_doubles_are_kept_and_agree_to_1e_12(name: str) -> None:
    layer, arrays = LAYERS[name]
    served = layer(np, *arrays)
    assert served.dtype == np.float64
    with jax.enable_x64(True):
        ours = jax.jit(partial(layer, jnp))(*map(jnp.asarray, arrays))
        np.testing.assert_allclose(ours, served, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_slopes_are_the_finite_differences_of_numpy(name: str) -> None:
    layer, arrays = LAYERS[name]
    mark = np.cos(np.arange(layer(np, *arrays).size))  # a scalar that every output moves

    def value(*given: Array) -> float:
        return float((layer(np, *given).reshape(-1) * mark).sum())

    with jax.enable_x64(True):
        slopes = jax.jit(
            jax.grad(lambda *given: (layer(jnp, *given).reshape(-1) * mark).sum(), tuple(range(len(arrays))))
        )(*map(jnp.asarray, arrays))
    step = 1e-6
    for place, slope in enumerate(slopes):
        expected = np.zeros(arrays[place].shape)
        for at in np.ndindex(expected.shape):
            up, down = [a.copy() for a in arrays], [a.copy() for a in arrays]
            up[place][at] += step
            down[place][at] -= step
            expected[at] = (value(*up) - value(*down)) / (2 * step)
        np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-7)


def test_nothing_of_jax_is_loaded_in_service() -> None:
    code = (
        "import sys, numpy as np; from justright.models.neural import activations, initial, layers;"
        "layers.dense(np.ones((1, 2)), np.ones((2, 1)));"
        "print({name.split('.')[0] for name in sys.modules} & {'jax', 'jaxlib', 'optax', 'scipy', 'numba'})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_embed_reads_row_0_for_codes_that_are_not_in_the_table() -> None:
    table = np.arange(6.0).reshape(3, 2)
    codes = np.array([-5, -1, 0, 2, 3, 2**31 - 1], np.int32)
    for xp in (np, jnp):
        found = layers.embed(xp, xp.asarray(codes), xp.asarray(table, np.float32))
        np.testing.assert_array_equal(found, table[[0, 0, 0, 2, 0, 0]])


def test_members_inside_a_net_are_the_single_layers() -> None:
    weight, bias = drawn(2, 3, 4), drawn(2, 4)
    both = layers.dense(MEMBERS, weight, bias)
    for k in range(2):
        np.testing.assert_array_equal(both[k], layers.dense(MEMBERS[k], weight[k], bias[k]))


def test_periodic_by_hand() -> None:
    frequency, phase, weight, bias = drawn(3, 5), drawn(3, 5), drawn(3, 5, 2), drawn(3, 2)
    made = layers.periodic(np, X, frequency, phase, weight, bias)
    assert made.shape == (6, 9)
    for row in range(6):
        for d in range(3):
            expected = [X[row, d]]
            for out in range(2):
                waves = [math.cos(2 * math.pi * frequency[d, f] * X[row, d] + phase[d, f]) for f in range(5)]
                expected.append(sum(w * weight[d, f, out] for f, w in enumerate(waves)) + bias[d, out])
            np.testing.assert_allclose(made[row, 3 * d : 3 * d + 3], expected, rtol=1e-11, atol=1e-11)


def encoded(value: float, edges: list[float]) -> list[float]:
    """Plain piecewise encoding of one number: a loop over bins, those without width told apart first."""
    wide = [b for b in range(len(edges) - 1) if edges[b + 1] > edges[b]]
    made = [0.0] * (len(edges) - 1)
    for b in wide:
        share = (value - edges[b]) / (edges[b + 1] - edges[b])
        if b != wide[0]:
            share = max(share, 0.0)
        if b != wide[-1]:
            share = min(share, 1.0)
        made[b] = share
    return made


def test_piecewise_of_a_known_vector() -> None:
    edges = np.array([[0.0, 1.0, 1.0, 3.0, 3.0]])
    x = np.array([[-2.0], [0.0], [0.25], [1.0], [2.0], [3.0], [7.0]])
    expected = [
        [-2.0, 0, 0.0, 0],
        [0.0, 0, 0.0, 0],
        [0.25, 0, 0.0, 0],
        [1.0, 0, 0.0, 0],
        [1.0, 0, 0.5, 0],
        [1.0, 0, 1.0, 0],
        [1.0, 0, 3.0, 0],
    ]
    np.testing.assert_array_equal(layers.piecewise(np, x, edges)[:, 0], expected)


def test_piecewise_of_a_feature_without_any_width_is_0() -> None:
    x = np.array([[-1.0], [2.0], [1e9]], np.float32)
    np.testing.assert_array_equal(
        layers.piecewise(np, x, np.full((1, 4), 2.0, np.float32)), np.zeros((3, 1, 3))
    )


tenths = st.integers(-30, 30).map(lambda n: n / 10)


@given(st.lists(tenths, min_size=2, max_size=8).map(sorted), st.lists(tenths, min_size=1, max_size=5))
@settings(deadline=None, max_examples=200)
def test_piecewise_is_the_plain_loop(edges: list[float], values: list[float]) -> None:
    made = layers.piecewise(np, np.array(values)[:, None], np.array([edges]))[:, 0]
    np.testing.assert_allclose(made, [encoded(v, edges) for v in values], rtol=1e-12, atol=1e-12)


@given(st.lists(tenths, min_size=2, max_size=8, unique=True).map(sorted), st.floats(-5, 5))
@settings(deadline=None, max_examples=100)
def test_rises_equal_to_widths_give_the_number_back(edges: list[float], value: float) -> None:
    widths, start = np.diff(edges)[None, :, None], np.array([[edges[0]]])
    line = layers.linear_piecewise(np, np.array([[value]]), np.array([edges]), widths, start)
    np.testing.assert_allclose(line, [[value]], rtol=1e-9, atol=1e-9)


def normed(x: Array, weight: Array, mean: Array, var: Array, **more: Any) -> tuple[Array, Array, Array]:
    """Batch norm in training with factor 1 and shift 0."""
    d = x.shape[-1]
    return layers.batch_norm(np, x, weight, np.ones(d), np.zeros(d), mean, var, True, **more)


@given(st.integers(2, 9), st.integers(0, 5), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_padding_changes_nothing(rows: int, padding: int, seed: int) -> None:
    made = np.random.default_rng(seed)
    x, mean, var = made.normal(3, 2, size=(rows, 2)), made.normal(size=2), made.uniform(1, 2, size=2)
    weight = made.uniform(0.1, 3, size=rows)
    order = made.permutation(rows + padding)
    padded = np.concatenate([x, np.full((padding, 2), 1e6)])[order]
    padded_weight = np.concatenate([weight, np.zeros(padding)])[order]
    y, new_mean, new_var = normed(x, weight, mean, var)
    z, other_mean, other_var = normed(padded, padded_weight, mean, var)
    np.testing.assert_allclose(z[order < rows], y[order[order < rows]], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other_mean, new_mean, rtol=1e-9)
    np.testing.assert_allclose(other_var, new_var, rtol=1e-9)


def test_batch_norm_by_hand() -> None:
    x, weight = rng.normal(5, 3, size=(8, 2)), np.ones(8)
    y, mean, var = normed(x, weight, np.full(2, 10.0), np.full(2, 4.0), momentum=0.25)
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), rtol=1e-12)
    np.testing.assert_allclose(mean, 0.75 * 10 + 0.25 * x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(var, 0.75 * 4 + 0.25 * x.var(0, ddof=1), rtol=1e-12)


def test_the_scale_of_all_weights_does_not_matter_and_means_are_weighted() -> None:
    x, mean, var = rng.normal(size=(6, 3)), np.zeros(3), np.ones(3)
    one, thousandth = normed(x, WEIGHT, mean, var), normed(x, WEIGHT / 1000, mean, var)
    for a, b in zip(one, thousandth, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    np.testing.assert_allclose(one[1], 0.1 * np.average(x, axis=0, weights=WEIGHT), rtol=1e-9)


@pytest.mark.parametrize("weight", [[0, 0, 0], [0, 2, 0]])
def test_one_row_or_none_keeps_the_running_estimates_and_finite_slopes(weight: list[float]) -> None:
    x, mean, var = np.array([[1.0], [2.0], [3.0]], np.float32), np.array([0.5]), np.array([4.0])
    y, new_mean, new_var = normed(x, np.array(weight, np.float32), mean, var)
    np.testing.assert_array_equal(new_mean, mean)
    np.testing.assert_array_equal(new_var, var)
    np.testing.assert_allclose(y, (x - 0.5) / np.sqrt(4 + 1e-5), rtol=1e-6)

    def total(x: Array) -> Array:
        args = (jnp.ones(1), jnp.zeros(1), jnp.array([0.5]), jnp.array([4.0]))
        return (layers.batch_norm(jnp, x, jnp.array(weight, jnp.float32), *args, True)[0] ** 2).sum()

    assert np.isfinite(jax.jit(jax.grad(total))(jnp.asarray(x))).all()


def test_constant_columns_are_the_shift() -> None:
    x, shift = np.full((5, 2), 3.0, np.float32), np.array([1.0, 2.0], np.float32)
    one, nil = np.ones(2, np.float32), np.zeros(2, np.float32)
    for xp in (np, jnp):
        y, _, _ = layers.batch_norm(
            xp, *map(xp.asarray, (x, np.ones(5, np.float32), one, shift, nil, one)), True
        )
        np.testing.assert_allclose(y, np.broadcast_to(shift, (5, 2)), atol=1e-4)


KEY = jax.random.key(3)
ONES = np.ones((400, 250), np.float32)


@pytest.mark.parametrize("rate", [0.02, 0.15, 0.5, 0.9])
def test_dropout_keeps_the_expectation(rate: float) -> None:
    y = np.asarray(layers.dropout(jnp.asarray(ONES), KEY, rate))
    np.testing.assert_allclose(np.unique(y), [0.0, 1 / (1 - rate)], rtol=1e-6)
    share, error = (y == 0).mean(), math.sqrt(rate * (1 - rate) / y.size)
    assert abs(share - rate) < 4 * error
    # No column and no row is dropped more than chance allows.
    for axis in (0, 1):
        means = (y == 0).mean(axis=axis)
        assert abs(means - rate).max() < 5 * math.sqrt(rate * (1 - rate) / y.shape[axis])


def test_dropout_of_rate_0_is_x_and_of_rate_1_is_0() -> None:
    x = jnp.asarray(rng.normal(size=(50, 40)), jnp.float32)
    np.testing.assert_array_equal(layers.dropout(x, KEY, 0.0), x)
    np.testing.assert_array_equal(layers.dropout(x, KEY, 1.0), 0 * x)


def test_masks_of_neighbours_layers_and_steps_are_independent() -> None:
    masks = [
        np.asarray(layers.dropout(jnp.asarray(ONES), jax.random.fold_in(KEY, step), 0.5)) > 0
        for step in range(8)
    ]
    signs = [2.0 * mask - 1.0 for mask in masks]
    bound = 4.5 / math.sqrt(ONES.size)
    for a in range(8):
        for b in range(a):
            assert abs((signs[a] * signs[b]).mean()) < bound
        for shift in (1, 2, 3, 4, 8, 16, 64):
            assert abs((signs[a][:, shift:] * signs[a][:, :-shift]).mean()) < 1.2 * bound
            assert abs((signs[a][shift:] * signs[a][:-shift]).mean()) < 1.2 * bound


def test_each_word_of_a_key_counts() -> None:
    words = [[0, 0], *([0, 1 << k] for k in range(0, 32, 3)), *([1 << k, 0] for k in range(0, 32, 3))]
    keys = [jax.random.wrap_key_data(jnp.array(pair, jnp.uint32)) for pair in words]
    signs = [2.0 * (np.asarray(layers.dropout(jnp.asarray(ONES), key, 0.5)) > 0) - 1.0 for key in keys]
    flat = np.array(signs).reshape(len(words), -1)
    agreement = flat @ flat.T / ONES.size - np.eye(len(words))
    assert float(np.abs(agreement).max()) < 4.5 / math.sqrt(ONES.size)


def test_the_rate_is_data_and_members_share_a_mask() -> None:
    compiled = jax.jit(jax.vmap(layers.dropout, (0, None, 0)))
    x, rates = jnp.ones((2, 30, 20)), jnp.array([0.2, 0.6])
    both = compiled(x, KEY, rates)
    for k in range(2):
        np.testing.assert_array_equal(both[k], layers.dropout(x[k], KEY, rates[k]))
    assert ((both[0] == 0) <= (both[1] == 0)).all()
    compiled(x, jax.random.key(9), rates / 2)
    assert compiled._cache_size() == 1


def test_dropout_takes_old_keys_and_differentiates() -> None:
    x = jnp.ones((10, 10))
    old = jax.random.PRNGKey(3)
    np.testing.assert_array_equal(layers.dropout(x, old, 0.3), layers.dropout(x, KEY, 0.3))
    slope = jax.jit(jax.grad(lambda x: layers.dropout(x, KEY, 0.3).sum()))(x)
    np.testing.assert_array_equal(slope, layers.dropout(x, KEY, 0.3))


# Written by benchmarks/neural/torch_layers.py; slopes are of the sum of output times cos(place).
TORCH = json.loads(Path(__file__).with_name("torch_layers.json").read_text())


def compare(layer: Callable[..., Array], case: dict[str, Any], *names: str) -> None:
    """Compare the output of numpy and the slopes of jax with a case of PyTorch, both in double precision."""
    given = [np.array(case[name]) for name in names]
    np.testing.assert_allclose(layer(np, *given), case["y"], rtol=1e-10, atol=1e-10)
    mark = np.cos(np.arange(np.size(case["y"])))
    with jax.enable_x64(True):
        found = jax.jit(
            jax.grad(lambda *given: (layer(jnp, *given).reshape(-1) * mark).sum(), tuple(range(len(given))))
        )(*map(jnp.asarray, given))
    for name, slope in zip(names, found, strict=True):
        if name in case["slopes"]:
            np.testing.assert_allclose(slope, case["slopes"][name], rtol=1e-9, atol=1e-9)


def test_dense_is_pytorchs() -> None:
    compare(lambda xp, x, w, b: layers.dense(x, w, b), TORCH["dense"], "x", "weight", "bias")


def test_embed_is_pytorchs() -> None:
    case = TORCH["embedding"]
    compare(lambda xp, table: layers.embed(xp, xp.asarray(case["codes"]), table), case, "table")


def test_layer_norm_is_pytorchs() -> None:
    compare(layers.layer_norm, TORCH["layer_norm"], "x", "scale", "shift")


def test_batch_norm_is_pytorchs_over_three_batches_padded_ones_too() -> None:
    case = TORCH["batch_norm"]
    scale, shift = np.array(case["scale"]), np.array(case["shift"])
    mean, var = np.zeros(3), np.ones(3)
    weight = np.array([1.0] * 7 + [0.0] * 2)
    for batch in case["batches"]:
        before = (mean, var)

        def layer(xp: Any, x: Array, scale: Array, shift: Array, before: Any = before) -> Array:
            padded = xp.concatenate([x, xp.full((2, 3), 50.0)])
            return layers.batch_norm(xp, padded, xp.asarray(weight), scale, shift, *before, True)[0][:7]

        compare(layer, {**case, **batch}, "x", "scale", "shift")
        padded = np.concatenate([batch["x"], np.full((2, 3), 50.0)])
        _, mean, var = layers.batch_norm(np, padded, weight, scale, shift, mean, var, True)
        np.testing.assert_allclose(mean, batch["mean"], rtol=1e-10)
        np.testing.assert_allclose(var, batch["var"], rtol=1e-10)
    compare(
        lambda xp, x: layers.batch_norm(xp, x, xp.ones(4), scale, shift, mean, var, False)[0],
        case["judged"],
        "x",
    )


@pytest.mark.parametrize("rate", TORCH["dropout"])
def test_dropout_is_pytorchs_on_average(rate: str) -> None:
    case = TORCH["dropout"][rate]
    y = np.asarray(layers.dropout(jnp.ones((1000, 1000)), jax.random.key(0), float(rate)))
    chance = 5 * math.sqrt(2 * float(rate) * (1 - float(rate)) / 1e6)
    assert float((y == 0).mean()) == pytest.approx(case["dropped"], abs=chance)
    assert float(y.max()) == pytest.approx(case["kept"], rel=1e-6)
    assert float(y.mean(dtype=np.float64)) == pytest.approx(case["mean"], abs=chance * case["kept"])
