"""Weights and samplings are undone exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError, TableError
from justright.evaluate.prior import balanced_factors, margin_offset, shifted_prior, undo_factors
from justright.optim.losses import margins_to_predictions

shares = st.floats(0.001, 0.999)
factor = st.floats(0.01, 100.0)


def test_a_table_of_counts_comes_back_exactly() -> None:
    """The best model of weighted counts states f n / sum(f n); undone it states n / sum(n)."""
    counts = np.random.default_rng(0).integers(1, 1000, (50, 3)).astype(float)
    factors = np.array([0.1, 3.0, 1.0])
    weighted = counts * factors
    stated = weighted / weighted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(undo_factors(stated, factors), counts / counts.sum(axis=1, keepdims=True))
    two = counts[:, :2] * factors[:2]
    np.testing.assert_allclose(
        undo_factors(two[:, 1] / two.sum(axis=1), factors[:2]), counts[:, 1] / counts[:, :2].sum(axis=1)
    )


def test_a_logistic_regression_with_balanced_weights_comes_back() -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="the oracle is scikit-learn's regression")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40_000, 1))
    truth = 1.0 / (1.0 + np.exp(-(x[:, 0] - 3.5)))
    y = (rng.uniform(size=40_000) < truth).astype(int)
    factors = balanced_factors(y, 2)
    model = linear.LogisticRegression(C=1e6).fit(x, y, sample_weight=factors[y])
    stated = model.predict_proba(x)[:, 1]
    assert stated.mean() > 0.3  # far from the share of class 1
    back = undo_factors(stated, factors)
    assert back.mean() == pytest.approx(y.mean(), rel=0.02)
    np.testing.assert_allclose(back, truth, atol=0.03)


def test_a_sample_comes_back() -> None:
    rng = np.random.default_rng(2)
    y = (rng.uniform(size=100_000) < 0.02).astype(int)
    keep = balanced_factors(y, 2, sampling=True)
    assert keep[1] == 1.0
    kept = y[rng.uniform(size=y.shape) < keep[y]]
    assert kept.mean() == pytest.approx(0.5, abs=0.02)
    assert undo_factors([kept.mean()], keep)[0] == pytest.approx(y.mean(), rel=0.05)


@given(p=st.lists(shares, min_size=1, max_size=20), a=factor, b=factor)
def test_the_offset_of_margins_is_the_same(p: list[float], a: float, b: float) -> None:
    stated = np.asarray(p)
    margins = (np.log(stated) - np.log1p(-stated))[:, None] + margin_offset([a, b])
    np.testing.assert_allclose(
        margins_to_predictions(margins, "logistic"), undo_factors(stated, [a, b]), rtol=1e-9
    )
    three = np.stack([stated, 1.0 - stated, np.ones_like(stated)], axis=1)
    three /= three.sum(axis=1, keepdims=True)
    moved = margins_to_predictions(np.log(three) + margin_offset([a, b, 1.0]), "softmax")
    np.testing.assert_allclose(moved, undo_factors(three, [a, b, 1.0]), rtol=1e-9)


@given(p=st.lists(shares, min_size=1, max_size=20), old=shares, new=shares)
def test_there_and_back(p: list[float], old: float, new: float) -> None:
    one, other = [1.0 - old, old], [1.0 - new, new]
    np.testing.assert_allclose(shifted_prior(shifted_prior(p, one, other), other, one), p, rtol=1e-6)


def test_only_ratios_matter_and_certainty_stays() -> None:
    np.testing.assert_allclose(undo_factors([0.2, 0.7], [1.0, 5.0]), undo_factors([0.2, 0.7], [2.0, 10.0]))
    assert undo_factors([0.0, 1.0], [1.0, 5.0]).tolist() == [0.0, 1.0]
    assert undo_factors([0.3], [2.0, 2.0])[0] == pytest.approx(0.3)


def test_balanced_classes_weigh_the_same() -> None:
    y = np.array([0] * 6 + [1] * 3 + [3])
    weight = np.arange(1.0, 11.0)
    for given_weight in (None, weight):
        factors = balanced_factors(y, 4, given_weight)
        own = np.bincount(y, factors[y] * (1.0 if given_weight is None else weight), minlength=4)
        assert own[[0, 1, 3]] == pytest.approx([own.sum() / 3] * 3)
        assert own.sum() == pytest.approx(10.0 if given_weight is None else weight.sum())
        assert factors[2] == 1.0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecipeError, match="above 0"):
        undo_factors([0.5], [0.0, 1.0])
    with pytest.raises(TableError, match="one for each class"):
        undo_factors([0.5], [1.0, 1.0, 1.0])
    with pytest.raises(TableError, match="class numbers"):
        balanced_factors([0, 2], 2)
