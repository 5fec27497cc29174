"""Groups of codes for crosses, and the cells that rows fall into."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.models.crossed.fields import Field
from justright.models.crossed.terms import cross_term, grouped, single_term

NONE = np.zeros(0, bool)


def number(size):
    return Field("number", (0,), ("x",), size, np.arange(size - 2, dtype=np.float32), np.zeros(size, bool))


def category(size):
    return Field("category", (0,), ("c",), size, np.zeros(0, np.float32), NONE)


def test_neighbouring_bins_are_grouped_by_weight_and_missing_stays_apart():
    counts = np.array([10.0] * 12 + [5.0])
    group = grouped(number(13), counts, 4)
    assert group.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4]


def test_without_missing_rows_the_code_of_missing_shares_the_last_group():
    group = grouped(number(5), np.array([1.0, 1.0, 1.0, 1.0, 0.0]), 2)
    assert group.tolist() == [0, 0, 1, 1, 1]


def test_groups_are_numbered_without_gaps_whatever_the_weights():
    rng = np.random.default_rng(0)
    for _ in range(200):
        size, grain = int(rng.integers(2, 40)), int(rng.integers(1, 40))
        counts = rng.random(size) * (rng.random(size) < 0.5) ** 3 * 10.0 ** rng.integers(-3, 6, size)
        for field in (number(size), category(size)):
            group = grouped(field, counts, grain)
            assert sorted(set(group.tolist())) == list(range(group.max() + 1))
            assert group.max() < grain + 1
            if field.ordered:
                assert (np.diff(group[:-1]) >= 0).all()


def test_the_commonest_categories_keep_a_group_and_the_others_share_one():
    group = grouped(category(6), np.array([1.0, 9.0, 2.0, 8.0, 7.0, 3.0]), 4)
    assert group.tolist() == [0, 1, 0, 2, 3, 0]
    assert grouped(category(3), np.zeros(3), 4).tolist() == [0, 1, 2]


def test_a_cross_is_a_table_of_groups():
    fields = [number(10), category(5)]
    counts = [np.ones(10), np.ones(5)]
    term = cross_term((0, 1), fields, counts, 3)
    assert term.shape == (4, 3) and term.cells == 12 and term.ordered == (True, False)
    alone = single_term(1, fields[1])
    assert alone.cells == 5 and alone.ordered == (False,)
