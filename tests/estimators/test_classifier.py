"""LinearClassifier: known answers, rivals at the same penalty, invariances, rare classes, probabilities."""

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
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from justright.errors import JustrightWarning, RecipeError
from justright.estimators import LinearClassifier, dense_fitting

ROWS, COLUMNS = 240, 4


def table(classes: int, seed: int = 0, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS)) * [1, 5, 0.01, 100] + [0, 1, 2, 3]
    signal = (X - X.mean(axis=0)) @ [1.0, -0.2, 50.0, 0.0] + rng.logistic(size=rows)
    return X, np.searchsorted(np.quantile(signal, np.arange(1, classes) / classes), signal)


def test_the_log_odds_of_a_table_of_counts_are_found() -> None:
    X = np.repeat([[0.0], [0.0], [1.0], [1.0]], [30, 10, 5, 20], axis=0)
    y = np.repeat([0, 1, 0, 1], [30, 10, 5, 20])
    model = LinearClassifier(alphas=0.0).fit(X, y)
    assert model.intercept_ == pytest.approx([np.log(10 / 30)], abs=1e-6)
    assert model.coef_[0] == pytest.approx([np.log(20 / 5) - np.log(10 / 30)], abs=1e-6)
    assert model.predict_proba([[1.0]]) == pytest.approx(np.array([[0.2, 0.8]]), abs=1e-6)


def test_a_strong_penalty_leaves_the_base_rates() -> None:
    X, _ = table(2)
    y = np.repeat(["a", "b", "c"], [120, 80, 40])
    share = LinearClassifier(alphas=1e9).fit(X, y).predict_proba(X)
    assert share == pytest.approx(np.tile([1 / 2, 1 / 3, 1 / 6], (ROWS, 1)), abs=1e-6)


@pytest.mark.parametrize("alpha", [1e-4, 0.01, 1.0])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_ridge_logistic_and_softmax(classes: int, alpha: float) -> None:
    X, y = table(classes)
    ours = LinearClassifier(alphas=alpha).fit(X, y)
    scaler = StandardScaler().fit(X)
    Z = scaler.transform(X)
    theirs = LogisticRegression(C=1 / (alpha * ROWS), tol=1e-10, max_iter=10_000).fit(Z, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.coef_ * scaler.scale_ == pytest.approx(theirs.coef_, rel=1e-4, abs=1e-5)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(Z), abs=1e-5)
    assert ours.predict(X).tolist() == theirs.predict(Z).tolist()
    assert ours.predict_log_proba(X) == pytest.approx(theirs.predict_log_proba(Z), abs=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("penalty", "ratio"), [("l1", 1.0), ("elasticnet", 0.5)])
def test_lasso_and_elastic_net(classes: int, penalty: str, ratio: float) -> None:
    X, y = table(classes)
    alpha = 0.02
    ours = LinearClassifier(penalty=penalty, l1_ratio=ratio, alphas=alpha, max_iter=1000).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    rival = LogisticRegression(C=1 / (alpha * ROWS), l1_ratio=ratio, solver="saga", tol=1e-9, max_iter=20_000)
    assert ours.predict_proba(X) == pytest.approx(rival.fit(Z, y).predict_proba(Z), abs=1e-5)
    assert (np.abs(rival.coef_) < 1e-6).tolist() == (np.abs(ours.coef_) * X.std(axis=0) < 1e-6).tolist()


def test_the_penalty_is_chosen_as_cross_validation_on_the_same_folds_does() -> None:
    X, y = table(2, rows=90)
    X = np.c_[X, np.random.default_rng(1).normal(size=(90, 25))]
    alphas, folds = np.array([1.0, 0.3, 0.1, 0.03, 0.01]), StratifiedKFold(3)
    ours = LinearClassifier(alphas=alphas, cv=folds).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    rival = LogisticRegressionCV(
        Cs=1 / (alphas * 60),
        cv=folds,
        scoring="neg_log_loss",
        tol=1e-8,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    ).fit(Z, y)
    assert ours.alpha_ == pytest.approx(1 / (60 * rival.C_))
    expected = -np.asarray(rival.scores_).reshape(3, len(alphas)).T
    chosen = ours.alphas_ == ours.alpha_
    assert ours.cv_losses_[chosen] == pytest.approx(expected[chosen], rel=1e-4)
    # Penalties that fall clearly behind are left before their optimum.
    assert ours.cv_losses_ == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_real_tables(load: Any) -> None:
    X, y = load(return_X_y=True)
    rival = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    ours = cross_val_score(LinearClassifier(), X, y, cv=3, scoring="neg_log_loss").mean()
    assert ours > cross_val_score(rival, X, y, cv=3, scoring="neg_log_loss").mean() - 0.02


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_weight_is_repetition(classes: int, penalty: str) -> None:
    X, y = table(classes, rows=60)
    weight = np.random.default_rng(3).integers(0, 4, 60)
    model = LinearClassifier(penalty=penalty, alphas=[0.3, 0.1, 0.03])
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert weighted.alpha_ == repeated.alpha_
    assert weighted.cv_losses_ == pytest.approx(repeated.cv_losses_, rel=1e-6)
    assert weighted.predict_proba(X) == pytest.approx(repeated.predict_proba(X), abs=1e-6)


def test_weight_is_repetition_where_training_begins_on_samples_of_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dense_fitting, "_FEWEST", 1 << 40)  # the longer way
    X, y = table(2, rows=20_000)
    weight = np.random.default_rng(3).integers(0, 4, 20_000)
    model = LinearClassifier(alphas=[0.1, 0.01], cv=3)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert {row.share for row in weighted.history_.rows} > {1.0}
    assert {row.share for row in weighted.history_.rows} == {row.share for row in repeated.history_.rows}
    assert weighted.alpha_ == repeated.alpha_
    assert weighted.predict_proba(X) == pytest.approx(repeated.predict_proba(X), abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_order_of_rows_and_names_of_classes_do_not_enter(seed: int, classes: int) -> None:
    X, y = table(classes, seed, rows=60)
    order = np.random.default_rng(seed).permutation(60)
    first = LinearClassifier(cv=3).fit(X, y)
    second = LinearClassifier(cv=3).fit(X[order], np.array(["a", "b", "c", "d"])[y[order]])
    assert first.alpha_ == second.alpha_
    assert second.classes_.tolist() == list("abcd")[:classes]
    assert first.predict_proba(X) == pytest.approx(second.predict_proba(X), abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_scale_and_order_of_columns_do_not_enter_at_one_penalty(classes: int) -> None:
    X, y = table(classes)
    model = LinearClassifier(alphas=0.05)
    plain = clone(model).fit(X, y).predict_proba(X)
    factor, shift = np.array([1e-6, 7.0, -3.0, 1e5]), np.arange(4)
    scaled = clone(model).fit(X * factor + shift, y).predict_proba(X * factor + shift)
    assert scaled == pytest.approx(plain, abs=1e-5)
    assert clone(model).fit(X[:, ::-1], y).predict_proba(X[:, ::-1]) == pytest.approx(plain, abs=1e-6)


def test_class_weights_are_weights() -> None:
    X, y = table(3)
    X, y = X[(y > 0) | (np.arange(ROWS) % 4 == 0)], y[(y > 0) | (np.arange(ROWS) % 4 == 0)]
    counts = np.bincount(y)
    balanced = LinearClassifier(class_weight="balanced", alphas=0.1).fit(X, y)
    stated = dict(enumerate((len(y) / (3 * counts)).tolist()))
    by_hand = LinearClassifier(class_weight=stated, alphas=0.1).fit(X, y)
    weighted = LinearClassifier(alphas=0.1).fit(X, y, sample_weight=np.vectorize(stated.get)(y))
    assert by_hand.coef_ == pytest.approx(balanced.coef_, rel=1e-9)
    assert weighted.coef_ == pytest.approx(balanced.coef_, rel=1e-9)
    plain = LinearClassifier(alphas=0.1).fit(X, y).predict_proba(X)[:, 0].mean()
    assert balanced.predict_proba(X)[:, 0].mean() > plain + 0.05
    with pytest.raises(RecipeError, match="class_weight of 9"):
        LinearClassifier(class_weight={9: 1.0}).fit(X, y)
    with pytest.raises(RecipeError, match="weights above 0"):
        LinearClassifier(class_weight={0: 0.0}).fit(X, y)


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_a_rare_class_is_learned_and_its_loss_is_finite(rows: int, penalty: str) -> None:
    X, y = table(2)
    y = y.copy()
    y[:rows] = 2
    model = LinearClassifier(penalty=penalty, alphas=[0.1, 0.01], max_iter=1000).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.cv_losses_ < 2).all()
    assert model.predict_proba(X)[:, 2].mean() == pytest.approx(rows / ROWS, abs=1e-4)


def test_one_class_is_refused() -> None:
    X, _ = table(2)
    with pytest.raises(ValueError, match="one class, 'yes'"):
        LinearClassifier().fit(X, ["yes"] * ROWS)
    weight = np.r_[np.zeros(ROWS // 2), np.ones(ROWS // 2)]
    with pytest.raises(ValueError, match="one class, 1"):
        LinearClassifier().fit(X, np.arange(ROWS) // (ROWS // 2), sample_weight=weight)
    with pytest.raises(ValueError, match="1 sample"):
        LinearClassifier().fit(X[:1], [0])
    with pytest.raises(ValueError, match="continuous"):
        LinearClassifier().fit(X, X[:, 0])


def test_a_class_without_weight_is_no_class() -> None:
    X, y = table(3)
    model = LinearClassifier(alphas=0.1).fit(X, y, sample_weight=(y != 1).astype(float))
    assert model.classes_.tolist() == [0, 2]
    assert set(model.predict(X)) == {0, 2}


@pytest.mark.parametrize("rows", [3, 4, 7, 10])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
def test_few_rows(rows: int, penalty: str) -> None:
    X, _ = table(2, rows=rows)
    model = LinearClassifier(penalty=penalty, max_iter=5000).fit(X, np.arange(rows) % 2)
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(rows))
    assert model.cv_losses_.shape[1] >= 2


def test_two_rows_take_the_strongest_penalty() -> None:
    with pytest.warns(JustrightWarning, match="Too few different rows to choose among"):
        model = LinearClassifier().fit([[0.0], [1.0]], [False, True])
    assert model.alpha_ == model.alphas_.max()
    assert model.predict([[0.0], [1.0]]).tolist() == [False, True]


def test_separable_classes_stay_finite() -> None:
    X = np.arange(20.0)[:, None]
    for classes in (2, 4):
        model = LinearClassifier(max_iter=1000).fit(X, np.arange(20) * classes // 20)
        assert np.isfinite(model.coef_).all()
        assert model.score(X, np.arange(20) * classes // 20) > 0.9


def test_margins_probabilities_and_classes_say_the_same() -> None:
    for classes in (2, 3):
        X, y = table(classes)
        model = LinearClassifier(alphas=0.1).fit(X, y)
        share, margin = model.predict_proba(X), model.decision_function(X)
        assert share.sum(axis=1) == pytest.approx(np.ones(ROWS))
        assert model.predict_log_proba(X) == pytest.approx(np.log(share))
        assert model.predict(X).tolist() == share.argmax(axis=1).tolist()
        if classes == 2:
            assert share[:, 1] == pytest.approx(1 / (1 + np.exp(-margin)))
        else:
            assert margin == pytest.approx(X @ model.coef_.T + model.intercept_)
            assert margin.mean(axis=1) == pytest.approx(np.zeros(ROWS), abs=1e-5)
            assert model.intercept_.mean() == pytest.approx(0.0, abs=1e-14)


def test_tiny_probabilities_keep_their_logarithm() -> None:
    model = LinearClassifier(alphas=1e-3).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    far = model.predict_log_proba([[1e5]])[0]
    assert -np.inf < far[0] < -1000
    assert far[1] == pytest.approx(0.0)


def test_data_frames() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.choice(["Oslo", "Rome"], 200), "size": rng.normal(size=200)})
    y = np.where((frame["city"] == "Rome") ^ (rng.random(200) < 0.1), "yes", "no")
    frame.loc[::9, "size"] = np.nan
    model = LinearClassifier().fit(frame, y)
    named = dict(zip(model.coef_names_, model.coef_[0], strict=True))
    assert named["city=Rome"] > 1 > -1 > named["city=Oslo"]
    assert model.score(frame, y) == pytest.approx(0.9, abs=0.04)
    polar = LinearClassifier().fit(pl.from_pandas(frame), pl.Series(y))
    assert polar.predict_proba(frame) == pytest.approx(model.predict_proba(frame), abs=1e-9)


def test_copies_pipelines_and_searches() -> None:
    X, y = table(3)
    model = LinearClassifier(alphas=[0.1, 0.01]).fit(X, y)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - ours
    assert again.predict_proba(X).tolist() == model.predict_proba(X).tolist()
    assert clone(model).get_params() == model.get_params()
    pipeline = make_pipeline(PolynomialFeatures(2), LinearClassifier())
    search = GridSearchCV(pipeline, {"linearclassifier__class_weight": [None, "balanced"]}, cv=3)
    assert search.fit(X, y).best_score_ > 0.5
