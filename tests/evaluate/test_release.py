"""The Ladder: an analyst who fits the test set by its answers learns nothing, and a better model is shown."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import RecipeError, TableError
from justright.evaluate.intervals import wilson
from justright.evaluate.ledger import level_after
from justright.evaluate.release import release

CHANCE = 0.5  # of coins: what every prediction of them is worth


def said(wrong: float, rows: int, looks: int) -> bool:
    """Whether the printed interval of the accuracy holds what the model is worth."""
    shown = wilson(1.0 - wrong, rows, level_after(looks))
    return shown.low <= CHANCE <= shown.high


def vote_of_the_best(seed: int, looks: int, rows: int, *, guarded: bool) -> bool:
    """The boosting attack: ask random models, let those vote that are known to be better than chance."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, rows)
    models = rng.integers(0, 2, (looks - 1, rows), dtype=np.int8)
    wrong = (models != truth).astype(np.float64)
    mean = wrong.mean(axis=1)
    if not guarded:
        trusted = np.where(mean < 0.5, 1.0, -1.0)
        vote = (2.0 * models - 1.0).T @ trusted > 0.0
        return said(float(np.mean(vote != truth)), rows, looks)
    best, voters = wrong[0], [models[0]]
    for place in np.flatnonzero(mean < mean[0]):
        if release(best, wrong[place], looks=int(place) + 1).better:
            best = wrong[place]
            voters.append(models[place])
    last = (np.mean(voters, axis=0) > 0.5) != truth
    if release(best, last, looks=looks).better:
        best = last
    return said(float(best.mean()), rows, looks)


def climb(seed: int, looks: int, rows: int, *, guarded: bool) -> bool:
    """The greedy search: change the best model a little, keep what the test set says is better."""
    rng = np.random.default_rng(seed)
    truth, model = rng.integers(0, 2, (2, rows))
    best = (model != truth).astype(np.float64)
    for look in range(2, looks + 1):
        other = model.copy()
        at = rng.integers(0, rows, rows // 20)
        other[at] = 1 - other[at]
        wrong = (other != truth).astype(np.float64)
        if wrong.mean() < best.mean() and (not guarded or release(best, wrong, looks=look).better):
            model, best = other, wrong
    return said(float(best.mean()), rows, looks)


@pytest.mark.parametrize("attack", [vote_of_the_best, climb])
@pytest.mark.parametrize(("looks", "rows"), [(1000, 400), (200, 1000)])
def test_the_interval_holds_under_attack_and_without_the_ladder_it_does_not(attack, looks, rows) -> None:
    guarded = [attack(seed, looks, rows, guarded=True) for seed in range(60)]
    naive = [attack(seed, looks, rows, guarded=False) for seed in range(10)]
    assert np.mean(guarded) >= 0.95
    assert np.mean(naive) <= 0.2


def test_models_that_are_no_better_are_let_through_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(1)
    passed = [
        release(rng.exponential(size=200), rng.exponential(size=200), looks=5).better for _ in range(4000)
    ]
    assert np.mean(passed) == pytest.approx(0.025 / 5, abs=0.004)


def test_a_model_that_is_better_is_shown() -> None:
    rng = np.random.default_rng(2)
    best = rng.exponential(size=2000)
    better = best - 0.1 + rng.normal(0.0, 0.5, 2000)
    found = release(best, better, looks=20)
    assert found.better and found.gain == pytest.approx(np.mean(best - better)) and found.step < 0.05
    assert not release(better, best, looks=1).better


def test_the_step_is_that_of_the_formula_and_grows_with_the_looks() -> None:
    rng = np.random.default_rng(3)
    best, new = rng.normal(size=(2, 5000))
    spread = (best - new).std(ddof=0) / np.sqrt(5000)
    assert release(best, new, looks=1).step == pytest.approx(1.960 * spread, rel=1e-3)
    assert release(best, new, looks=50).step == pytest.approx(3.291 * spread, rel=2e-3)


def test_the_same_model_is_not_better_than_itself() -> None:
    losses = np.random.default_rng(4).exponential(size=100)
    assert release(losses, losses, looks=1) == release(losses, losses.copy(), looks=7)
    assert not release(losses, losses, looks=1).better


def test_a_weight_of_zero_is_no_row() -> None:
    best, new = np.random.default_rng(5).normal(size=(2, 120))
    weight = np.r_[np.ones(100), np.zeros(20)]
    one, other = release(best, new, weight, looks=3), release(best[:100], new[:100], looks=3)
    assert (one.gain, one.step) == pytest.approx((other.gain, other.step))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(TableError, match="losses of shapes"):
        release([1.0, 2.0], [1.0], looks=1)
    with pytest.raises(RecipeError, match="looks=0"):
        release([1.0, 2.0], [1.0, 3.0], looks=0)
