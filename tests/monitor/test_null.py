"""The null of the divergence: a level that holds, a seed that is fixed, a shape that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from justright.monitor.null import Null, divergence, null_of


def test_divergence_is_that_of_scipy():
    rng = np.random.default_rng(0)
    left, right = rng.dirichlet(np.ones(7), 5), rng.dirichlet(np.ones(7), 5)
    left[0, 2] = 0.0
    left[0] /= left[0].sum()
    expected = [jensenshannon(a, b, base=2) ** 2 for a, b in zip(left, right, strict=True)]
    np.testing.assert_allclose(divergence(left, right), expected, rtol=1e-9)


@pytest.mark.parametrize(("m", "n"), [(1000, 200), (1000, 1000), (1000, 5000), (100_000, 100)])
def test_the_level_holds_for_a_finite_reference(m, n):
    # A null that takes the reference as exact alarms in 43 % of windows at m = n = 1,000.
    rng = np.random.default_rng(m + n)
    counts = np.full(20, m / 20)
    p = []
    for _ in range(600):
        law = rng.dirichlet(counts)
        window = rng.multinomial(n, law) / n
        p.append(null_of(counts, n).tail(float(divergence(window, counts / m))))
    assert np.mean(np.asarray(p) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.asarray(p) <= 0.005) <= 0.02


def test_threshold_is_the_inverse_of_the_p_value():
    for law in (Null(np.full(20, 50.0), 100), Null(np.full(20, 1e5), 10_000)):
        for level in (0.05, 0.01, 1e-4, 1e-7):
            assert law.tail(law.value_at(level)) == pytest.approx(level, rel=0.15)


def test_known_threshold():
    # drift.md, section 5: 20 bins, a reference known exactly, 99.5 %: 0.0142 bits at 500 rows.
    assert Null(np.full(20, 1e7), 500).value_at(0.005) == pytest.approx(0.0142, rel=0.03)


def test_the_same_question_has_the_same_answer_and_is_asked_once():
    counts = np.array([70.0, 20.0, 10.0])
    assert null_of(counts, 77) is null_of(counts.copy(), 77)
    assert Null(counts, 77).tail(0.02) == null_of(counts, 77).tail(0.02)
    # Quantile grids that differ by a row are one.
    assert null_of(np.array([50.0, 51.0, 50.0]), 40) is not None


def test_one_cell_says_nothing():
    assert Null(np.array([9.0]), 10).tail(0.3) == 1.0


@pytest.mark.parametrize(("m", "n"), [(100_000, 50), (2_000, 300)])
def test_the_largest_gap_far_beyond_the_simulation(m, n):
    """Many rare cells and few rows: a normal law of the cells says a fifth of the chance at 1e-4."""
    shares = 1.0 / np.arange(1, 81)
    law = Null(np.maximum(np.round(m * shares / shares.sum()), 1.0), n)
    dice = np.random.default_rng(5)
    gaps = []
    for _ in range(40):
        drawn = dice.standard_gamma(law.shares * law.reference + 0.5, (10_000, 80))
        windows = dice.multinomial(n, drawn / drawn.sum(axis=1, keepdims=True)) / n
        gaps.append(np.abs(windows - law.shares).max(axis=1))
    every = np.sort(np.concatenate(gaps))
    for wanted in (3e-4, 1e-4):
        gap = every[int(len(every) * (1.0 - wanted))]
        true = np.mean(every >= gap - 1e-12)
        assert 0.75 * true < law.gap_tail(gap, law.shares) < 1.6 * true
    at = law.gap_at(1e-5, law.shares)
    assert law.gap_tail(at, law.shares) <= 1e-5 < law.gap_tail(at - 2.0 / n, law.shares)
