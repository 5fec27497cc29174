"""Classification by the ladder: classes of any kind, probabilities, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score

from justright.errors import ColumnError
from justright.estimators import CrossedClassifier, JustRightClassifier

QUICK = ("linear", "crossed")


def squares(n: int = 400, seed: int = 0) -> tuple[Any, Any]:
    """Two classes by the sign of a product, one row of ten mislabelled."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, (n, 2))
    return X, (X[:, 0] * X[:, 1] > 0) ^ (rng.random(n) < 0.1)


def test_a_cross_is_found_and_probabilities_are_honest() -> None:
    X, y = squares()
    model = JustRightClassifier(rungs=QUICK).fit(X, y)
    assert model.rung_ == "crossed" and model.classes_.tolist() == [False, True]
    fresh, truth = squares(3000, seed=1)
    shares = model.predict_proba(fresh)
    assert shares.shape == (3000, 2) and np.allclose(shares.sum(axis=1), 1.0)
    assert log_loss(truth, shares) < 0.45  # 0.325 where the law is known, 0.693 where nothing is
    assert model.predict(fresh).dtype == bool
    assert np.array_equal(model.predict(fresh), shares[:, 1] > 0.5)
    assert model.score(fresh, truth) > 0.83


@pytest.mark.parametrize(
    "classes", [["no", "yes"], ["NA", "null"], [3, -1], [2.0, 1.0], [" a", "a"], ["b", "a"], [True, False]]
)
def test_classes_of_any_kind_keep_their_places(classes: list[Any]) -> None:
    X, y = squares(200)
    label = np.array(classes)[(X[:, 0] > 0).astype(int)]
    model = JustRightClassifier(rungs=("linear",)).fit(X, label)
    assert model.classes_.tolist() == sorted(classes)
    assert np.mean(model.predict(X) == label) > 0.95
    place = list(model.classes_).index(label[0])
    assert model.predict_proba(X)[0, place] == model.predict_proba(X)[0].max()


def test_many_classes_in_an_order_that_text_would_change() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 12, 600)
    X = np.c_[label % 4, label // 4] + 0.1 * rng.normal(size=(600, 2))
    model = JustRightClassifier(rungs=("linear",)).fit(X, label)
    assert model.classes_.tolist() == list(range(12))
    assert model.score(X, label) > 0.95
    assert np.array_equal(model.predict_proba(X).argmax(axis=1), model.predict(X))


def test_a_weight_of_zero_is_no_row_and_its_class_is_none() -> None:
    X, y = squares(200)
    label = np.where(y, "yes", "no").astype(object)
    label[:50] = "maybe"
    weight = np.r_[np.zeros(50), np.ones(150)]
    model = JustRightClassifier(rungs=QUICK).fit(X, label, weight)
    assert model.classes_.tolist() == ["no", "yes"]
    assert np.array_equal(
        model.predict_proba(X), JustRightClassifier(rungs=QUICK).fit(X[50:], label[50:]).predict_proba(X)
    )
    with pytest.raises(ColumnError, match="one class, 'maybe'"):
        JustRightClassifier().fit(X, label, 1.0 - weight)


def test_it_is_as_good_as_the_rung_that_it_takes() -> None:
    X, y = squares(500)
    scores = [
        cross_val_score(model, X, y, cv=3, scoring="neg_log_loss").mean()
        for model in (JustRightClassifier(rungs=QUICK), CrossedClassifier())
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.05)


def test_a_class_of_one_row_and_two_rows_in_all() -> None:
    X, _ = squares(40)
    label = np.array([0] * 20 + [1] * 19 + [2])
    assert JustRightClassifier(rungs=("linear",)).fit(X, label).predict_proba(X).shape == (40, 3)
    assert JustRightClassifier().fit([[0.0], [1.0]], ["a", "b"]).predict([[0.0]])[0] in ("a", "b")
