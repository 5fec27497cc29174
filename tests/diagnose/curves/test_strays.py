"""Values of other rows among those that are their own: found where they are, and not where a law is odd."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from justright.diagnose.curves.strays import normal_scores, strays_of

Numbers = npt.NDArray[np.float64]
Law = Callable[[np.random.Generator, Numbers], Numbers]
ROWS = 1500

LAWS: dict[str, Law] = {
    "normal": lambda rng, said: 2.0 * said + rng.normal(size=ROWS),
    "little to learn": lambda rng, said: 0.6 * said + rng.normal(size=ROWS),
    "heavy tails": lambda rng, said: said + 0.5 * rng.standard_t(2.5, ROWS),
    "a long tail": lambda rng, said: np.exp(0.8 * said + 0.9 * rng.normal(size=ROWS)),
    "noise that grows": lambda rng, said: said + 0.5 * np.exp(0.7 * said) * rng.normal(size=ROWS),
    "counts": lambda rng, said: rng.poisson(np.exp(0.8 * said + 1.0)).astype(float),
    "many zeros": lambda rng, said: np.where(
        rng.random(ROWS) < 0.4, 0.0, np.exp(said + 0.4 * rng.normal(size=ROWS))
    ),
    "two groups": lambda rng, said: (
        said + np.where(rng.random(ROWS) < 0.3, 3.0, 0.0) + 0.4 * rng.normal(size=ROWS)
    ),
}


def made(name: str, share: float, seed: int) -> tuple[Numbers, Numbers]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=ROWS)
    target = np.asarray(LAWS[name](rng, truth), float)
    chosen = rng.random(ROWS) < share
    target[chosen] = rng.permutation(target)[chosen]
    return target, (1.0 - share) * truth + 0.3 * rng.normal(size=ROWS)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", list(LAWS))
def test_no_law_of_its_own_looks_like_values_of_other_rows(name: str, seed: int) -> None:
    found = strays_of(*made(name, 0.0, seed))
    assert found.evidence < 12.0 or found.share < 0.2 or found.odd > 0.3


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5])
@pytest.mark.parametrize("name", ["normal", "heavy tails", "noise that grows", "counts"])
def test_their_share_is_found(name: str, share: float) -> None:
    found = strays_of(*made(name, share, 3))
    assert found.evidence > 12.0
    assert found.share == pytest.approx(share, abs=0.12)
    assert found.odd < 0.3


def test_units_and_order_do_not_matter() -> None:
    target, said = made("normal", 0.3, 4)
    mixed = np.random.default_rng(0).permutation(ROWS)
    one, other = strays_of(target, said), strays_of(np.exp(target[mixed]), 5.0 + 1e3 * said[mixed])
    assert other.share == pytest.approx(one.share, abs=1e-6)
    assert other.evidence == pytest.approx(one.evidence, abs=1e-4)


def test_a_prediction_that_is_exact_or_says_nothing_is_no_error() -> None:
    target = np.random.default_rng(0).normal(size=ROWS)
    for said in (target, np.zeros(ROWS)):
        found = strays_of(target, said)
        assert np.isfinite([found.share, found.evidence, found.odd]).all()


def test_normal_scores_are_those_of_ranks() -> None:
    scores = normal_scores(np.random.default_rng(0).exponential(size=5000))
    assert abs(scores.mean()) < 1e-9
    assert scores.std() == pytest.approx(1.0, abs=0.01)
