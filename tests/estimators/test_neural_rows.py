"""Rows of the networks: parts that are given and parts that are chosen, rows of about equal weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from justright.errors import RecipeError
from justright.estimators.columns import of_matrix
from justright.estimators.crossed_rows import Rows
from justright.estimators.neural_rows import given_parts, held_out, spread

TABLE = of_matrix(np.arange(10.0)[:, None])
Y = np.zeros(10)
NO_CLASSES = np.zeros(1000, np.int32)
KEYS = np.random.default_rng(0).integers(0, 2**64, 1000, np.uint64)


def test_where_nothing_is_given() -> None:
    assert given_parts(None, None, TABLE, Y) is None
    assert given_parts(5, None, TABLE, Y) is None


@pytest.mark.parametrize("rows", [[1, 3], np.array([3, 1], np.int32), np.isin(np.arange(10), [1, 3])])
def test_rows_that_are_held_out(rows: Any) -> None:
    wanted = [0 if place in (1, 3) else -2 for place in range(10)]
    found = given_parts(None, rows, TABLE, Y)
    assert found is not None and found.tolist() == wanted
    rest = np.setdiff1d(np.arange(10), [1, 3])
    split = given_parts([(rest, rows)], None, TABLE, Y)
    assert split is not None and split.tolist() == wanted


def test_splits_are_folds() -> None:
    found = given_parts(KFold(5), None, TABLE, Y)
    assert found is not None and found.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    ("cv", "rows", "says"),
    [
        (5, [1], "cv and eval_rows"),
        (None, [10], "places 0..9"),
        (None, [-1], "places 0..9"),
        (None, [0.5], "places of rows"),
        (None, [[1]], "places of rows"),
        (None, [True], "places 0..9"),
        (None, [], "places of rows"),
        (None, np.zeros(0, int), "0 of 10 rows"),
        (None, range(10), "10 of 10 rows"),
        ([([1, 2], [0])], None, "all others"),
        ([], None, "0 splits"),
    ],
)
def test_parts_that_cannot_be(cv: Any, rows: Any, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        given_parts(cv, rows, TABLE, Y)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5])
def test_the_share_that_judges(fraction: float) -> None:
    judging = (held_out(KEYS, NO_CLASSES, fraction, "") == 0).mean()
    assert judging == pytest.approx(fraction, abs=4 * np.sqrt(fraction / 1000))


def test_equal_rows_are_on_one_side_and_a_salt_chooses_others() -> None:
    key = KEYS[np.arange(1000) // 4]
    fold = held_out(key, NO_CLASSES, 0.2, "").reshape(250, 4)
    assert (fold == fold[:, :1]).all()
    assert (held_out(KEYS, NO_CLASSES, 0.2, "7") != held_out(KEYS, NO_CLASSES, 0.2, "")).any()


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.3, 0.45, 0.5])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_small_class_trains(fraction: float, rows: int) -> None:
    for salt in "abcdefgh":
        label = (np.arange(60) < rows).astype(np.int32)
        fold = held_out(KEYS[:60], label, fraction, salt)
        assert (fold[label == 1] == -2).any()


def weighted(weights: list[float]) -> Rows:
    n = len(weights)
    return Rows(
        of_matrix(np.arange(float(n))[:, None]),
        np.arange(n),
        np.asarray(weights),
        np.zeros(n, np.int8),
        np.arange(n, dtype=np.uint64),
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30))
def test_parts_carry_the_weight_of_their_row(weights: list[float]) -> None:
    n, made = len(weights), spread(weighted(weights))
    np.testing.assert_allclose(np.bincount(made.encoded, made.weight, n), weights)
    assert n <= len(made.weight) <= 8_192
    assert made.weight.max() <= 1.5 * np.mean(weights) * (1 + 1e-12)
    numbers = made.table.values["x0"].numbers
    assert numbers is not None and np.array_equal(numbers, made.encoded)


def test_whole_weights_are_repetitions_of_the_row() -> None:
    made = spread(weighted([1.0, 3.0, 2.0]))
    assert made.encoded.tolist() == [0, 1, 1, 1, 2, 2] and set(made.weight) == {1.0}


def test_heavy_rows_do_not_fill_the_memory() -> None:
    few = spread(weighted([1e9, 1.0, 1e9]))
    assert 4_096 <= len(few.weight) <= 8_192 and set(few.encoded) == {0, 1, 2}
    many = spread(weighted([1e300] * 5_000 + [1.0] * 5_000))
    assert 10_000 <= len(many.weight) <= 20_000


def test_light_rows_are_measured_by_their_mean() -> None:
    assert np.bincount(spread(weighted([0.001] * 9 + [0.011])).encoded).tolist() == [1] * 9 + [6]
