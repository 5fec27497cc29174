"""Weights and samplings are undone exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError, TableError
from justright.evaluate.prior import balanced_factors, margin_offset
from justright.optim.losses import margins_to_predictions

shares = st.floats(0.001, 0.999)
factor = st.floats(0.01, 100.0)


def undone(stated, factors):
    """Corrected probabilities by the definition of the factors: the oracle of the offset."""
    shares = np.stack([1.0 - stated, stated], axis=1) if np.ndim(stated) == 1 else stated
    back = shares / np.asarray(factors)
    back /= back.sum(axis=1, keepdims=True)
    return back[:, 1] if np.ndim(stated) == 1 else back


def offset(stated, factors):
    """Corrected probabilities as a model in service gives them."""
    if np.ndim(stated) == 1:
        margins = (np.log(stated) - np.log1p(-stated))[:, None] + margin_offset(factors)
        return margins_to_predictions(margins, "logistic")
    return margins_to_predictions(np.log(stated) + margin_offset(factors), "softmax")


def test_a_table_of_counts_comes_back_exactly() -> None:
    """The best model of weighted counts states f n / sum(f n); undone it states n / sum(n)."""
    counts = np.random.default_rng(0).integers(1, 1000, (50, 3)).astype(float)
    factors = np.array([0.1, 3.0, 1.0])
    weighted = counts * factors
    stated = weighted / weighted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(offset(stated, factors), counts / counts.sum(axis=1, keepdims=True))
    two = counts[:, :2] * factors[:2]
    np.testing.assert_allclose(
        offset(two[:, 1] / two.sum(axis=1), factors[:2]), counts[:, 1] / counts[:, :2].sum(axis=1)
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
    back = offset(stated, factors)
    assert back.mean() == pytest.approx(y.mean(), rel=0.02)
    np.testing.assert_allclose(back, truth, atol=0.03)


def test_a_sample_comes_back() -> None:
    rng = np.random.default_rng(2)
    y = (rng.uniform(size=100_000) < 0.02).astype(int)
    keep = balanced_factors(y, 2, sampling=True)
    assert keep[1] == 1.0
    kept = y[rng.uniform(size=y.shape) < keep[y]]
    assert kept.mean() == pytest.approx(0.5, abs=0.02)
    assert offset(np.array([kept.mean()]), keep)[0] == pytest.approx(y.mean(), rel=0.05)


@given(p=st.lists(shares, min_size=1, max_size=20), a=factor, b=factor)
def test_the_offset_of_margins_is_the_same(p: list[float], a: float, b: float) -> None:
    stated = np.asarray(p)
    np.testing.assert_allclose(offset(stated, [a, b]), undone(stated, [a, b]), rtol=1e-9)
    # Only ratios matter.
    np.testing.assert_allclose(offset(stated, [a, b]), offset(stated, [3 * a, 3 * b]), rtol=1e-9)
    three = np.stack([stated, 1.0 - stated, np.ones_like(stated)], axis=1)
    three /= three.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(offset(three, [a, b, 1.0]), undone(three, [a, b, 1.0]), rtol=1e-9)


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
        margin_offset([0.0, 1.0])
    with pytest.raises(RecipeError, match="above 0"):
        margin_offset([1.0, float("nan")])
    with pytest.raises(TableError, match="class numbers"):
        balanced_factors([0, 2], 2)
