"""Intervals across folds, and numbers with few digits."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.reading import jackknife, plain


def test_the_jackknife_of_a_mean_is_its_textbook_error():
    random = np.random.default_rng(3)
    values = random.normal(size=50)
    left_out = np.array([np.delete(values, i).mean() for i in range(50)])
    low, high = jackknife(np.asarray(values.mean()), left_out)
    error = values.std(ddof=1) / np.sqrt(50)
    assert float(high - low) / 2 == pytest.approx(2.0096 * error, rel=1e-3)


def test_an_importance_is_covered():
    """Mean |effect| of a least-squares slope, five folds: the interval holds the true one."""
    random, inside, naive, rounds = np.random.default_rng(5), 0, 0, 2_000
    for _ in range(rounds):
        x = random.normal(size=100)
        y = 0.7 * x + random.normal(size=100)
        fold = np.arange(100) % 5
        size = [abs(np.polyfit(x[fold != f], y[fold != f], 1)[0]) for f in range(-1, 5)]
        size = np.asarray(size) * np.abs(x - x.mean()).mean()
        low, high = jackknife(np.asarray(size[0]), size[1:])
        truth = 0.7 * np.abs(x - x.mean()).mean()  # importance is that over these rows
        inside += int(low <= truth <= high)
        half = 2.776 * size[1:].std(ddof=1) / np.sqrt(5)
        naive += int(abs(size[1:].mean() - truth) <= half)
    assert inside / rounds == pytest.approx(0.95, abs=0.02)
    assert naive / rounds < 0.7  # what the scatter of the folds alone would promise


def test_models_that_failed_are_left_out():
    low, high = jackknife(np.array([1.0]), np.array([[0.9], [np.nan], [1.1]]))
    assert (low, high) == jackknife(np.array([1.0]), np.array([[0.9], [1.1]]))
    assert jackknife(np.array([1.0]), np.array([[np.nan]]))[0] == 1.0


def test_numbers_are_finite_and_short():
    assert plain([np.nan, np.inf, 0.1 + 0.2]) == [0.0, 0.0, 0.3]
