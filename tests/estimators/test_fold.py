"""Folds of the estimators: a function of the set of different rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, LeaveOneGroupOut, ShuffleSplit, StratifiedKFold

from justright.errors import RecipeError
from justright.estimators.fold import deal, distinct, of_splits
from justright.kernels.hashing import mix64
from justright.split import folds

tables = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=2, max_size=60)


def arrays(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return mix64(np.array([a for a, _ in rows], np.uint64)), np.array([b for _, b in rows], np.int32)


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(2, 6), st.integers(0, 10**6))
def test_neither_order_nor_repetition_enters(rows: list[tuple[int, int]], n_folds: int, seed: int) -> None:
    key, label = arrays(rows)
    found = dict(zip(rows, deal(key, label, n_folds).tolist(), strict=True))
    rng = np.random.default_rng(seed)
    again = rng.permutation(np.repeat(np.arange(len(rows)), rng.integers(1, 4, len(rows))))
    fold = deal(key[again], label[again], n_folds)
    assert [found[rows[i]] for i in again] == fold.tolist()


@settings(max_examples=60, deadline=None)
@given(tables, st.integers(2, 6))
def test_every_fold_trains_on_every_class_and_judges(rows: list[tuple[int, int]], n_folds: int) -> None:
    key, label = arrays(rows)
    fold = deal(key, label, n_folds)
    used = np.unique(fold[fold >= 0])
    assert used.tolist() == list(range(len(used)))
    assert len(used) != 1
    for one in used:
        assert set(label[fold != one]) == set(label)


def test_a_class_of_one_row_is_judged_in_no_fold() -> None:
    key = mix64(np.arange(6, dtype=np.uint64))
    fold = deal(key, np.array([0, 0, 0, 1, 1, 2], np.int32), 3)
    assert fold[5] == -2
    assert (fold[:5] >= 0).all()
    assert fold[3] != fold[4]


def test_two_rows_of_two_classes_leave_no_fold() -> None:
    fold = deal(mix64(np.arange(2, dtype=np.uint64)), np.array([0, 1], np.int32), 5)
    assert fold.tolist() == [-2, -2]


def test_small_tables_are_even_and_large_ones_follow_the_split() -> None:
    key = mix64(np.arange(2000, dtype=np.uint64))
    label = (np.arange(2000) % 2).astype(np.int32)
    assert np.bincount(deal(key[:50], label[:50], 5)).tolist() == [10] * 5
    assert np.array_equal(deal(key, label, 5), folds(key, 5)[:, 0])
    assert not np.array_equal(deal(key, label, 5, "1"), deal(key, label, 5))
    assert distinct(np.r_[key, key]) == 2000


def test_a_rare_class_is_spread_in_a_large_table() -> None:
    key = mix64(np.arange(2000, dtype=np.uint64))
    label = np.zeros(2000, np.int32)
    one_fold = np.flatnonzero(folds(key, 5)[:, 0] == 2)[:3]
    label[one_fold] = 1
    assert len(set(deal(key, label, 5)[one_fold].tolist())) == 3


@pytest.mark.parametrize("splitter", [KFold(3), StratifiedKFold(3)])
def test_splits_of_scikit_learn_become_folds(splitter: KFold) -> None:
    y = np.arange(12) % 2
    splits = list(splitter.split(np.zeros((12, 1)), y))
    fold = of_splits(splits, 12)
    for number, (_, test) in enumerate(splits):
        assert np.flatnonzero(fold == number).tolist() == sorted(test)


def test_rows_that_no_split_tests_always_train() -> None:
    groups = np.array([0, 0, 1, 1])
    (first, second) = LeaveOneGroupOut().split(np.zeros((4, 1)), groups=groups)
    assert of_splits([first, second], 4).tolist() == [0, 0, 1, 1]
    everyone = np.arange(5)
    assert of_splits([(everyone[everyone != i], [i]) for i in (1, 3)], 5).tolist() == [-2, 0, -2, 1, -2]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (list(ShuffleSplit(3, random_state=0).split(np.zeros((12, 1)))), "does not train on all but"),
        ([([0, 1], [2, 3])], "cv with 1 splits"),
        ([([0], [1]), ([0, 1], [2, 3])], "split 0 does not train"),
        ([([0, 1], [2, 3]), ([0, 1, 3], [2])], "split 1 does not train"),
    ],
)
def test_other_splits_are_refused(splits: list, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        of_splits(splits, 12 if len(splits) == 3 else 4)


def test_too_many_splits_are_refused() -> None:
    splits = [(np.delete(np.arange(200), i), [i]) for i in range(200)]
    with pytest.raises(RecipeError, match="more than 127"):
        of_splits(splits, 200)
