"""Members that explode go back, twice running to the start, at a third of the rate; the others go on."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.neural.rollback import MOST, exploded, rolled_back


def states(members=3):
    old = {
        "vector": np.zeros((2, members), np.float32),
        "first": np.ones(members),
        "rate": np.full(members, 0.9, np.float32),
        "lowered": np.zeros(members, np.int32),
        "fallen": np.zeros(members, np.int32),
    }
    return old, {**old, "vector": np.ones((2, members), np.float32)}


NONE = np.zeros(3, bool)
ALL = np.ones(3, bool)


def test_what_counts_as_an_explosion():
    old, new = states()
    fine = np.array([0.5, 9.9, -3.0])
    assert exploded(old, new, fine, np.full(3, np.nan), NONE).tolist() == [False, False, False]
    assert exploded(old, new, np.array([np.nan, np.inf, 11.0]), fine, NONE).all()
    judged = np.array([True, True, False])
    assert exploded(old, new, fine, np.array([np.nan, 20.0, np.nan]), judged).tolist() == [True, True, False]
    new["vector"][1, 2] = np.inf
    assert exploded(old, new, fine, fine, ALL).tolist() == [False, False, True]


def test_a_fall_goes_back_to_the_last_state_and_a_second_one_to_the_start():
    old, new = states()
    begun = {"vector": np.full((2, 3), 7.0, np.float32)}
    bad = np.array([False, True, True])
    old["fallen"][2] = 1
    made = rolled_back(old, new, begun, bad)
    assert made["vector"].tolist() == [[1.0, 0.0, 7.0]] * 2
    assert made["rate"] == pytest.approx([0.9, 0.3, 0.3])
    assert made["lowered"].tolist() == [0, 1, 1]
    assert made["fallen"].tolist() == [0, 1, 1]
    assert new["vector"].tolist() == [[1.0] * 3] * 2  # the argument stays whole
    assert MOST >= 3
