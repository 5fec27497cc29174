from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

from justright.errors import TrainingError  # noqa: E402  (jax may be missing)
from justright.models.neural.program import Batches, Program  # noqa: E402
from justright.models.neural.race import COLUMNS, Found, Leg, race  # noqa: E402

CURVATURES = np.asarray([1.0, 0.1])
EACH = 25  # steps of a pass
NOISE = np.random.default_rng(0).normal(size=400)


@dataclass
class Valley:
    """A program that descends a valley of two curvatures by plain numpy: rates from 2 on diverge."""

    steps: int = 0

    def start(self, vectors: Any, statistics: Any, rates: Any, steps: int) -> Any:
        return {"vector": np.asarray(vectors, np.float64)}

    def train(self, carry: Any, batches: Any, told: Any) -> Any:
        vector, rate = carry["vector"].copy(), float(told["rate"][0])
        assert told["steps"] > 0
        with np.errstate(all="ignore"):
            for _ in range(batches.steps):
                self.steps += 1
                vector -= rate * CURVATURES * vector
        return {"vector": vector}, {}


def batches_of(number: int) -> Batches:
    """Return a pass of so many steps, without rows."""
    weight = np.ones((EACH, 1))
    return Batches(weight, weight, weight, weight, weight)


def raced(
    prior: float, total: int = 2_000, noise: float = 0.0, program: Any = None, scale: float = 1.0
) -> Found:
    """Race in the valley; the losses of rows share their noise."""

    def losses(carry: Any) -> Any:
        with np.errstate(all="ignore"):
            return scale * (0.5 * (CURVATURES * carry["vector"] ** 2).sum() + noise * NOISE + 1.0)

    told = {"rate": np.zeros(1, np.float32)}
    leg = Leg(batches_of, EACH, losses)
    return race(cast(Program, program or Valley()), leg, np.ones((1, 2)), {}, told, prior, total)


@pytest.mark.parametrize("prior", [0.01, 0.02, 0.1, 0.3, 1.0, 3.0, 10.0, 40.0])
def test_the_rate_is_one_that_descends_wherever_the_prior_is(prior):
    found = raced(prior, total=400)
    # 2 / (1 + 0.1) would be best; from 2 on it diverges, below 0.05 a leg of 14 steps goes half of the way.
    assert 0.05 < found.rate < 2.0


def test_the_table_holds_seven_rates_and_the_losses_of_those_that_ran():
    found = raced(0.1)
    assert found.table.shape == (7, len(COLUMNS))
    np.testing.assert_allclose(np.diff(np.log10(found.table[:, 0])), 0.5)
    assert found.table[3, 0] == pytest.approx(0.1)
    ran = ~np.isnan(found.table[:, 1])
    np.testing.assert_array_equal(ran, ~np.isnan(found.table[:, 2]))
    assert 3 <= ran.sum() <= 4
    calm = ran & (found.table[:, 0] < 1.5)
    assert (found.table[calm, 2] < found.table[calm, 1]).all(), "lower after the leg than half way"
    assert found.rate in found.table[ran, 0]


def test_candidates_that_diverge_are_not_taken():
    found = raced(10.0, total=50_000)
    assert np.isinf(found.table[:, 2]).any()
    assert np.isfinite(found.table[found.table[:, 0] == found.rate, 2]).all()


def test_where_all_diverge_it_is_said_with_the_rates():
    with pytest.raises(TrainingError, match=r"diverges at every rate.*rates 3\.2e\+05 to 1e\+07.*--rate"):
        raced(1e7, total=50_000)


def test_too_short_a_training_takes_the_usual_rate():
    program = Valley()
    found = raced(0.1, total=399, program=program)
    assert (found.rate, found.steps, found.table.shape, program.steps) == (0.1, 0, (0, 3), 0)


def test_among_rates_that_are_as_good_the_one_nearest_to_the_prior_wins():
    class Still(Valley):
        def train(self, carry: Any, batches: Any, told: Any) -> Any:
            return carry, {}

    assert raced(0.1, program=Still()).rate == pytest.approx(0.1)


def test_noise_that_all_candidates_share_decides_nothing():
    assert raced(0.3, noise=1e-3).rate == raced(0.3, noise=10.0).rate


@given(st.sampled_from([1e-6, 1.0, 1e6]))
def test_the_unit_of_the_loss_decides_nothing(scale):
    assert raced(0.1, scale=scale).rate == raced(0.1).rate


@given(st.integers(400, 20_000), st.sampled_from([1e-3, 0.1, 10.0, 1e3]))
def test_it_takes_at_most_15_percent_of_the_steps_beside_the_training(total, prior):
    program = Valley()
    try:
        found = raced(prior, total=total, program=program)
    except TrainingError:
        assert program.steps <= 0.15 * total
    else:
        assert 0 < found.steps <= 0.15 * total
        assert found.steps == program.steps


def test_the_same_question_has_the_same_answer():
    first, second = raced(0.1, noise=1.0), raced(0.1, noise=1.0)
    assert first.rate == second.rate
    np.testing.assert_array_equal(first.table, second.table)
