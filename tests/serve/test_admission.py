"""Admission: bursts pass, a queue that stands is kept short, and what stood is forgotten after a rest."""

from __future__ import annotations

import pytest

from justright.serve.admission import Admission
from justright.serve.limits import Limits

FEW = 16


class Loop:
    """Turns of a loop whose every request takes so many seconds; who is refused comes again, or leaves."""

    def __init__(self, limits: Limits, seconds: float = 0.00005) -> None:
        self.now = 0.0
        self.seconds = seconds
        self.admission = Admission(limits, lambda: self.now)

    def turn(self, come: int, leave: bool = True) -> int:
        admission = self.admission
        taken = 0
        for _ in range(come):
            if admission.full:
                admission.held += 1
                continue
            admission.take()
            taken += 1
            self.now += self.seconds
        admission.end_turn()
        if leave:
            admission.held = 0
        return taken

    def until_it_stands(self) -> None:
        for _ in range(200):
            if self.turn(100) == FEW:
                return
        raise AssertionError("it never stood")


@pytest.fixture
def loop() -> Loop:
    return Loop(Limits(queue=80, crowd=50))


def test_a_burst_is_taken_whole_and_no_more_than_the_queue(loop):
    assert loop.turn(60) == 60
    loop.now += 1.0
    assert loop.turn(100) == 80


def test_a_queue_that_stands_is_kept_short(loop):
    found = [loop.turn(100) for _ in range(60)]
    assert found == [80] * 26 + [FEW] * 34  # 0.004 s each, 0.1 s are allowed


def test_it_stands_as_long_as_more_want_an_answer(loop):
    loop.until_it_stands()
    for _ in range(5000):
        assert loop.turn(20) <= FEW
        loop.admission.held = 40  # told to come again, not told yet


def test_calm_turns_for_a_second_end_it(loop):
    loop.until_it_stands()
    assert loop.turn(9) == 9
    assert loop.turn(100) == FEW
    begin = loop.now
    while loop.now - begin <= 1.0:
        assert loop.turn(9) == 9
    assert loop.turn(60) == 60


def test_a_rest_ends_it_too(loop):
    loop.until_it_stands()
    loop.now += 0.5
    assert loop.turn(60) == FEW
    loop.now += 1.1
    assert loop.turn(60) == 60


def test_as_many_clients_as_are_no_crowd_are_never_refused(loop):
    assert [loop.turn(50) for _ in range(2000)] == [50] * 2000
    slow = Loop(Limits(queue=80, crowd=50), 0.01)
    assert [slow.turn(50) for _ in range(200)] == [50] * 200


def test_bursts_with_pauses_never_stand(loop):
    for _ in range(200):
        assert loop.turn(80) == 80
        loop.now += 0.006


def test_a_burst_of_slow_requests_ends_after_a_tenth_of_a_second():
    slow = Loop(Limits(queue=512, crowd=50), 0.01)
    assert slow.turn(500) == 50
    quicker = Loop(Limits(queue=512, crowd=5), 0.01)
    assert quicker.turn(500) == 11


def test_slow_requests_are_let_in_one_by_one_while_the_queue_stands():
    slow = Loop(Limits(queue=512, crowd=5), 0.01)
    assert [slow.turn(50) for _ in range(50)][-30:] == [1] * 30


def test_a_queue_shorter_than_a_crowd_holds():
    short = Loop(Limits(queue=5, crowd=64))
    assert [short.turn(60) for _ in range(100)] == [5] * 100
