from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from justright.errors import BundleError
from justright.models.neural import forward
from justright.schema import Block, Member

pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

from justright.models.neural.learner import NeuralLearner  # noqa: E402  (jax may be missing)

# name -> settings of the network, of the table
DESIGNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"hidden": (7,)}, {}),
    "linear": ({"hidden": ()}, {"fields": (4, 14)}),
    "periodic": ({"hidden": (7, 5), "numbers": "periodic"}, {}),
    "piecewise": ({"hidden": (7, 5), "numbers": "piecewise"}, {"fields": (), "missing": True}),
    "piecewise linear": ({"hidden": (), "numbers": "piecewise"}, {}),
    "batch": ({"hidden": (6, 6), "normalise": "batch", "residual": True}, {"fields": (12, 3)}),
    "layer": ({"hidden": (6, 6), "normalise": "layer", "activation": "tanh"}, {"missing": True}),
    "residual": ({"hidden": (6, 6, 5), "residual": True, "activation": "relu"}, {"p": 0, "fields": (12,)}),
    "ensemble": ({"hidden": (6, 6), "ensemble": 3, "numbers": "periodic"}, {"fields": (12, 4)}),
    "ensemble of classes": ({"hidden": (6,), "ensemble": 2}, {"loss": "softmax", "outputs": 3}),
    "ensemble of two classes": ({"hidden": (6,), "ensemble": 3}, {"loss": "logistic"}),
    "ensemble of counts": ({"hidden": (), "ensemble": 2, "normalise": "batch"}, {"loss": "poisson"}),
}


@pytest.fixture(scope="module")
def exported(problem, tiny):
    """Return a factory of (learner's margins, front, arrays, blocks) of a network with random weights."""

    def make(name: str, **changed: Any) -> Any:
        settings, table = DESIGNS[name]
        spec, blocks = problem(n=60, **{**table, **changed})
        learner = NeuralLearner(tiny(**settings))
        members = (Member(0), Member(-1))
        state = dict(learner.start(spec, blocks, members, 5))
        rng = np.random.default_rng(0)
        # As after a training: all weights off their start, running statistics too.
        state["vector"] = (state["vector"] + 0.3 * rng.normal(size=state["vector"].shape)).astype(np.float32)
        for key in [key for key in state if key.startswith("stat.")]:
            state[key] = rng.uniform(0.5, 2.0, state[key].shape).astype(np.float32)
        made = np.concatenate([learner.margins(spec, state, block)[..., 1] for block in blocks])
        front, arrays = learner.export(spec, state, 1)
        return spec, made, json.loads(json.dumps(front)), arrays, blocks

    return make


@pytest.fixture(scope="module")
def plain(exported):
    """Return front and arrays of a plain network."""
    return exported("plain")[2:4]


@pytest.mark.parametrize("name", DESIGNS)
def test_service_gives_the_margins_of_training(name, exported):
    spec, wanted, front, arrays, blocks = exported(name)
    forward.check(front, arrays, spec.outputs)
    made = np.concatenate([forward.margins(front, arrays, block) for block in blocks])
    assert made.shape == wanted.shape
    assert made.dtype == np.float64
    assert np.std(wanted) > 0.05, "a network that says the same of all rows proves nothing"
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


def test_a_row_alone_and_in_company_has_the_same_margin(exported):
    _, _, front, arrays, blocks = exported("periodic")
    together = forward.margins(front, arrays, blocks[0])
    alone = [forward.margins(front, arrays, blocks[0].slice(i, i + 1))[0] for i in range(5)]
    np.testing.assert_allclose(together[:5], alone, rtol=1e-5)
    assert forward.margins(front, arrays, blocks[0].slice(0, 0)).shape == (0, 1)


def test_codes_beyond_those_of_training_are_read_as_never_seen(exported):
    _, _, front, arrays, blocks = exported("batch")
    block = blocks[0]
    never = Block(block.numeric, 0 * block.codes, block.target, block.weight, block.fold, None, block.key)
    beyond = Block(
        block.numeric, 0 * block.codes + 10**6, block.target, block.weight, block.fold, None, block.key
    )
    np.testing.assert_array_equal(
        forward.margins(front, arrays, never), forward.margins(front, arrays, beyond)
    )


def test_no_number_whatever_it_is_gives_an_output_that_is_none(exported):
    _, _, front, arrays, blocks = exported("periodic")
    block = blocks[0]
    for value in (np.nan, np.inf, -np.inf, 3e38, -1e-45):
        odd = np.full_like(block.numeric, value)
        made = forward.margins(
            front, arrays, Block(odd, block.codes, block.target, block.weight, block.fold, None, block.key)
        )
        assert np.isfinite(made).all(), value


def test_margins_are_in_the_unit_of_the_target(exported, problem):
    _, wanted, front, arrays, blocks = exported("plain")
    told = {**front, "centre": 100.0, "scale": 2.0}
    made = np.concatenate([forward.margins(told, arrays, block) for block in blocks])
    np.testing.assert_allclose(made, wanted * 2.0 + 100.0, rtol=1e-5)


def test_an_ensemble_of_classes_gives_the_mean_of_its_probabilities(exported):
    _, wanted, front, arrays, blocks = exported("ensemble of classes")
    design = {**front["design"], "ensemble": 1}
    total = 0.0
    for k in range(2):
        own = {**arrays, "head.weight": arrays["head.weight"][k], "head.bias": arrays["head.bias"][k]}
        own["front.factor"] = arrays["front.factor"] * arrays["ensemble.factor"][k, 0]
        margin = np.concatenate([forward.margins({**front, "design": design}, own, b) for b in blocks])
        e = np.exp(margin)
        total = total + e / e.sum(axis=1, keepdims=True) / 2
    e = np.exp(wanted)
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), total, rtol=1e-4)


def bad_fronts(design, layout):
    return [
        {},
        {"design": design},
        {"design": None, "layout": layout},
        {"design": [], "layout": layout},
        {"design": {**design, "outputs": 0}, "layout": layout},
        {"design": {**design, "outputs": 2}, "layout": layout},
        {"design": {**design, "hidden": [-1]}, "layout": layout},
        {"design": {**design, "hidden": [2**40]}, "layout": layout},
        {"design": {**design, "hidden": ["8"]}, "layout": layout},
        {"design": {**design, "numbers": "waves"}, "layout": layout},
        {"design": {**design, "ensemble": 0}, "layout": layout},
        {"design": {**design, "activation": "__import__"}, "layout": layout},
        {"design": {**design, "extra": 1}, "layout": layout},
        {"design": {**design, "numbers_in": design["numbers_in"] + 1}, "layout": layout},
        {"design": design, "layout": {**layout, "numbers": -1}},
        {"design": design, "layout": {**layout, "missing": [99]}},
        {"design": design, "layout": {**layout, "columns": [[0, 2**62]]}},
        {"design": design, "layout": {**layout, "embedded": [[-3, 9]]}},
        {"design": design, "layout": "all"},
    ]


@pytest.mark.parametrize("place", range(19))
def test_a_front_that_is_none_is_refused(place, plain):
    front, arrays = plain
    with pytest.raises(BundleError):
        forward.check(bad_fronts(front["design"], front["layout"])[place], arrays, 1)


def test_places_before_the_first_column_are_refused(exported):
    _, _, front, arrays, _ = exported("batch")
    layout = {**front["layout"], "embedded": [[-2, 12]]}
    with pytest.raises(BundleError, match="does not fit its inputs"):
        forward.check({**front, "layout": layout}, arrays, 1)


def test_arrays_that_do_not_fit_are_refused_by_name(exported):
    _, _, front, arrays, _ = exported("piecewise")
    for name in arrays:
        with pytest.raises(BundleError, match=f"{name}.*nothing"):
            forward.check(front, {key: value for key, value in arrays.items() if key != name}, 1)
        with pytest.raises(BundleError, match=f"{name} of shape"):
            forward.check(front, {**arrays, name: arrays[name][..., None]}, 1)
        with pytest.raises(BundleError, match=f"{name} with values that are no numbers"):
            forward.check(front, {**arrays, name: arrays[name] * np.nan}, 1)


def test_another_number_of_outputs_than_the_task_has_is_refused(exported):
    _, _, front, arrays, _ = exported("plain")
    with pytest.raises(BundleError):
        forward.check(front, arrays, 3)


def test_scoring_loads_neither_jax_nor_optax():
    code = (
        "import sys, numpy as np\n"
        "from justright.models.neural import forward\n"
        "from justright.schema import Block\n"
        "front = {'design': {'numbers_in': 1, 'others_in': 0, 'embedded': [], 'outputs': 1, 'hidden': [2],\n"
        "  'numbers': 'periodic'}, 'layout': {'numbers': 1, 'missing': [], 'columns': [], 'embedded': []}}\n"
        "from justright.models.neural.design import design_of, leaves_of\n"
        "arrays = {l.name: np.ones(l.shape, np.float32) for l in leaves_of(design_of(front['design']))}\n"
        "arrays |= {'front.centre': np.zeros(1, np.float32), 'front.scale': np.ones(1, np.float32)}\n"
        "forward.check(front, arrays, 1)\n"
        "z = np.zeros\n"
        "b = Block(np.ones((3, 1), np.float32), z((3, 0), np.int32), z(0), z(3), z((3, 1)), None, z(3))\n"
        "assert np.isfinite(forward.margins(front, arrays, b)).all()\n"
        "print([name for name in ('jax', 'optax', 'numba', 'scipy', 'sklearn') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
