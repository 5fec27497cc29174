"""CrossedClassifier: two classes and more, class weights, exact contributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from justright.errors import ColumnError, RecipeError
from justright.estimators import CrossedClassifier

Rows = tuple[npt.NDArray[Any], npt.NDArray[Any]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4))
    margin = np.sin(2 * X[:, 0]) + 2.0 * X[:, 1] * X[:, 2]
    return X, margin + rng.logistic(size=3000)


def test_two_classes(rows: Rows) -> None:
    X, score = rows
    y = np.where(score > 0, "yes", "no")
    model = CrossedClassifier().fit(X, y)
    assert model.crosses_ == [(1, 2)]
    assert model.classes_.tolist() == ["no", "yes"] and model.intercept_.shape == (1,)
    assert model.score(X, y) > 0.73
    margin = model.decision_function(X)
    np.testing.assert_allclose(model.explain(X).sum(axis=1) + model.intercept_, margin, atol=1e-12)
    chance = model.predict_proba(X)
    np.testing.assert_allclose(chance[:, 1], 1 / (1 + np.exp(-margin)), atol=1e-12)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), chance, atol=1e-12)
    assert chance[:, 1].mean() == pytest.approx((y == "yes").mean(), abs=0.005)


def test_three_classes(rows: Rows) -> None:
    X, score = rows
    y = np.digitize(score, [-1.0, 1.0])
    model = CrossedClassifier().fit(X, y)
    assert (1, 2) in model.crosses_
    found = model.explain(X)
    assert found.shape == (3000, len(model.terms_), 3) and model.intercept_.shape == (3,)
    np.testing.assert_allclose(found.sum(axis=1) + model.intercept_, model.decision_function(X), atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert model.predict_proba(X).mean(axis=0) == pytest.approx(np.bincount(y) / 3000, abs=0.01)
    assert model.score(X, y) > 0.55


@pytest.mark.parametrize("penalty", [None, 1.0])
def test_class_weights_are_row_weights(rows: Rows, penalty: float | None) -> None:
    X, y = rows[0][:500], (rows[1][:500] > 1).astype(int)
    weighted = CrossedClassifier(class_weight={0: 1.0, 1: 3.0}, penalty=penalty).fit(X, y)
    repeated = CrossedClassifier(penalty=penalty).fit(X, y, np.where(y == 1, 3.0, 1.0))
    np.testing.assert_array_equal(weighted.decision_function(X), repeated.decision_function(X))
    balanced = CrossedClassifier(class_weight="balanced", penalty=penalty).fit(X, y)
    assert balanced.predict_proba(X)[:, 1].mean() > y.mean() + 0.05


def test_order_and_constant_columns_do_not_matter(rows: Rows) -> None:
    X, y = rows[0][:800], rows[1][:800] > 0
    wanted = CrossedClassifier().fit(X, y).decision_function(X)
    turned = np.column_stack([X[:, ::-1], np.zeros(800)])
    model = CrossedClassifier().fit(turned[::-1], y[::-1])
    np.testing.assert_array_equal(model.decision_function(turned), wanted)


def test_a_class_of_weight_zero_is_none(rows: Rows) -> None:
    X, y = rows[0][:300], np.digitize(rows[1][:300], [-1.0, 1.0])
    model = CrossedClassifier(crosses=None).fit(X, y, (y < 2).astype(float))
    assert model.classes_.tolist() == [0, 1]


def test_what_is_refused(rows: Rows) -> None:
    X, y = rows[0][:50], rows[1][:50] > 0
    with pytest.raises(ColumnError, match="at least two classes"):
        CrossedClassifier().fit(X, np.ones(50))
    with pytest.raises(RecipeError, match="class_weight"):
        CrossedClassifier(class_weight="some").fit(X, y)
    with pytest.raises(RecipeError, match="class_weight of 'maybe'"):
        CrossedClassifier(class_weight={"maybe": 1.0}).fit(X, y)
    with pytest.raises(RecipeError, match="crosses"):
        CrossedClassifier(crosses=[1, 2]).fit(X, y)
