from __future__ import annotations

import random

import pytest

from justright.tuning.halving import Climb, climbs, efforts


def climb_of(losses: list[float], rungs: int = 3) -> Climb:
    climb = Climb(rungs)
    for trial, loss in enumerate(losses):
        climb.take(trial, 0, loss, ended=False)
    return climb


def test_efforts_grow_threefold_to_all() -> None:
    assert efforts(1) == (1.0,)
    assert efforts(4) == pytest.approx((1 / 27, 1 / 9, 1 / 3, 1.0))


def test_the_best_third_climbs_and_the_default_takes_no_place() -> None:
    # Trial 0 is the default and the worst; of the nine others the three best climb.
    climb = climb_of([99.0, 5, 1, 7, 3, 9, 2, 8, 6, 4])
    assert climbs(climb, (), last=False) == [(0, 1), (2, 1), (6, 1), (4, 1)]


def test_who_is_at_work_or_has_failed_does_not_climb() -> None:
    climb = climb_of([99.0, 5, 1, 7, 3, 9, 2, 8, 6, 4])
    climb.failed.add(6)
    assert climbs(climb, {0, 2}, last=False) == [(4, 1)]


def test_the_last_third_is_rounded_up() -> None:
    climb = climb_of([9.0, 2.0, 1.0])
    assert climbs(climb, {0}, last=False) == []
    assert climbs(climb, {0}, last=True) == [(2, 1)]


def test_ties_go_to_the_earlier_trial() -> None:
    assert climbs(climb_of([9.0, 1.0, 1.0, 1.0]), {0}, last=False) == [(1, 1)]


def test_what_has_ended_climbs_without_work() -> None:
    climb = climb_of([9.0, 2.0, 3.0, 4.0])
    climb.ended |= {0, 1}
    climb.settle()
    assert climb.losses == [{0: 9.0, 1: 2.0, 2: 3.0, 3: 4.0}, {0: 9.0, 1: 2.0}, {0: 9.0}]
    climb.settle(last=True)
    assert climb.top == {0: 9.0, 1: 2.0}
    assert [climb.highest(trial) for trial in range(5)] == [2, 2, 0, 0, -1]


def test_against_plain_successive_halving() -> None:
    """With all trials there at once the asynchronous rule keeps whom the synchronous one keeps."""
    dice = random.Random(3)
    for _ in range(20):
        truth = [dice.random() for _ in range(28)]
        climb = climb_of([9.0, *truth[1:]])
        done: list[tuple[int, int]] = []
        while moves := climbs(climb, (), last=False):
            trial, rung = moves[0]
            climb.take(trial, rung, 9.0 if trial == 0 else truth[trial], ended=False)
            done.append((trial, rung))
        order = sorted(range(1, 28), key=lambda trial: truth[trial])
        assert {trial for trial, rung in done if rung == 1} == {0, *order[:9]}
        assert {trial for trial, rung in done if rung == 2} == {0, *order[:3]}
