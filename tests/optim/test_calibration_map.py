"""The map of service: known values, order kept, margins and probabilities alike."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.optim.calibration_map import Calibration, calibrate, calibrate_margins, margins_of
from justright.optim.losses import margins_to_predictions

BETA = Calibration("beta", 1, slope=(0.5, 2.0), offset=(0.3,))
STEPS = Calibration("isotonic", 1, stated=(-2.0, 0.0, 1.0), observed=(-1.0, -1.0, 3.0))
VECTOR = Calibration("vector", 3, slope=(0.5, 1.0, 2.0), offset=(0.1, 0.0, -0.4))


def test_beta_is_its_formula() -> None:
    p = np.array([0.01, 0.3, 0.5, 0.99])
    z = 0.5 * np.log(p) - 2.0 * np.log(1.0 - p) + 0.3
    np.testing.assert_allclose(calibrate(BETA, p), 1.0 / (1.0 + np.exp(-z)), rtol=1e-12)


def test_vector_is_its_formula() -> None:
    p = np.array([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05]])
    raw = p ** np.array([0.5, 1.0, 2.0]) * np.exp([0.1, 0.0, -0.4])
    np.testing.assert_allclose(calibrate(VECTOR, p), raw / raw.sum(axis=1, keepdims=True), rtol=1e-12)


def test_knots_are_met_and_beyond_them_the_order_stays() -> None:
    found = calibrate_margins(STEPS, np.array([[-3.0], [-2.0], [-1.0], [0.5], [1.0], [4.0]]))
    assert found.ravel().tolist() == [-2.0, -1.0, -1.0, 1.0, 3.0, 6.0]


@pytest.mark.parametrize("calibration", [BETA, STEPS])
@given(margin=st.lists(st.floats(-800, 800), min_size=1, max_size=30))
def test_one_output_never_turns_the_order_round(calibration: Calibration, margin: list[float]) -> None:
    values = np.sort(np.asarray(margin))
    found = calibrate_margins(calibration, values[:, None])[:, 0]
    assert np.isfinite(found).all()
    assert (np.diff(found) >= -1e-9 * (1.0 + np.abs(found[1:]))).all()


@pytest.mark.parametrize(
    ("calibration", "link"), [(BETA, "logistic"), (STEPS, "logistic"), (VECTOR, "softmax")]
)
def test_margins_and_probabilities_are_mapped_alike(calibration: Calibration, link: str) -> None:
    margins = np.random.default_rng(0).normal(0.0, 3.0, (50, calibration.outputs))
    one = margins_to_predictions(calibrate_margins(calibration, margins), link)
    other = calibrate(calibration, margins_to_predictions(margins, link))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_two_columns_of_one_output() -> None:
    p = np.array([0.1, 0.6])
    both = calibrate(BETA, np.stack([1.0 - p, p], axis=1))
    np.testing.assert_allclose(both[:, 1], calibrate(BETA, p))
    np.testing.assert_allclose(both.sum(axis=1), 1.0)


@pytest.mark.parametrize("calibration", [BETA, STEPS])
def test_certainty_stays_a_probability(calibration: Calibration) -> None:
    found = calibrate(calibration, [0.0, 1.0])
    assert 0.0 < found[0] < 1e-6 and 1.0 - 1e-6 < found[1] <= 1.0
    assert np.isfinite(margins_of(np.array([[0.0, 1.0]]))).all()


def test_it_is_plain_data() -> None:
    for each in (BETA, STEPS, VECTOR):
        assert msgspec.json.decode(msgspec.json.encode(each), type=Calibration) == each
