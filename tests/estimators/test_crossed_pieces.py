"""partial_fit: the first piece fixes bins and classes, further pieces come near the whole."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from justright.errors import ColumnError, RowError
from justright.estimators import CrossedClassifier, CrossedRegressor


def rows(n: int, seed: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=n)


@pytest.mark.parametrize("count", [4, 20])
def test_numbers_in_pieces(count: int) -> None:
    X, y = rows(24_000, 0)
    fresh, wanted = rows(10_000, 1)
    whole = np.mean((CrossedRegressor().fit(X, y).predict(fresh) - wanted) ** 2)
    model = CrossedRegressor()
    for part in np.array_split(np.arange(len(X)), count):
        model.partial_fit(X[part], y[part])
    assert model.crosses_ == [(1, 2)]
    assert np.mean((model.predict(fresh) - wanted) ** 2) < 1.01 * whole
    found = model.explain(fresh)
    np.testing.assert_allclose(found.sum(axis=1) + model.intercept_, model.predict(fresh), atol=1e-9)
    np.testing.assert_allclose(np.abs(model.explain(X)).mean(axis=0), model.term_importances_, rtol=1e-4)
    assert model.feature_importances_.sum() == pytest.approx(1.0)


def test_classes_in_pieces() -> None:
    X, score = rows(24_000, 2)
    fresh, wanted = rows(10_000, 3)
    y, truth = np.digitize(score, [-1.0, 1.0]), np.digitize(wanted, [-1.0, 1.0])

    def loss(model: CrossedClassifier) -> float:
        return float(-model.predict_log_proba(fresh)[np.arange(len(truth)), truth].mean())

    whole = loss(CrossedClassifier(penalty=1.0, crosses=[(1, 2)]).fit(X, y))
    model = CrossedClassifier(penalty=1.0, crosses=[(1, 2)])
    for part in np.split(np.arange(len(y)), range(2000, len(y), 2000)):
        model.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert model.classes_.tolist() == [0, 1, 2]
    assert loss(model) < 1.02 * whole


def test_a_class_may_come_later() -> None:
    X, score = rows(6000, 11)
    y = np.digitize(score, [-1.0, 1.0])
    known = y[:2000] < 2
    model = CrossedClassifier(crosses=None)
    model.partial_fit(X[:2000][known], y[:2000][known], classes=[0, 1, 2])
    assert np.isfinite(model.predict_proba(X)).all() and model.predict_proba(X)[:, 2].max() < 0.05
    for part in np.split(np.arange(2000, 6000), 4):
        model.partial_fit(X[part], y[part])
    assert model.predict_proba(X)[:, 2].mean() == pytest.approx((y == 2).mean(), abs=0.08)


def test_a_large_piece_after_a_small_one_is_not_held_by_what_the_small_one_chose() -> None:
    X, y = rows(12_000, 4)
    fresh, wanted = rows(5_000, 5)
    whole = np.mean((CrossedRegressor(crosses=None).fit(X, y).predict(fresh) - wanted) ** 2)
    model = CrossedRegressor(crosses=None)
    for part in (slice(0, 1000), slice(1000, None)):
        model.partial_fit(X[part], y[part])
    assert np.mean((model.predict(fresh) - wanted) ** 2) < 1.01 * whole


def test_it_goes_on_after_pickling_and_fit_begins_anew() -> None:
    X, y = rows(900, 6)
    model = CrossedRegressor(crosses=None).partial_fit(X[:500], y[:500])
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    for each in (model, copy):
        each.partial_fit(X[500:], y[500:])
    np.testing.assert_array_equal(model.predict(X), copy.predict(X))
    fresh = CrossedRegressor(crosses=None).fit(X, y)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), fresh.predict(X))
    model.partial_fit(X[:500], y[:500])
    first = CrossedRegressor(crosses=None).fit(X[:500], y[:500])
    np.testing.assert_array_equal(model.predict(X), first.predict(X))


def test_one_row_a_piece_and_rows_of_no_weight() -> None:
    X, y = rows(400, 7)
    model = CrossedClassifier(crosses=None).partial_fit(X[:300], y[:300] > 0, classes=[False, True])
    before = model.decision_function(X)
    for row in range(300, 320):
        model.partial_fit(X[row : row + 1], y[row : row + 1] > 0)
    after = model.decision_function(X)
    assert 0 < np.abs(after - before).max() < 2.0
    model.partial_fit(X, y > 0, sample_weight=(np.arange(400) < 1) * 1.0)
    assert np.isfinite(model.decision_function(X)).all()


def test_weights_keep_one_unit_over_all_pieces() -> None:
    X, y = rows(2000, 8)
    one, other = CrossedRegressor(penalty=1.0), CrossedRegressor(penalty=1.0)
    for part in (slice(0, 1000), slice(1000, None)):
        one.partial_fit(X[part], y[part], np.full(1000, 5.0))
        other.partial_fit(X[part], y[part])
    # A weight of five is five rows: the ridge of a fifth of a row pulls bins to the mean a little less.
    np.testing.assert_allclose(one.predict(X), other.predict(X), atol=0.03)


def test_data_frames_in_pieces() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"a": rng.normal(size=2000), "b": rng.choice(["u", "v", "w"], 2000)})
    y = np.where(frame["b"] == "u", 1.0, frame["a"])
    model = CrossedRegressor()
    for begin in range(0, 2000, 500):
        model.partial_fit(frame[begin : begin + 500], y[begin : begin + 500])
    assert model.terms_[:2] == ["a", "b"] and model.score(frame, y) > 0.95
    assert np.isfinite(model.partial_fit(frame.assign(b="new")[:10], y[:10]).predict(frame)).all()


def test_what_a_piece_must_not_bring() -> None:
    X, y = rows(300, 10)
    model = CrossedClassifier(crosses=None).partial_fit(X, y > 0, classes=[False, True])
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :2], y > 0)
    with pytest.raises(ColumnError, match="classes="):
        model.partial_fit(X, np.full(300, 7))
    with pytest.raises(ColumnError, match="first call"):
        model.partial_fit(X, y > 0, classes=[0, 1, 2])
    bad = X.copy()
    bad[2, 1] = np.inf
    with pytest.raises(RowError, match="x1=inf"):
        model.partial_fit(bad, y > 0)
    with pytest.raises(ColumnError, match="sample_weight"):
        model.partial_fit(X, y > 0, sample_weight=-np.ones(300))
