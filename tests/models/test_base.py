"""Who trains on which rows."""

from __future__ import annotations

import numpy as np

from justright.models.base import training_rows
from justright.schema import Block, Member


def rows(fold, weight):
    n = len(weight)
    return Block(
        np.zeros((n, 0), np.float32),
        np.zeros((n, 0), np.int32),
        np.zeros(n, np.float32),
        np.asarray(weight, np.float32),
        np.asarray(fold, np.int8),
        None,
        np.zeros(n, np.uint64),
    )


def test_a_member_trains_on_all_rows_but_its_own_fold():
    block = rows([[0, 1], [1, 0], [-2, -2]], [1.0, 2.0, 3.0])
    found = training_rows(block, [Member(), Member(0), Member(1), Member(0, repeat=1)])
    assert found.T.tolist() == [[1, 2, 3], [0, 2, 3], [1, 0, 3], [1, 0, 3]]


def test_forward_members_train_on_the_past_only():
    block = rows([[-2], [0], [1], [2]], [1.0] * 4)
    found = training_rows(block, [Member(f, forward=True) for f in (-1, 0, 1, 2)])
    assert found.T.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]
