"""One column alone: means of bins, fitted without the fold of the row."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.additive import explained
from justright.diagnose.rows.alone import by_bins, one_column
from justright.diagnose.rows.sample import Feature


def test_means_of_the_other_folds_in_plain_python():
    rng = np.random.default_rng(0)
    bins, fold = rng.integers(0, 4, 80), rng.integers(0, 5, 80)
    outcome, weight = rng.normal(size=(80, 2)), rng.uniform(0.5, 2.0, 80)
    got = by_bins(bins, outcome, weight, fold)
    for i in range(80):
        rest = fold != fold[i]
        same = rest & (bins == bins[i])
        level = weight[rest] @ outcome[rest] / weight[rest].sum()
        expected = (weight[same] @ outcome[same] + level) / (weight[same].sum() + 1.0)
        np.testing.assert_allclose(got[i], expected)


@pytest.mark.parametrize("seed", range(3))
def test_column_of_chance_explains_nothing(seed):
    rng = np.random.default_rng(seed)
    x, outcome = rng.normal(size=2000), rng.normal(size=(2000, 1))
    feature = Feature("x", "x", "", x, None, 0, 1.0, False)
    made = one_column(feature, outcome, np.ones(2000), np.arange(2000) % 5)
    assert -0.06 < explained(outcome, made, np.ones(2000)) < 0.01


def test_any_shape_is_seen():
    x = np.random.default_rng(0).uniform(-3.0, 3.0, 4000)
    outcome = np.cos(3.0 * x)[:, None]
    made = one_column(
        Feature("x", "x", "", x, None, 0, 1.7, False), outcome, np.ones(4000), np.arange(4000) % 5
    )
    assert explained(outcome, made, np.ones(4000)) > 0.97
