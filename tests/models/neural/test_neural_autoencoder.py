"""Autoencoders: the error against plain Python, jax against numpy, what noise does, what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from justright.errors import BundleError
from justright.models.neural import autoencoder
from justright.models.neural.autoencoder import AutoNet, Coder, Reconstruction
from justright.models.neural.front import Layout, fit_scales, inputs_of, layout_of
from justright.models.neural.net import pack, unpack
from justright.models.neural.network import Mode
from justright.schema import Block, Member

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

import jax.numpy as jnp  # noqa: E402  (jax may be missing)

from justright.models.neural.learner import NeuralLearner  # noqa: E402  (jax may be missing)

CODER = Coder(2, (5,))
TABLES: dict[str, dict[str, Any]] = {
    "numbers": {},
    "missing": {"missing": True, "fields": (4, 5, 12)},
    "categories alone": {"p": 0, "fields": (4, 14)},
    "many codes alone": {"p": 0, "fields": (14,)},
}


@pytest.fixture(scope="module")
def made(problem):
    """Return a factory of (net, arrays, blocks, x, codes) with random weights."""

    def make(name: str, coder: Coder = CODER, **noise: Any) -> Any:
        spec, blocks = problem(n=60, **TABLES[name])
        layout = layout_of(spec.plan)
        arrays = fit_scales(layout, blocks)
        net = AutoNet(coder, layout, **noise)
        x, codes = inputs_of(layout, arrays, blocks[0])
        rng = np.random.default_rng(3)
        for leaf in net.leaves:
            arrays[leaf.name] = rng.normal(size=leaf.shape).astype(np.float32)
        return net, arrays, blocks, x, codes

    return make


def slow_error(layout: Layout, made: list[float], x: list[float], codes: list[int]) -> float:
    """Return the error of one row, column of the table by column."""
    total, known = 0.0, 0
    gone = {place for i, place in enumerate(layout.missing) if x[layout.numbers + i] > 0}
    for place in range(layout.numbers):
        if place not in gone:
            total, known = total + (made[place] - x[place]) ** 2, known + 1
    at, read = layout.numbers, layout.numbers + len(layout.missing)
    for _, size in layout.columns:
        width = 1 if size == 2 else size
        part = sum((made[at + i] - x[read + i]) ** 2 for i in range(width))
        total, known = total + (part if width == 1 else part / 2), known + 1
        at, read = at + width, read + width
    for place, (_, size) in enumerate(layout.embedded):
        if codes[place] != 1:
            logits = made[at : at + size]
            top = sum(math.exp(logit) for logit in logits)
            total -= math.log(math.exp(logits[codes[place]]) / top) / math.log(size)
            known += 1
        at += size
    return total / max(known, 1)


@pytest.mark.parametrize("name", TABLES)
def test_the_error_of_a_row_is_that_of_plain_python(made: Any, name: str) -> None:
    net, arrays, _, x, codes = made(name)
    found = net.margins(np, arrays, x.astype(np.float64), codes, None)
    assert found.shape == (len(x), 1)
    h = np.concatenate([x, *(arrays[f"embed.{i}"][codes[:, i]] for i in range(codes.shape[1]))], axis=1)
    for layer in ("encoder.0", "latent", "decoder.0", "head"):
        h = h.astype(np.float64) @ arrays[f"{layer}.weight"] / math.sqrt(h.shape[1]) + arrays[f"{layer}.bias"]
        if layer in ("encoder.0", "decoder.0"):
            h = h * np.tanh(np.log1p(np.exp(h)))
    rows = zip(h.tolist(), x.tolist(), codes.tolist(), strict=True)
    slow = [slow_error(net.layout, *row) for row in rows]
    np.testing.assert_allclose(found[:, 0], slow, rtol=1e-6)


@pytest.mark.parametrize("name", TABLES)
def test_numpy_says_what_jax_says(problem: Any, tiny: Any, name: str) -> None:
    spec, blocks = problem(n=90, **TABLES[name])
    spec = replace(spec, loss=Reconstruction())
    learner = NeuralLearner(tiny(hidden=(5, 2, 5)), lambda layout, spec: AutoNet(Coder(2, (5,)), layout))
    state = dict(learner.start(spec, blocks, (Member(0),), 5))
    moved = np.random.default_rng(0).normal(size=state["vector"].shape)
    state["vector"] = (state["vector"] + moved).astype(np.float32)
    front, arrays = learner.export(spec, state, 0)
    front = json.loads(json.dumps(front))
    autoencoder.check(front, arrays, 1)
    for block in blocks:
        ours = autoencoder.margins(front, arrays, block)
        np.testing.assert_allclose(ours, learner.margins(spec, state, block)[..., 0], rtol=1e-5, atol=1e-6)
        x, codes = inputs_of(msgspec.convert(front["layout"], Layout), arrays, block)
        jaxed = autoencoder._encoded(
            jnp, Coder(2, (5,)), msgspec.convert(front["layout"], Layout), arrays, x, codes
        )[-1]
        np.testing.assert_allclose(autoencoder.latent(front, arrays, block), jaxed, rtol=1e-5, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences(made: Any) -> None:
    net, arrays, _, x, codes = made("missing")
    vector = pack(np, net.leaves, arrays).astype(np.float64)

    def loss(at: Any, xp: Any = np) -> Any:
        return net.margins(xp, unpack(net.leaves, at), x, codes, None).mean()

    slope = np.asarray(jax.jit(jax.grad(lambda at: loss(at, jnp)))(vector.astype(np.float32)))
    for place in np.random.default_rng(1).choice(len(vector), 25, replace=False):
        step = np.zeros(len(vector))
        step[place] = 1e-6
        wanted = (loss(vector + step) - loss(vector - step)) / 2e-6
        assert slope[place] == pytest.approx(wanted, rel=2e-3, abs=2e-5)


def test_it_begins_with_the_median_of_each_column(made: Any) -> None:
    net, arrays, _, x, codes = made("numbers", Coder(2, (6, 5)))
    begun = net.initial(np.random.default_rng(0), arrays, x, codes)
    share = np.r_[np.ones(3), np.full(3, 0.5)]
    wanted = (share * np.square(x)).sum(axis=1) / 4
    np.testing.assert_allclose(net.margins(np, begun, x, codes, None)[:, 0], wanted, rtol=1e-5)
    assert {leaf.name: leaf.shape for leaf in net.leaves} == {n: a.shape for n, a in begun.items()}
    latent = net.hidden(begun, x, codes)[2]
    np.testing.assert_allclose(latent.std(axis=0), 1.0, rtol=1e-4)


def test_a_mask_takes_whole_columns_of_the_table(made: Any) -> None:
    net, _, _, x, codes = made("missing", noise=0.4)
    ones = np.ones((2_000, x.shape[1]), np.float32)
    read, many = net._spoiled(jax.random.key(0), ones, np.full((2_000, 1), 7, np.int32))
    assert set(np.unique(read)) == {0.0, 1.0} and set(np.unique(many)) == {1, 7}
    assert float(read.mean()) == pytest.approx(0.6, abs=0.02)
    assert float((many == 7).mean()) == pytest.approx(0.6, abs=0.04)
    # A number goes with its indicator, the columns of a category together.
    np.testing.assert_array_equal(read[:, :3], read[:, 3:6])
    assert (read[:, 7:10] == read[:, 7:8]).all() and not (read[:, 6] == read[:, 7]).all()


def test_gaussian_noise_moves_numbers_alone(made: Any) -> None:
    net, _, _, x, codes = made("missing", noise=0.5, corruption="gaussian")
    read, many = net._spoiled(jax.random.key(0), np.zeros((2_000, x.shape[1]), np.float32), codes)
    assert many is codes
    assert float(np.asarray(read)[:, :3].std()) == pytest.approx(0.5, rel=0.05)
    assert (np.asarray(read)[:, 3:] == 0).all()


def test_a_step_reads_the_spoiled_row_and_is_judged_by_the_true_one(made: Any) -> None:
    net, arrays, _, x, codes = made("missing", noise=0.9)
    key = jax.random.key(4)
    mode = Mode(np.ones(len(x)), key, 0.0)
    found = net.margins(jnp, arrays, x, codes, mode)[:, 0]
    read, many = (np.asarray(a) for a in net._spoiled(key, x, codes))
    z = autoencoder._encoded(np, net.coder, net.layout, arrays, read, many)[-1]
    wanted = autoencoder._errors(np, net.layout, autoencoder._decoded(np, net.coder, arrays, z)[-1], x, codes)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, net.margins(np, arrays, x, codes, None)[:, 0])


def test_categories_of_very_many_values_are_read_alone() -> None:
    small, large = (Layout(1, (), (), ((0, size),)) for size in (1_024, 1_025))
    shapes = [{leaf.name: leaf.shape for leaf in AutoNet(Coder(2, ()), one).leaves} for one in (small, large)]
    assert shapes[0]["head.weight"] == (2, 1_025) and shapes[1]["head.weight"] == (2, 1)
    assert shapes[1]["embed.0"] == (1_025, 8)


def test_decoding_undoes_what_was_done_to_numbers() -> None:
    layout = Layout(2, (), (), ())
    numeric = np.array([[0.5, -3.0], [1.0, 2.0], [-1.0, 40.0], [0.0, 7.0]], np.float32)
    one = np.ones(4, np.float32)
    block = Block(
        numeric,
        np.zeros((4, 0), np.int32),
        one[:0],
        one,
        np.zeros((4, 1), np.int8),
        None,
        one.astype(np.uint64),
    )
    root = math.sqrt(2.0) * np.eye(2, dtype=np.float32)
    arrays = {
        **fit_scales(layout, [block]),
        "latent.weight": root,
        "latent.bias": np.zeros(2),
        "head.weight": root,
        "head.bias": np.zeros(2),
    }
    front = {"coder": {"components": 2, "hidden": []}, "layout": msgspec.to_builtins(layout)}
    z = autoencoder.latent(front, arrays, block)
    np.testing.assert_allclose(autoencoder.decoded(front, arrays, z), numeric, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(autoencoder.margins(front, arrays, block), 0.0, atol=1e-10)
    far = autoencoder.decoded(front, arrays, np.full((1, 2), 1e9))
    assert np.isfinite(far).all()


def test_a_row_has_the_same_numbers_alone_and_among_others(made: Any) -> None:
    net, arrays, blocks, _, _ = made("missing")
    front = {**net.front(), "layout": msgspec.to_builtins(net.layout)}
    whole = autoencoder.latent(front, arrays, blocks[1])
    for row in range(3):
        alone = autoencoder.latent(front, arrays, blocks[1].slice(row, row + 1))
        np.testing.assert_allclose(alone[0], whole[row], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coder": {"components": 0}}, "impossible sizes"),
        ({"coder": {"components": 2, "hidden": [5], "activation": "no"}}, "impossible sizes"),
        ({"coder": {"components": 3, "hidden": [5]}}, r"latent.weight of shape .*; allowed: shape"),
        ({"coder": {"hidden": [5]}}, "does not fit"),
        ({"layout": {"numbers": 3}}, "does not fit"),
        ({"coder": None}, "does not fit"),
    ],
)
def test_a_front_that_does_not_fit_is_refused(made: Any, change: dict[str, Any], message: str) -> None:
    net, arrays, _, _, _ = made("numbers")
    front = {**net.front(), "layout": msgspec.to_builtins(net.layout)}
    autoencoder.check(front, arrays, 1)
    with pytest.raises(BundleError, match=message):
        autoencoder.check({**front, **change}, arrays, 1)


def test_weights_that_are_missing_or_no_numbers_are_refused(made: Any) -> None:
    net, arrays, _, _, _ = made("numbers")
    front = {**net.front(), "layout": msgspec.to_builtins(net.layout)}
    with pytest.raises(BundleError, match=r"head.bias of shape nothing"):
        autoencoder.check(front, {n: a for n, a in arrays.items() if n != "head.bias"}, 1)
    arrays["head.bias"] = np.full_like(arrays["head.bias"], np.nan)
    with pytest.raises(BundleError, match="no numbers"):
        autoencoder.check(front, arrays, 1)


def test_the_loss_is_its_margin() -> None:
    loss, margin = Reconstruction(), np.array([[[2.0]], [[3.0]]])
    np.testing.assert_array_equal(loss.value(margin, margin), margin)
    np.testing.assert_array_equal(loss.gradient(margin, margin), np.ones_like(margin))
