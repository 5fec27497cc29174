"""CrossedRegressor: what it learns, what it says of it, and what must not matter."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from justright.errors import ColumnError, JustrightWarning, RecipeError
from justright.estimators import CrossedRegressor

Table = tuple[npt.NDArray[Any], npt.NDArray[Any]]


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=1500)


@pytest.fixture(scope="module")
def fitted(table: Table) -> CrossedRegressor:
    return CrossedRegressor().fit(*table)


def test_a_planted_cross_is_found_and_nothing_else(table: Table, fitted: CrossedRegressor) -> None:
    assert fitted.crosses_ == [(1, 2)]
    assert fitted.terms_ == ["x0", "x1", "x2", "x3", "x1 x x2"]
    assert fitted.tried_[0].pair == (1, 2) and fitted.tried_[0].verdict == "kept"
    assert len(fitted.tried_) == 6 and {each.verdict for each in fitted.tried_[1:]} == {"refused"}
    assert fitted.score(*table) > 0.85


def test_contributions_add_up_to_the_prediction(table: Table, fitted: CrossedRegressor) -> None:
    found = fitted.explain(table[0])
    assert found.shape == (1500, 5)
    np.testing.assert_allclose(found.sum(axis=1) + fitted.intercept_, fitted.predict(table[0]), atol=1e-12)
    np.testing.assert_allclose(np.abs(found).mean(axis=0), fitted.term_importances_, rtol=1e-6)
    # A term reads its own columns only.
    other = table[0].copy()
    other[:, 1] = 0.0
    changed = np.abs(fitted.explain(other) - found).max(axis=0) > 0
    assert changed.tolist() == [False, True, False, False, True]


def test_importance_by_column_adds_up_to_one(fitted: CrossedRegressor) -> None:
    assert fitted.feature_importances_.shape == (4,)
    assert fitted.feature_importances_.sum() == pytest.approx(1.0)
    assert fitted.feature_importances_[3] < 0.05 < fitted.feature_importances_[:3].min()


def test_nothing_that_must_not_matter_matters(table: Table, fitted: CrossedRegressor) -> None:
    X, y = table
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(len(X)), rng.permutation(4)
    wanted = fitted.predict(X)

    def agrees(found: npt.NDArray[Any]) -> None:
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)

    agrees(CrossedRegressor().fit(X[rows], y[rows]).predict(X))
    agrees(CrossedRegressor().fit(X[:, columns], y).predict(X[:, columns]))
    constant = np.column_stack([np.full(len(X), 7.0), X, np.full(len(X), np.nan)])
    wider = CrossedRegressor().fit(constant, y)
    agrees(wider.predict(constant))
    assert wider.terms_ == ["x1", "x2", "x3", "x4", "x2 x x3"]
    assert wider.feature_importances_[[0, 5]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("penalty", [None, 1.0])
def test_an_integer_weight_is_a_repetition(table: Table, penalty: float | None) -> None:
    X, y = table[0][:600], table[1][:600]
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    model = CrossedRegressor(penalty=penalty)
    weighted = model.fit(X, y, weight).predict(X)
    repeated = model.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).predict(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9, atol=1e-12)


def test_a_unit_of_the_target_only_scales(table: Table, fitted: CrossedRegressor) -> None:
    X, y = table
    scaled = CrossedRegressor().fit(X, 1000.0 * y + 5.0).predict(X)
    np.testing.assert_allclose(scaled, 1000.0 * fitted.predict(X) + 5.0, atol=2.0)


def test_crosses_by_hand_and_none(table: Table) -> None:
    X, y = table
    forced = CrossedRegressor(crosses=[(3, 0)]).fit(X, y)
    assert forced.crosses_ == [(0, 3)]
    assert [each.verdict for each in forced.tried_] == ["asked for"]
    assert CrossedRegressor(crosses=forced.crosses_).fit(X, y).crosses_ == forced.crosses_
    assert CrossedRegressor(crosses=None).fit(X, y).terms_ == ["x0", "x1", "x2", "x3"]
    product = CrossedRegressor(crosses=None, products=[("x1", "x2")]).fit(X, y)
    assert product.terms_[:2] == ["x0", "x1"] and "x1 * x2" in product.terms_
    assert product.score(X, y) > CrossedRegressor(crosses=None).fit(X, y).score(X, y) + 0.2


def test_the_fast_path_trains_one_member(table: Table) -> None:
    model = CrossedRegressor(penalty=0.1).fit(*table)
    assert model.crosses_ == [] and model.tried_ == []
    assert {row.member for row in model.history_.rows} == {0}
    weak, strong = (CrossedRegressor(penalty=p).fit(*table).score(*table) for p in (0.01, 1000.0))
    assert weak > strong


def test_missing_values_are_learned() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(800, 2))
    gone = rng.random(800) < 0.3
    X[gone, 0] = np.nan
    y = np.where(gone, 2.0, -1.0) + 0.1 * rng.normal(size=800)
    model = CrossedRegressor().fit(X, y)
    assert model.predict([[np.nan, 0.0]])[0] == pytest.approx(2.0, abs=0.1)


def test_counts_have_a_rate() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(2000, 2))
    y = rng.poisson(np.exp(0.5 * X[:, 0]))
    model = CrossedRegressor(loss="poisson").fit(X, y)
    rate = model.predict(X)
    assert np.corrcoef(np.log(rate), X[:, 0])[0, 1] > 0.97
    np.testing.assert_allclose(model.explain(X).sum(axis=1) + model.intercept_, np.log(rate), atol=1e-10)
    assert rate.mean() == pytest.approx(y.mean(), rel=0.01)
    with pytest.raises(ColumnError, match="counts >= 0"):
        model.fit(X, y - 1)


def test_data_frames_keep_names_and_categories() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {"size": rng.normal(size=900), "city": rng.choice(["Rome", "Oslo", "Bern"], 900), "one": "same"}
    )
    y = np.where(frame["city"] == "Rome", frame["size"], -frame["size"]) + 0.1 * rng.normal(size=900)
    model = CrossedRegressor().fit(frame, y)
    assert model.terms_ == ["size", "city", "size x city"]
    assert model.crosses_ == [("size", "city")]
    assert model.score(frame, y) > 0.9
    turned = frame[["one", "city", "size"]]
    np.testing.assert_array_equal(CrossedRegressor().fit(turned, y).predict(turned), model.predict(frame))
    assert model.feature_importances_[2] == 0.0
    assert np.isfinite(model.predict(frame.assign(city="Paris"))).all()
    named = CrossedRegressor(crosses=[("city", "size")]).fit(frame, y)
    assert named.crosses_ == [("size", "city")]


def test_splits_may_be_given(table: Table) -> None:
    X, y = table
    model = CrossedRegressor(cv=KFold(3)).fit(X, y)
    assert {row.member for row in model.history_.rows} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"loss": "huber"}, "loss='huber'"),
        ({"crosses": "all"}, "crosses='all'"),
        ({"crosses": [(1, 2, 3)]}, "crosses="),
        ({"crosses": 3}, "crosses=3"),
        ({"products": "x"}, "products='x'"),
        ({"penalty": -1.0}, "penalty=-1.0"),
        ({"penalty": np.inf}, "penalty=inf"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"cv": 1}, "cv=1"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match="allowed") as caught:
        CrossedRegressor(**parameters).fit(np.arange(8.0)[:, None], np.arange(8.0))
    assert told in str(caught.value)


@pytest.mark.parametrize("crosses", [[(0, 9)], [("x0", "y")], [(1, 1)]])
def test_crosses_of_columns_that_are_not_there(table: Table, crosses: Any) -> None:
    with pytest.raises(ColumnError, match="allowed"):
        CrossedRegressor(crosses=crosses).fit(*table)


def test_too_few_sweeps_are_told(table: Table) -> None:
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        CrossedRegressor(max_iter=1).fit(*table)


def test_rows_that_are_all_alike_are_told() -> None:
    with pytest.warns(JustrightWarning, match="penalty="):
        model = CrossedRegressor().fit(np.ones((5, 2)), np.arange(5.0))
    assert model.predict([[1.0, 1.0]]).tolist() == pytest.approx([2.0])


def test_no_warning_on_healthy_rows(table: Table) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CrossedRegressor().fit(*table)
