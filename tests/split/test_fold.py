"""Folds: even, by key, independent of parts and of each other; folds in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from justright.errors import RecipeError
from justright.kernels.hashing import mix64
from justright.split import farm_fingerprint, folds, part_of, time_folds

KEYS = st.lists(st.integers(0, 2**64 - 1), max_size=30)


@given(KEYS, KEYS, st.integers(2, 100), st.integers(1, 4), st.text(max_size=3))
def test_a_key_has_one_fold_whatever_else_is_there(old, new, n_folds, repeats, salt):
    keys = np.array(old + new + old, np.uint64)
    fold = folds(keys, n_folds, repeats, salt)
    assert fold.shape == (len(keys), repeats)
    assert fold.dtype == np.int8
    assert np.all((fold >= 0) & (fold < n_folds))
    assert np.array_equal(fold[: len(old)], fold[len(keys) - len(old) :])
    assert np.array_equal(folds(np.array(old, np.uint64), n_folds, repeats, salt), fold[: len(old)])


@pytest.mark.parametrize("n_folds", [2, 5, 7, 10])
def test_folds_are_even(n_folds):
    counts = np.bincount(folds(np.arange(100_000, dtype=np.uint64), n_folds)[:, 0], minlength=n_folds)
    expected = 100_000 / n_folds
    assert ((counts - expected) ** 2 / expected).sum() < 3 * n_folds + 20


def independent(first, second):
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    return chi2_contingency(table).pvalue > 1e-4


def test_repetitions_salts_and_parts_are_independent():
    words = farm_fingerprint([f"row {i}" for i in range(50_000)])
    fold = folds(words.view(np.uint64), 5, repeats=3)
    assert independent(fold[:, 0], fold[:, 1])
    assert independent(fold[:, 1], fold[:, 2])
    assert independent(fold[:, 0], folds(words.view(np.uint64), 5, salt="b")[:, 0])
    assert independent(fold[:, 0], part_of(words, "50/30/20"))


def test_more_repetitions_keep_the_first():
    keys = mix64(np.arange(1, 100, dtype=np.uint64))
    assert np.array_equal(folds(keys, 5, 3)[:, :1], folds(keys, 5, 1))


@pytest.mark.parametrize(("n_folds", "repeats"), [(1, 1), (101, 1), (5, 0), (5, 101)])
def test_counts_out_of_range(n_folds, repeats):
    with pytest.raises(RecipeError, match=r"n_folds|repeats"):
        folds(np.zeros(3, np.uint64), n_folds, repeats)


def test_time_folds_are_contiguous_and_even():
    moments = np.random.default_rng(0).permutation(1000).astype(float)
    fold = time_folds(moments, 4)
    assert np.array_equal(fold[np.argsort(moments)], np.repeat(np.arange(4), 250))


def test_rows_without_a_moment_are_in_no_fold():
    assert time_folds(np.array([np.nan, 1.0, 2.0]), 2).tolist() == [-2, 0, 1]
    with pytest.raises(RecipeError, match="distinct moments"):
        time_folds(np.array([1.0, 1.0]), 2)
