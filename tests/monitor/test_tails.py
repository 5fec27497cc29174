"""Tails against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from justright.monitor.tails import (
    beta_binomial_tails,
    chi_square_tail,
    normal_scores,
    normal_tail,
    skewed_tail,
)


@pytest.mark.parametrize("freedom", [1, 2, 19, 99, 499])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.05, 1e-4, 1e-9])
def test_chi_square(freedom, share):
    value = stats.chi2.isf(share, freedom)
    assert chi_square_tail(value, freedom) == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize("skew", [-2.0, -0.3, 0.0, 0.01, 0.7, 3.0])
@pytest.mark.parametrize("z", [-1.5, 0.0, 1.0, 3.0, 5.0])
def test_skewed(z, skew):
    assert skewed_tail(z, skew) == pytest.approx(stats.pearson3.sf(z, skew), rel=1e-4, abs=1e-12)


@pytest.mark.parametrize(
    ("count", "rows", "a", "b"), [(3, 50, 2.5, 90.5), (0, 10, 0.5, 3.0), (700, 1000, 9.0, 4.0)]
)
def test_beta_binomial(count, rows, a, b):
    law = stats.betabinom(rows, a, b)
    low, high = beta_binomial_tails(count, rows, a, b)
    assert low == pytest.approx(law.cdf(count), rel=1e-8)
    assert high == pytest.approx(law.sf(count - 1), rel=1e-8)


def test_normal():
    z = np.array([-3.0, 0.0, 2.5])
    np.testing.assert_allclose([normal_tail(each) for each in z], stats.norm.sf(z), rtol=1e-12)
    np.testing.assert_allclose(normal_scores(np.array([0.1, 0.7])), stats.norm.ppf([0.1, 0.7]), rtol=1e-12)
