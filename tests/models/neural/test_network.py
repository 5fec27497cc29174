from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from justright.models.neural import network
from justright.models.neural.design import BINS, Design, leaves_of

ROWS = 50
DESIGNS: dict[str, Design] = {
    "plain": Design(3, 2, (5,), 2, (6, 4), numbers="plain"),
    "linear": Design(3, 0, (5,), 1, (), parametric=False, numbers="plain", front=False),
    "periodic": Design(3, 1, (), 1, (6,)),
    "piecewise": Design(2, 0, (5, 4), 1, (6,), numbers="piecewise"),
    "piecewise without numbers": Design(0, 2, (5,), 1, (6,), numbers="piecewise"),
    "batch norm": Design(3, 0, (), 2, (6, 6), numbers="plain", normalise="batch", residual=True),
    "layer norm": Design(3, 0, (), 2, (6, 6), numbers="plain", normalise="layer", activation="tanh"),
    "ensemble": Design(3, 1, (5,), 2, (6, 4), ensemble=3),
    "wide": Design(2, 0, (5,), 1, (6,), numbers="plain", wide=(7, 3)),
    "only wide": Design(1, 0, (), 1, (), parametric=False, numbers="plain", front=False, wide=(7,)),
}


def rows_of(design: Design, n: int = ROWS) -> tuple[Any, Any]:
    """Return inputs and codes of some rows."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, design.numbers_in + design.others_in)).astype(np.float32)
    sizes = (*design.embedded, *design.wide)
    codes = [rng.integers(0, size, n) for size in sizes]
    return x, np.stack(codes, 1).astype(np.int32) if sizes else np.zeros((n, 0), np.int32)


def arrays_of(design: Design, seed: int = 1) -> dict[str, Any]:
    """Return all arrays of a network that has trained: every weight moved."""
    x, codes = rows_of(design)
    rng = np.random.default_rng(seed)
    fixed = network.edges_of(design, x)
    made = network.initial_weights(design, rng, fixed, x, codes)
    moved = {n: (a + 0.3 * rng.normal(size=a.shape)).astype(np.float32) for n, a in made.items()}
    running = {
        n: rng.uniform(0.5, 2, a.shape).astype(np.float32) for n, a in network.statistics_of(design).items()
    }
    return {**fixed, **moved, **running}


def margins(design: Design, arrays: Any, x: Any, codes: Any) -> Any:
    return network.margins(np, design, arrays, x, codes)


@pytest.mark.parametrize("name", DESIGNS)
def test_every_parameter_has_its_say(name):
    design = DESIGNS[name]
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    before = margins(design, arrays, x, codes)
    several = (design.ensemble,) if design.ensemble > 1 else ()
    assert before.shape == (*several, ROWS, design.outputs)
    assert before.dtype == np.float32
    for leaf in leaves_of(design):
        assert arrays[leaf.name].shape == leaf.shape
        # By numbers that differ: a layer norm takes a common one out again.
        step = np.random.default_rng(4).uniform(0.05, 0.15, leaf.shape).astype(np.float32)
        after = margins(design, {**arrays, leaf.name: arrays[leaf.name] + step}, x, codes)
        assert not np.allclose(before, after, atol=1e-6), leaf.name


@pytest.mark.parametrize("name", DESIGNS)
def test_numpy_and_jax_give_the_same_margins(name):
    jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
    design = DESIGNS[name]
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    made = jax.jit(lambda own: network.margins(jax.numpy, design, own, x, codes))(arrays)
    wanted = margins(design, arrays, x, codes)
    np.testing.assert_allclose(np.asarray(made), wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_a_plain_network_is_what_it_says_row_by_row():
    design = Design(2, 1, (4,), 2, (3,), "relu", True, "plain")
    arrays, (x, codes) = arrays_of(design), rows_of(design, 5)
    made = margins(design, arrays, x, codes)
    for row in range(5):
        inputs = [*x[row].tolist(), *arrays["embed.0"][codes[row, 0]].tolist()]
        inputs = [value * factor for value, factor in zip(inputs, arrays["front.factor"], strict=True)]
        hidden = []
        for k in range(3):
            z = sum(v * float(w) for v, w in zip(inputs, arrays["body.0.weight"][:, k], strict=True))
            z = z / math.sqrt(len(inputs)) + float(arrays["body.0.bias"][k])
            share = float(arrays["body.0.share"][k])
            hidden.append(z + share * (max(z, 0.0) - z))
        for k in range(2):
            out = sum(h * float(w) for h, w in zip(hidden, arrays["head.weight"][:, k], strict=True))
            assert made[row, k] == pytest.approx(out / math.sqrt(3) + float(arrays["head.bias"][k]), rel=1e-5)


def test_without_hidden_layers_a_network_is_linear():
    design = DESIGNS["linear"]
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    zero = margins(design, arrays, 0 * x, codes)
    first, second = margins(design, arrays, x, codes) - zero, margins(design, arrays, 2 * x, codes) - zero
    np.testing.assert_allclose(second, 2 * first, rtol=1e-4, atol=1e-5)


def test_with_a_share_of_0_an_activation_is_none():
    design = Design(3, 0, (), 1, (4, 4), "relu", True, "plain", front=False)
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    arrays |= {name: 0 * array for name, array in arrays.items() if name.endswith(".share")}
    zero = margins(design, arrays, 0 * x, codes)
    first, second = margins(design, arrays, x, codes) - zero, margins(design, arrays, -x, codes) - zero
    np.testing.assert_allclose(first, -second, rtol=1e-4, atol=1e-5)


def test_a_residual_layer_of_no_weight_passes_its_input_on():
    design = Design(4, 0, (), 1, (4, 4, 4), "relu", False, "plain", residual=True, front=False)
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    for k in range(3):
        arrays |= {f"body.{k}.{name}": 0 * arrays[f"body.{k}.{name}"] for name in ("weight", "bias")}
    for layer in network.layers(np, design, arrays, x, codes):
        np.testing.assert_array_equal(layer, x)


def test_layers_of_unequal_width_add_nothing():
    design = Design(4, 0, (), 1, (3, 3), "relu", False, "plain", residual=True, front=False)
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    arrays |= {f"body.0.{name}": 0 * arrays[f"body.0.{name}"] for name in ("weight", "bias")}
    assert not network.layers(np, design, arrays, x, codes)[0].any()


def test_the_wide_part_adds_a_cell_of_each_table():
    design = DESIGNS["wide"]
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    without = {**arrays, "wide.0": 0 * arrays["wide.0"], "wide.1": 0 * arrays["wide.1"]}
    gap = margins(design, arrays, x, codes) - margins(design, without, x, codes)
    wanted = arrays["wide.0"][codes[:, 1]] + arrays["wide.1"][codes[:, 2]]
    np.testing.assert_allclose(gap, wanted, rtol=1e-4, atol=1e-5)


def test_networks_of_an_ensemble_differ_by_their_factor_and_head_alone():
    design = DESIGNS["ensemble"]
    arrays, (x, codes) = arrays_of(design), rows_of(design)
    made = margins(design, arrays, x, codes)
    one = Design(3, 1, (5,), 2, (6, 4))
    for k in range(3):
        own = {**arrays, "head.weight": arrays["head.weight"][k]}
        own["head.bias"] = arrays["head.bias"][k].reshape(2)
        own["front.factor"] = arrays["front.factor"] * arrays["ensemble.factor"][k, 0]
        np.testing.assert_allclose(made[k], margins(one, own, x, codes), rtol=1e-4, atol=1e-5)


def test_inputs_of_one_feature_share_the_factor_of_an_ensemble():
    design = DESIGNS["ensemble"]
    x, codes = rows_of(design)
    made = network.initial_weights(design, np.random.default_rng(0), {}, x, codes)["ensemble.factor"]
    # Three numbers of four inputs each, one other, one embedding of eight.
    for begin, end in ((0, 4), (4, 8), (8, 12), (12, 13), (13, 21)):
        assert (made[..., begin:end] == made[..., begin : begin + 1]).all()
    assert len(np.unique(made)) == 3 * 5


links = {
    "identity": (lambda m: m, 1),
    "log": (np.exp, 1),
    "logistic": (lambda m: 1 / (1 + np.exp(-m)), 1),
    "softmax": (lambda m: np.exp(m) / np.exp(m).sum(axis=-1, keepdims=True), 3),
}


@pytest.mark.parametrize("link", links)
@given(data=st.data())
def test_an_ensemble_predicts_the_mean_of_its_predictions(link, data):
    predicted, outputs = links[link]
    made = data.draw(hnp.arrays(np.float64, (4, 5, outputs), elements=st.floats(-30, 30)))
    found = predicted(network.combined(np, made, link))
    np.testing.assert_allclose(found, predicted(made).mean(axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("link", links)
def test_far_margins_of_an_ensemble_neither_vanish_nor_overflow(link):
    made = np.asarray([-700.0, 700.0, 600.0, -600.0], np.float32).reshape(4, 1, 1)
    made = np.concatenate([made, 0 * made, -made], axis=-1) if link == "softmax" else made
    found = network.combined(np, made, link)
    assert np.isfinite(found).all()
    same = network.combined(np, np.full_like(made, -300.0), link)
    np.testing.assert_allclose(same - same[..., :1], 0 * same, atol=1e-3)


@pytest.mark.parametrize("name", ["plain", "periodic", "piecewise", "batch norm", "layer norm"])
def test_layers_start_with_a_spread_of_1_on_the_rows(name):
    design = DESIGNS[name]
    x, codes = rows_of(design, 400)
    fixed = network.edges_of(design, x)
    made = network.initial_weights(design, np.random.default_rng(0), fixed, x, codes)
    arrays = {**fixed, **made, **network.statistics_of(design)}
    h = network._inputs(np, design, arrays, x, codes)
    for k in range(len(design.hidden)):
        z = h @ made[f"body.{k}.weight"] / math.sqrt(h.shape[-1])
        np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-3)
        h = network.layers(np, design, arrays, x, codes)[k]
    np.testing.assert_allclose(margins(design, arrays, x, codes).std(axis=0), 1.0, rtol=1e-3)


def test_the_start_is_a_function_of_the_seed():
    design = DESIGNS["plain"]
    x, codes = rows_of(design)
    first, again, other = (
        network.initial_weights(design, np.random.default_rng(seed), {}, x, codes) for seed in (0, 0, 1)
    )
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert not np.array_equal(first["body.0.weight"], other["body.0.weight"])


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("name", DESIGNS)
def test_a_start_from_one_row_or_two_is_finite(name, n):
    design = DESIGNS[name]
    x, codes = rows_of(design, n)
    made = network.initial_weights(design, np.random.default_rng(0), network.edges_of(design, x), x, codes)
    assert all(np.isfinite(array).all() for array in made.values())


def test_pieces_end_at_quantiles_of_the_rows():
    design = Design(1, 0, (), 1, (2,), numbers="piecewise")
    x = np.arange(0, 321, dtype=np.float32)[:, None]
    edges = network.edges_of(design, x)["numbers.edges"]
    np.testing.assert_allclose(edges, 10.0 * np.arange(BINS + 1)[None])
    assert network.edges_of(DESIGNS["plain"], x) == {}


def test_running_statistics_begin_at_mean_0_and_variance_1():
    found = network.statistics_of(DESIGNS["batch norm"])
    assert {name: (array.tolist()) for name, array in found.items() if name.startswith("body.1")} == {
        "body.1.mean": [0.0] * 6,
        "body.1.variance": [1.0] * 6,
    }
    assert network.statistics_of(DESIGNS["layer norm"]) == {}


def test_two_hundred_layers_of_residuals_neither_vanish_nor_overflow():
    design = Design(3, 0, (), 1, (8,) * 200, "selu", True, "plain", "layer", residual=True)
    x, codes = rows_of(design)
    arrays = network.initial_weights(design, np.random.default_rng(0), {}, x, codes)
    made = margins(design, arrays, x, codes)
    assert np.isfinite(made).all()
    assert made.std() > 0.1
