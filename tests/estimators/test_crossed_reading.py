"""What an additive model says, in the order and by the names of X."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from justright.errors import RowError
from justright.estimators import CrossedRegressor


def test_terms_come_in_the_order_of_the_columns() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 12)) * rng.permutation(12)  # one of them constant
    model = CrossedRegressor(penalty=1.0, crosses=[(11, 2)], products=[(5, 3)]).fit(X, X[:, 0])
    singles = [name for name in model.terms_ if " " not in name]
    assert singles == sorted(singles, key=lambda name: int(name[1:])) and len(singles) == 11
    crosses = [name for name in model.terms_ if " x " in name]
    assert crosses in (["x2 x x11"], [])
    assert len(model.terms_) == len(model.term_importances_) == len(model.penalties_)
    assert model.explain(X).shape == (400, len(model.terms_))


def test_crosses_are_said_by_numbers_or_names() -> None:
    pd = pytest.importorskip("pandas")
    X = np.random.default_rng(1).normal(size=(300, 2))
    asked = CrossedRegressor(penalty=1.0, crosses=[(1, 0)])
    assert asked.fit(X, X[:, 0]).crosses_ == [(0, 1)]
    frame = pd.DataFrame(X, columns=["b", "a"])
    assert asked.fit(frame, X[:, 0]).crosses_ == [("b", "a")]
    assert asked.terms_ == ["b", "a", "b x a"]


def test_a_frame_of_numbers_is_its_matrix() -> None:
    pd = pytest.importorskip("pandas")
    X = np.random.default_rng(2).normal(size=(300, 3))
    frame = pd.DataFrame(X, columns=["z", "y", "x"])
    one, other = CrossedRegressor().fit(X, X[:, 0]), CrossedRegressor().fit(frame, X[:, 0])
    np.testing.assert_array_equal(one.predict(X), other.predict(frame))
    with pytest.raises(RowError, match="y='word'"):
        other.predict(frame.assign(y="word"))


def test_many_rows_are_read_in_parts() -> None:
    X = np.random.default_rng(3).normal(size=(500, 2))
    model = CrossedRegressor(penalty=1.0).fit(X, X[:, 0])
    many = np.tile(X, (300, 1))
    np.testing.assert_array_equal(model.predict(many), np.tile(model.predict(X), 300))


def test_nothing_is_said_before_the_fit() -> None:
    for ask in (CrossedRegressor().predict, CrossedRegressor().explain):
        with pytest.raises(NotFittedError):
            ask(np.ones((2, 2)))
