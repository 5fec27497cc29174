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


def batches_of(steps: int) -> list[Any]:
    """Return batches of so many steps, without rows."""
    weight = np.ones((steps, 1))
    return [Batches(weight, weight, weight, weight, weight)]


def raced(
    prior: float, total: int = 2_000, noise: float = 0.0, program: Any = None, scale: float = 1.0
) -> Found:
    """Race in the valley; the losses of rows share their noise."""

    def losses(carry: Any) -> Any:
        with np.errstate(all="ignore"):
            return scale * (0.5 * (CURVATURES * carry["vector"] ** 2).sum() + noise * NOISE + 1.0)

    told = {"rate": np.zeros(1, np.float32)}
    return race(
        cast(Program, program or Valley()), Leg(batches_of, losses), np.ones((1, 2)), {}, told, prior, total
    )


@pytest.mark.parametrize("prior", [0.02, 0.1, 1.0, 10.0, 50.0])
def test_the_rate_is_one_that_descends_wherever_the_prior_is(prior):
    found = raced(prior)
    # The best of one rate for both curvatures is 2 / (1 + 0.1); from 2 on it diverges.
    assert 0.3 < found.rate < 2.0


def test_the_table_holds_rates_and_losses_of_each_leg():
    found = raced(0.1)
    assert found.table.shape == (7, len(COLUMNS))
    np.testing.assert_allclose(np.diff(np.log10(found.table[:, 0])), 0.5)
    assert found.table[3, 0] == pytest.approx(0.1)
    assert np.isfinite(found.table[:, 1]).sum() >= 3
    kept = np.flatnonzero(~np.isnan(found.table[:, 2]))
    assert len(kept) == 3
    assert set(kept) == set(np.argsort(found.table[:, 1])[:3])


def test_candidates_that_diverge_are_dropped():
    found = raced(50.0, total=500_000)
    assert np.isinf(found.table[:, 1]).any()
    assert np.isnan(found.table[np.isinf(found.table[:, 1]), 2]).all()
    assert np.isfinite(found.table[found.table[:, 0] == found.rate, 2]).all()


def test_where_all_diverge_it_is_said_with_the_rates():
    with pytest.raises(TrainingError, match=r"diverges at every rate.*rates 3\.2e\+05 to 3\.2e\+08.*--rate"):
        raced(1e7, total=500_000)


def test_among_rates_that_are_as_good_the_one_nearest_to_the_prior_wins():
    class Still(Valley):
        def train(self, carry: Any, batches: Any, told: Any) -> Any:
            return carry, {}

    assert raced(0.1, program=Still()).rate == pytest.approx(0.1)


def test_noise_that_all_candidates_share_decides_nothing():
    assert raced(0.1, noise=1e-3).rate == raced(0.1, noise=10.0).rate


@given(st.sampled_from([1e-6, 1.0, 1e6]))
def test_the_unit_of_the_loss_decides_nothing(scale):
    assert raced(0.1, scale=scale).rate == raced(0.1).rate


@given(st.integers(100, 100_000))
def test_it_takes_at_most_15_percent_of_the_steps_beside_the_training(total):
    program = Valley()
    found = raced(0.1, total=total, program=program)
    assert found.steps == program.steps
    assert found.steps <= 0.15 * total


def test_the_same_question_has_the_same_answer():
    first, second = raced(0.1, noise=1.0), raced(0.1, noise=1.0)
    assert first.rate == second.rate
    np.testing.assert_array_equal(first.table, second.table)
