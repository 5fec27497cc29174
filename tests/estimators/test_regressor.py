"""LinearRegressor: known answers, rivals at the same penalty, invariances, small data, scikit-learn."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeCV,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from justright.errors import JustrightWarning
from justright.estimators import LinearRegressor

ROWS, COLUMNS = 300, 5
LOSSES = ["squared", "huber", "absolute", "quantile", "poisson"]


def table(seed: int = 0, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of very different scales, a number and a count."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS)) * [1, 3, 0.1, 10, 1e3] + [0, 1, -2, 100, 5e3]
    signal = X @ [1.0, -0.4, 2.0, 0.05, 0.0]
    signal -= signal.mean()
    return X, signal + rng.normal(size=rows), rng.poisson(np.exp(0.4 * signal)).astype(float)


def target_of(loss: str, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return counts if loss == "poisson" else y


def test_a_line_is_found() -> None:
    X = np.arange(30.0)[:, None]
    model = LinearRegressor().fit(X, 5.0 - 2.0 * X[:, 0])
    assert model.coef_ == pytest.approx([-2.0], rel=1e-4)
    assert model.intercept_ == pytest.approx(5.0, rel=1e-3)
    assert model.score(X, 5.0 - 2.0 * X[:, 0]) > 1 - 1e-8


def test_a_strong_penalty_leaves_the_base_rate() -> None:
    X, y, counts = table()
    assert LinearRegressor(alphas=1e9).fit(X, y).predict(X) == pytest.approx(
        np.full(ROWS, y.mean()), abs=1e-6
    )
    rate = LinearRegressor(alphas=1e9, loss="poisson").fit(X, counts).predict(X)
    assert rate == pytest.approx(np.full(ROWS, counts.mean()), rel=1e-6)
    median = LinearRegressor(alphas=1e9, loss="absolute").fit(X, y).predict(X)
    assert median == pytest.approx(np.full(ROWS, np.median(y)), abs=0.02 * y.std())


@pytest.mark.parametrize("alpha", [1e-4, 0.01, 1.0])
def test_ridge(alpha: float) -> None:
    X, y, _ = table()
    ours = LinearRegressor(alphas=alpha).fit(X, y)
    scaler = StandardScaler().fit(X)
    theirs = Ridge(alpha=alpha * ROWS).fit(scaler.transform(X), y)
    assert ours.coef_ * scaler.scale_ == pytest.approx(theirs.coef_, abs=1e-6)
    assert ours.predict(X) == pytest.approx(theirs.predict(scaler.transform(X)), abs=1e-6)


@pytest.mark.parametrize(("penalty", "ratio"), [("l1", 1.0), ("elasticnet", 0.3)])
@pytest.mark.parametrize("alpha", [0.01, 0.1])
def test_lasso_and_elastic_net(penalty: str, ratio: float, alpha: float) -> None:
    X, y, _ = table()
    ours = LinearRegressor(alphas=alpha, penalty=penalty, l1_ratio=ratio).fit(X, y)
    scaler, unit = StandardScaler().fit(X), y.std()
    rival: Any = (
        Lasso(alpha=alpha, tol=1e-12) if ratio == 1 else ElasticNet(alpha=alpha, l1_ratio=ratio, tol=1e-12)
    )
    rival.fit(scaler.transform(X), (y - y.mean()) / unit)
    assert ours.coef_ * scaler.scale_ / unit == pytest.approx(rival.coef_, abs=1e-6)
    assert (ours.coef_ == 0).tolist() == (rival.coef_ == 0).tolist()


@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_poisson(alpha: float) -> None:
    X, _, counts = table()
    ours = LinearRegressor(alphas=alpha, loss="poisson").fit(X, counts)
    scaler = StandardScaler().fit(X)
    theirs = PoissonRegressor(alpha=alpha, tol=1e-10, max_iter=10_000).fit(scaler.transform(X), counts)
    assert ours.coef_ * scaler.scale_ == pytest.approx(theirs.coef_, abs=1e-5)
    assert ours.predict(X) == pytest.approx(theirs.predict(scaler.transform(X)), rel=1e-5)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantile_regression(quantile: float) -> None:
    X, y, _ = table()
    ours = LinearRegressor(alphas=1e-3, loss="quantile", quantile=quantile, penalty="l1", max_iter=1000).fit(
        X, y
    )
    scaler = StandardScaler().fit(X)
    theirs = QuantileRegressor(quantile=quantile, alpha=1e-3).fit(scaler.transform(X), y)
    # Ours is rounded off over 0.01 standard deviations.
    assert ours.predict(X) == pytest.approx(theirs.predict(scaler.transform(X)), abs=0.05 * y.std())
    assert (y < ours.predict(X)).mean() == pytest.approx(quantile, abs=0.03)


def test_huber_is_near_to_the_rival_and_far_from_the_outliers() -> None:
    X, y, _ = table()
    y = y.copy()
    y[::20] += 30.0
    ours = LinearRegressor(alphas=1e-4, loss="huber").fit(X, y)
    theirs = HuberRegressor(alpha=0.0, max_iter=2000).fit(StandardScaler().fit_transform(X), y)
    gap = np.abs(ours.predict(X) - theirs.predict(StandardScaler().fit_transform(X)))
    mean = np.abs(LinearRegressor(alphas=1e-4).fit(X, y).predict(X) - y)[1::20].mean()
    assert gap.mean() < 0.8
    assert np.abs(ours.predict(X) - y)[1::20].mean() < mean


@pytest.mark.parametrize("quantile", [0.5, 0.9])
@pytest.mark.parametrize("rows", [7, 30])
def test_a_quantile_of_few_rows_moves_from_the_base_rate(rows: int, quantile: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 2))
    y = 3 * X[:, 0] + 0.01 * rng.normal(size=rows)
    model = LinearRegressor(loss="quantile", quantile=quantile, alphas=1e-4, max_iter=500).fit(X, y)
    assert model.coef_ == pytest.approx([3.0, 0.0], abs=0.2)


def test_the_penalty_is_chosen_as_cross_validation_on_the_same_folds_does() -> None:
    X, y, _ = table(rows=80)
    X = np.c_[X, np.random.default_rng(1).normal(size=(80, 40))]
    alphas = np.array([3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.001])
    folds = KFold(4)
    ours = LinearRegressor(alphas=alphas, cv=folds).fit(X, y)
    Z, expected = StandardScaler().fit_transform(X), np.empty((len(alphas), 4))
    for number, (train, test) in enumerate(folds.split(X)):
        for place, alpha in enumerate(alphas):
            rival = Ridge(alpha=alpha * len(train)).fit(Z[train], y[train])
            expected[place, number] = 0.5 * np.mean((rival.predict(Z[test]) - y[test]) ** 2) / y.var()
    assert ours.alphas_ == pytest.approx(alphas)
    assert ours.cv_losses_ == pytest.approx(expected, rel=1e-5)
    assert ours.alpha_ == alphas[expected.mean(axis=1).argmin()]
    rival = RidgeCV(alphas=alphas * 60, cv=folds, scoring="neg_mean_squared_error").fit(Z, y)
    assert ours.alpha_ == pytest.approx(rival.alpha_ / 60)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_weight_is_repetition(loss: str, penalty: str) -> None:
    X, y, counts = table(rows=60)
    y = target_of(loss, y, counts)
    weight = np.random.default_rng(3).integers(0, 4, 60)
    model = LinearRegressor(loss=loss, penalty=penalty, alphas=[0.3, 0.1, 0.03], max_iter=500)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert weighted.alpha_ == repeated.alpha_
    # Near a kink of its loss a lasso member may end a little beside its optimum, after many rounded steps.
    kinked = penalty == "l1" and loss in ("absolute", "quantile")
    assert weighted.cv_losses_ == pytest.approx(repeated.cv_losses_, rel=1e-3 if kinked else 1e-6)
    assert weighted.predict(X) == pytest.approx(repeated.predict(X), rel=1e-6, abs=1e-6)


def test_repeated_rows_make_no_longer_path() -> None:
    X, y, _ = table(rows=60)
    weight = np.random.default_rng(3).integers(1, 9, 60)
    weighted = LinearRegressor().fit(X, y, sample_weight=weight)
    repeated = LinearRegressor().fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert weighted.alphas_.tolist() == repeated.alphas_.tolist()
    assert weighted.cv_losses_ == pytest.approx(repeated.cv_losses_, rel=1e-6)
    assert weighted.coef_ == pytest.approx(repeated.coef_, rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1e-3, 1.0, 64.0, 1e6]))
def test_order_of_rows_and_size_of_weights_do_not_enter(seed: int, factor: float) -> None:
    X, y, _ = table(seed, rows=40)
    order = np.random.default_rng(seed).permutation(40)
    first = LinearRegressor().fit(X, y, sample_weight=np.full(40, factor))
    second = LinearRegressor().fit(X[order], y[order])
    assert first.alpha_ == second.alpha_
    assert first.predict(X) == pytest.approx(second.predict(X), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_scale_shift_and_order_of_columns_do_not_enter_at_one_penalty(loss: str) -> None:
    X, y, counts = table()
    y = target_of(loss, y, counts)
    model = LinearRegressor(loss=loss, alphas=0.05)
    plain = clone(model).fit(X, y)
    scaled = clone(model).fit(X * [1e-6, 7.0, -3.0, 1e6, 0.1] + [1, 2, 3, 4, 5], y)
    swapped = clone(model).fit(X[:, ::-1], y)
    assert scaled.predict(X * [1e-6, 7.0, -3.0, 1e6, 0.1] + [1, 2, 3, 4, 5]) == pytest.approx(
        plain.predict(X), rel=1e-5, abs=1e-5
    )
    assert swapped.coef_[::-1] == pytest.approx(plain.coef_, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("loss", ["squared", "huber", "quantile"])
def test_the_unit_of_the_target_only_scales(loss: str) -> None:
    X, y, _ = table()
    first, second = (LinearRegressor(loss=loss).fit(X, t) for t in (y, 1e4 * y + 7.0))
    assert second.alpha_ == first.alpha_
    assert second.predict(X) == pytest.approx(1e4 * first.predict(X) + 7.0, rel=1e-5, abs=1.0)


def test_folds_of_a_data_frame_follow_its_names() -> None:
    X, y, _ = table()
    frame = pd.DataFrame(X, columns=list("abcde"))
    first, second = LinearRegressor().fit(frame, y), LinearRegressor().fit(frame[list("ecadb")], y)
    assert first.alpha_ == second.alpha_
    assert second.cv_losses_ == pytest.approx(first.cv_losses_, rel=1e-9)
    assert dict(zip(second.feature_names_in_, second.coef_, strict=True)) == pytest.approx(
        dict(zip(first.feature_names_in_, first.coef_, strict=True)), rel=1e-9
    )


def test_a_data_frame_of_numbers_is_a_matrix_with_names() -> None:
    X, y, _ = table()
    matrix = LinearRegressor(cv=KFold(5)).fit(X, y)
    for frame in (pd.DataFrame(X, columns=list("abcde")), pl.DataFrame(X, schema=list("abcde"))):
        framed = LinearRegressor(cv=KFold(5)).fit(frame, y)
        assert framed.feature_names_in_.tolist() == list("abcde")
        assert framed.coef_ == pytest.approx(matrix.coef_, rel=1e-12)
        assert framed.predict(frame) == pytest.approx(matrix.predict(X), rel=1e-12)
    unnamed = LinearRegressor().fit(pd.DataFrame(X), y)
    assert unnamed.coef_.tolist() == LinearRegressor().fit(X, y).coef_.tolist()
    assert not hasattr(unnamed, "feature_names_in_")


def test_text_dates_and_missing_values_of_a_data_frame() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(50, 10, 200),
            "city": rng.choice(["Oslo", "Rome", "Bern"], 200),
            "sunny": rng.random(200) > 0.5,
            "day": pd.date_range("2024-01-01", periods=200),
        }
    )
    y = 2 * frame["size"] + 30 * (frame["city"] == "Rome") + 5 * frame["sunny"]
    frame.loc[::17, "size"] = np.nan
    frame.loc[::23, "city"] = None
    model = LinearRegressor().fit(frame, y)
    named = dict(zip(model.coef_names_, model.coef_, strict=True))
    assert model.n_features_in_ == 4
    assert named["size"] == pytest.approx(2, abs=0.2)
    assert named["city=Rome"] - named["city=Oslo"] == pytest.approx(30, abs=2)
    assert named["sunny"] == pytest.approx(5, abs=1.5)
    assert {"size is missing", "city=(missing)"} < set(named)
    assert model.predict(pl.from_pandas(frame)) == pytest.approx(model.predict(frame), rel=1e-9)
    unseen = model.predict(frame.head(3).assign(city="Lima"))
    assert np.isfinite(unseen).all()


def test_text_that_names_rows_is_set_aside_with_a_word() -> None:
    frame = pd.DataFrame({"name": [f"row {i:04d}" for i in range(300)], "size": np.arange(300.0)})
    with pytest.warns(JustrightWarning, match="set aside: name"):
        model = LinearRegressor().fit(frame, np.arange(300.0))
    assert model.coef_names_ == ["size"]


def test_a_constant_column_has_a_coefficient_of_zero() -> None:
    X, y, _ = table()
    for value in (1.0, 0.1, 1e9):
        model = LinearRegressor().fit(np.c_[np.full(ROWS, value), X], y)
        assert model.coef_[0] == 0.0
        assert model.coef_[1:] == pytest.approx(
            LinearRegressor(alphas=model.alpha_).fit(X, y).coef_, rel=1e-6
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_a_constant_target_is_predicted(loss: str) -> None:
    X, _, _ = table()
    model = LinearRegressor(loss=loss).fit(X, np.full(ROWS, 7.0))
    assert model.predict(X) == pytest.approx(np.full(ROWS, 7.0), rel=1e-6)
    assert model.coef_ == pytest.approx(np.zeros(COLUMNS), abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rows", [2, 3, 4, 7, 10])
def test_few_rows(loss: str, rows: int) -> None:
    X, y, counts = table(rows=rows)
    model = LinearRegressor(loss=loss, max_iter=2000).fit(X, target_of(loss, y, counts))
    assert np.isfinite(model.predict(X)).all()
    assert model.cv_losses_.shape == (len(model.alphas_), min(rows, 5))


def test_one_row_and_equal_rows() -> None:
    with pytest.raises(ValueError, match="1 sample"):
        LinearRegressor().fit([[1.0]], [1.0])
    with pytest.warns(JustrightWarning, match="Too few different rows"):
        model = LinearRegressor().fit(np.ones((6, 2)), np.arange(6.0))
    assert model.alpha_ == model.alphas_[0]
    assert model.predict([[1.0, 1.0]]) == pytest.approx([2.5])


def test_one_penalty_needs_no_folds() -> None:
    X, y, _ = table()
    model = LinearRegressor(alphas=0.1).fit(X, y)
    assert model.cv_losses_.shape == (1, 0)
    assert model.alpha_ == 0.1
    assert {row.fold for row in model.history_.rows} == {-1}


def test_what_was_found_on_the_way_is_told() -> None:
    X, y, _ = table()
    model = LinearRegressor(loss="huber", alphas=[0.01, 1.0, 0.1]).fit(X, y)
    assert model.alphas_.tolist() == [1.0, 0.1, 0.01]
    assert model.cv_losses_.shape == (3, 5)
    assert model.n_iter_ == model.history_.passes > 1
    assert model.alpha_ == model.alphas_[model.cv_losses_.mean(axis=1).argmin()]
    assert model.coef_names_ == [f"x{i}" for i in range(COLUMNS)]


def test_too_few_passes_warn() -> None:
    X, _, counts = table()
    with pytest.warns(ConvergenceWarning, match="2 passes were not enough at alpha=0.001"):
        LinearRegressor(loss="poisson", alphas=0.001, max_iter=2).fit(X, counts)


def test_what_cannot_be_a_target_or_a_weight_is_refused() -> None:
    X, y, _ = table()
    with pytest.raises(ValueError, match="counts >= 0"):
        LinearRegressor(loss="poisson").fit(X, y)
    with pytest.raises(ValueError, match="whose squares can be summed"):
        LinearRegressor().fit(X, 1e200 * y)
    with pytest.raises(ValueError, match="whose squares can be summed"):
        LinearRegressor().fit(1e200 * X, y)
    with pytest.raises(ValueError, match="weights >= 0"):
        LinearRegressor().fit(X, y, sample_weight=-np.ones(ROWS))
    with pytest.raises(ValueError, match="y to be passed"):
        LinearRegressor().fit(X, None)


def test_random_state_gives_other_folds() -> None:
    X, y, _ = table()
    losses = [LinearRegressor(random_state=seed).fit(X, y).cv_losses_.tolist() for seed in (None, 1, 1, 2)]
    assert losses[1] == losses[2]
    assert losses[0] != losses[1] != losses[3]
    assert LinearRegressor(random_state=np.random.RandomState(0)).fit(X, y).alpha_ > 0


def test_copies_pipelines_and_searches() -> None:
    X, y, _ = table()
    model = LinearRegressor(alphas=[0.1, 0.01]).fit(X, y)
    assert pickle.loads(pickle.dumps(model)).predict(X).tolist() == model.predict(X).tolist()  # noqa: S301 - ours
    with pytest.raises(NotFittedError):
        clone(model).predict(X)
    pipeline = make_pipeline(make_column_transformer((PolynomialFeatures(2), [0, 1])), LinearRegressor())
    assert cross_val_score(pipeline, X, y, cv=3).shape == (3,)
    search = GridSearchCV(LinearRegressor(), {"penalty": ["l2", "l1"], "loss": ["squared", "huber"]}, cv=3)
    assert search.fit(X, y).best_score_ > 0.5
