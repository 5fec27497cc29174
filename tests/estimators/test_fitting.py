"""From a checked table to a model: folds of every kind, rows without weight, real tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from justright.errors import RecipeError
from justright.estimators import LinearClassifier, LinearRegressor

DATA = Path(__file__).parents[3] / "shared" / "data"
X = np.random.default_rng(0).normal(size=(60, 3))
Y = X @ [1.0, 2.0, 0.0] + np.random.default_rng(1).normal(size=60)


def test_given_folds_may_come_as_a_splitter_or_as_a_list() -> None:
    splitter = LinearRegressor(cv=KFold(4)).fit(X, Y)
    listed = LinearRegressor(cv=list(KFold(4).split(X))).fit(X, Y)
    assert splitter.cv_losses_.tolist() == listed.cv_losses_.tolist()
    groups = list(GroupKFold(3).split(X, groups=np.arange(60) // 7))
    assert LinearRegressor(cv=groups).fit(X, Y).cv_losses_.shape[1] == 3
    with pytest.raises(RecipeError, match="does not train on all but the rows it tests"):
        LinearRegressor(cv=TimeSeriesSplit(3)).fit(X, Y)


def test_rows_without_weight_are_no_rows() -> None:
    weight = (np.arange(60) % 3 > 0).astype(float)
    wild, far = X.copy(), Y.copy()
    wild[weight == 0], far[weight == 0] = 1e9, -1e9
    first = LinearRegressor().fit(wild, far, sample_weight=weight)
    second = LinearRegressor().fit(X[weight > 0], Y[weight > 0])
    assert first.alpha_ == second.alpha_
    assert first.coef_ == pytest.approx(second.coef_, rel=1e-9)


@pytest.mark.skipif(not DATA.exists(), reason="the folder of real tables is not here")
def test_california_housing_as_the_tuned_rival() -> None:
    frame = pd.read_csv(DATA / "california_housing.csv").dropna()
    y, columns = frame.pop("median_house_value"), frame.select_dtypes("number")
    rival = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-6, 2, 17) * len(y)))
    folds = KFold(3, shuffle=True, random_state=0)
    ours = cross_val_score(LinearRegressor(), columns, y, cv=folds).mean()
    assert ours > cross_val_score(rival, columns, y, cv=folds).mean() - 0.002


@pytest.mark.skipif(not DATA.exists(), reason="the folder of real tables is not here")
def test_titanic_with_its_texts_and_gaps() -> None:
    path = next(iter(sorted(DATA.glob("titanic*.csv"))), None)
    if path is None:
        pytest.skip("the table is not here")
    frame = pd.read_csv(path)
    y = frame.pop(next(name for name in frame if name.lower() == "survived"))
    frame = frame[
        [name for name in frame if name.lower() in ("pclass", "sex", "age", "fare", "embarked", "sibsp")]
    ]
    train, test, y_train, y_test = train_test_split(frame, y, random_state=0, stratify=y)
    ours = LinearClassifier().fit(train, y_train).predict_proba(test)[:, 1]
    sex = [name for name in frame if name.lower() == "sex"]
    rival = (
        make_pipeline(OneHotEncoder(), LogisticRegression())
        .fit(train[sex], y_train)
        .predict_proba(test[sex])[:, 1]
    )
    assert roc_auc_score(y_test, ours) > roc_auc_score(y_test, rival) + 0.02
