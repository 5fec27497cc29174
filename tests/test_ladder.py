"""The choice on a ladder: known answers, rungs judged on different rows, and what noise may decide."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import TrainingError
from justright.ladder import Standing, Tried, budget_for, chosen, standings


def tried(name, loss, place=None, weight=None, fold=None, folds=1_000_000):
    """A rung; so many folds that their models share nothing, unless told."""
    loss = np.asarray(loss, float)
    place = np.arange(len(loss)) if place is None else np.asarray(place)
    weight = np.ones(len(loss)) if weight is None else np.asarray(weight, float)
    return Tried(name, place, loss, weight, np.zeros(len(loss), np.int8) if fold is None else fold, folds)


def test_the_gap_and_its_error_are_those_of_the_paired_differences():
    rng = np.random.default_rng(0)
    base = rng.exponential(size=400)
    gap = rng.normal(0.1, 0.3, 400)
    simple, best = standings([tried("linear", base + gap), tried("crossed", base)])
    assert (best.gap, best.error) == (0.0, 0.0)
    assert simple.gap == pytest.approx(gap.mean())
    assert simple.error == pytest.approx(gap.std() / 20.0)
    assert simple.error < base.std() / 20.0 / 2.0, "the error of the loss itself is far larger"


def test_models_that_share_their_rows_are_less_sure():
    rng = np.random.default_rng(0)
    base, gap, fold = rng.exponential(size=400), rng.normal(0.1, 0.3, 400), np.arange(400) % 5
    alone = standings([tried("linear", base + gap), tried("crossed", base)])[0].error
    five = standings([tried(n, v, fold=fold, folds=5) for n, v in (("a", base + gap), ("b", base))])[0]
    part = standings([tried(n, v, folds=5) for n, v in (("a", base + gap), ("b", base))])[0]
    # All five folds judged: the variance is 1 + 5 / 4 times; one of them alone: 1 + 1 / 4 times.
    assert five.error == pytest.approx(1.5 * alone, rel=1e-5)
    assert part.error == pytest.approx(1.25**0.5 * alone, rel=1e-5)


def test_weights_count_as_repetitions():
    loss = {"linear": [1.0, 2.0, 4.0], "crossed": [0.9, 2.1, 3.0]}
    weighted = standings([tried(n, v, weight=[1, 3, 2]) for n, v in loss.items()])
    repeated = standings([tried(n, np.repeat(v, [1, 3, 2])) for n, v in loss.items()])
    for one, other in zip(weighted, repeated, strict=True):
        assert one.loss == pytest.approx(other.loss)
        assert one.gap == pytest.approx(other.gap)


def test_a_rung_judged_on_one_part_is_compared_on_the_rows_of_both():
    every = tried("linear", np.r_[np.zeros(50), np.full(50, 3.0)])
    part = tried("neural", np.full(50, 2.0), place=np.arange(50, 100))
    linear, neural = standings([every, part])
    assert (linear.rows, neural.rows) == (50, 50)
    assert linear.gap == pytest.approx(1.0) and neural.gap == 0.0
    assert linear.loss == pytest.approx(1.5)


def test_the_best_is_best_on_the_rows_of_both_not_on_the_few_of_all():
    # On the ten rows of the network trees are best, on the hundred of both the simpler family is.
    rows = np.arange(100)
    crossed = tried("crossed", np.where(rows < 10, 1.1, 1.0))
    boosted = tried("boosted", np.where(rows < 10, 1.0, 1.2))
    found = standings(
        [tried("linear", np.full(100, 1.5)), crossed, boosted, tried("neural", np.full(10, 2.0))]
    )
    assert [one.name for one in found if one.gap == 0.0 and one.error == 0.0] == ["crossed"]
    assert min(one.gap for one in found) == 0.0
    assert found[2].gap == pytest.approx(0.17)


def test_rungs_without_a_common_row_cannot_be_compared():
    with pytest.raises(TrainingError, match="no row"):
        standings([tried("linear", [1.0]), tried("neural", [1.0], place=[5])])


def test_the_simplest_within_one_standard_error_is_just_right():
    found = [
        Standing("linear", 1.2, 0.2, 0.05, 100),
        Standing("crossed", 1.02, 0.02, 0.03, 100),
        Standing("boosted", 1.0, 0.0, 0.0, 100),
        Standing("neural", 1.01, 0.01, 0.05, 100),
    ]
    assert chosen(found, "simplest") == 1
    assert chosen(found, "best") == 2
    assert chosen(found[:1] + found[2:], "simplest") == 1


def test_noise_alone_takes_the_simplest_most_often():
    rng = np.random.default_rng(1)
    taken = []
    for _ in range(200):
        base = rng.exponential(size=300)
        rungs = [tried(str(k), base + 0.1 * rng.normal(size=300)) for k in range(2)]
        taken.append(chosen(standings(rungs), "simplest"))
    # The simple one is out where the paired difference is above one standard error: one time in six.
    assert 0.08 < np.mean(taken) < 0.26


def test_larger_tables_get_more_time():
    assert [budget_for(10**k) for k in (2, 4, 5, 6, 8)] == [60.0, 120.0, 300.0, 600.0, 600.0]
