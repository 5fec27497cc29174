from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.models.neural.initial import INITIALS, data_driven, he5_bias, initial

# name -> (standard deviation, greatest absolute value or none) for 60 inputs and 140 outputs
LAWS: dict[str, tuple[float, float | None]] = {
    "glorot_uniform": (math.sqrt(2 / 200), math.sqrt(6 / 200)),
    "glorot_normal": (math.sqrt(2 / 200), None),
    "he_uniform": (math.sqrt(2 / 60), math.sqrt(6 / 60)),
    "he_normal": (math.sqrt(2 / 60), None),
    "lecun_normal": (math.sqrt(1 / 60), None),
    "standard_normal": (1.0, None),
    "fan_in_uniform": (1 / math.sqrt(3 * 60), 1 / math.sqrt(60)),
    "zeros": (0.0, 0.0),
}


def test_every_initialisation_has_its_law_here() -> None:
    assert set(LAWS) == set(INITIALS)


@pytest.mark.parametrize("name", INITIALS)
def test_bounds_and_deviations(name: str) -> None:
    deviation, bound = LAWS[name]
    made = initial(name, np.random.default_rng(0), (10, 60, 140))
    assert made.shape == (10, 60, 140)
    assert made.dtype == np.float32
    assert float(made.std()) == pytest.approx(deviation, rel=0.01)
    assert abs(float(made.mean())) <= 5 * deviation / math.sqrt(made.size)
    if bound is not None:
        assert float(np.abs(made).max()) <= bound * (1 + 1e-6)
        assert float(np.abs(made).max()) >= bound * 0.999
    elif deviation:
        fourth = float(((made / deviation) ** 4).mean())
        assert fourth == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize("name", INITIALS)
def test_the_generator_alone_decides(name: str) -> None:
    one = initial(name, np.random.default_rng(5), (4, 3))
    np.testing.assert_array_equal(initial(name, np.random.default_rng(5), (4, 3)), one)
    if name != "zeros":
        assert (initial(name, np.random.default_rng(6), (4, 3)) != one).all()


def test_a_bias_takes_the_inputs_of_its_layer() -> None:
    made = initial("fan_in_uniform", np.random.default_rng(0), (5000,), 100)
    assert 0.0999 < float(np.abs(made).max()) <= 0.1


def test_no_such_initialisation() -> None:
    with pytest.raises(RecipeError, match=r"received initial='he'; allowed: one of: .*he_normal"):
        initial("he", np.random.default_rng(0), (2, 2))


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e6), st.floats(0.01, 10))
@settings(deadline=None, max_examples=30)
def test_pre_activations_have_unit_spread(seed: int, size: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.normal(3, 2, size=(200, 4)) * size).astype(np.float32)
    weight = data_driven(rng.normal(size=(4, 6)), x, scale)
    np.testing.assert_allclose((x.astype(float) @ weight * scale).std(axis=0), 1.0, rtol=1e-4)


def test_neurons_without_spread_keep_their_weights() -> None:
    x = np.column_stack([np.full(50, 0.1), np.linspace(0, 1, 50)])
    weight = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 1.0]], np.float32)
    made = data_driven(weight, x)
    np.testing.assert_array_equal(made[:, :2], weight[:, :2])
    assert float((x @ made)[:, 2].std()) == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_array_equal(data_driven(weight, x[:1]), weight)


def test_biases_are_minus_convex_combinations_of_pre_activations() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(2, 1, size=(300, 3)), rng.normal(size=(3, 4000))
    z = x @ weight * 0.5
    bias = he5_bias(np.random.default_rng(1), weight, x, 0.5)
    assert bias.dtype == np.float32
    assert (-bias >= z.min(axis=0) - 1e-6).all()
    assert (-bias <= z.max(axis=0) + 1e-6).all()
    # With shares uniform on the simplex the mean is kept, and the variance is 1/3: 5 E[share^2] = 5 * 2 / 30.
    standard = (-bias - z.mean(axis=0)) / z.std(axis=0)
    assert abs(float(standard.mean())) < 5 * math.sqrt(1 / 3 / 4000)
    assert float(standard.var()) == pytest.approx(1 / 3, rel=0.15)


def test_one_row_gives_its_pre_activation() -> None:
    x, weight = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.5, -3.0]])
    np.testing.assert_allclose(he5_bias(np.random.default_rng(0), weight, x), [-2.0, 6.0], rtol=1e-6)


# Written by benchmarks/neural/torch_layers.py.
TORCH = json.loads(Path(__file__).with_name("torch_layers.json").read_text())["starts"]


@pytest.mark.parametrize("name", INITIALS)
def test_deviation_and_bounds_are_pytorchs(name: str) -> None:
    made, theirs = initial(name, np.random.default_rng(1), (10, 60, 140)).astype(float), TORCH[name]
    assert float(made.std()) == pytest.approx(theirs["deviation"], rel=0.01)
    if name == "zeros":
        return
    assert float(((made / made.std()) ** 4).mean()) == pytest.approx(theirs["fourth"], rel=0.05)
    if name.endswith("uniform"):
        assert float(np.abs(made).max()) == pytest.approx(theirs["greatest"], rel=1e-3)
