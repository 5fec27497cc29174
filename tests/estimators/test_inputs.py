"""What scikit-learn's conventions ask of X, y and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from justright.errors import RowError
from justright.estimators import LinearClassifier, LinearRegressor
from justright.estimators.inputs import read_weights

X = np.random.default_rng(0).normal(size=(30, 3))
Y = X @ [1.0, 2.0, 0.0] + 1.0


def test_weights() -> None:
    assert read_weights(None, 3).tolist() == [1, 1, 1]
    assert read_weights(2, 3).tolist() == [2, 2, 2]
    assert read_weights(pd.Series([0, 1, 2]), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, 2.0], "shape"),
        (np.ones((3, 1)), "shape"),
        ([1.0, -1.0, 1.0], "weights >= 0"),
        ([0.0, 0.0, 0.0], "nothing but zero"),
        ([1.0, np.nan, 1.0], "NaN"),
    ],
)
def test_other_weights_are_refused(weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_weights(weight, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_matrix_holds_finite_numbers(bad: float) -> None:
    broken = X.copy()
    broken[3, 1] = bad
    model = LinearRegressor().fit(X, Y)
    for call in (lambda: LinearRegressor().fit(broken, Y), lambda: model.predict(broken)):
        with pytest.raises(ValueError, match="NaN|infinity"):
            call()
    with pytest.raises(ValueError, match="contains NaN|contains infinity"):
        LinearRegressor().fit(X, np.where(np.arange(30) == 2, bad, Y))


def test_sparse_columns_and_wrong_shapes_are_refused() -> None:
    model = LinearRegressor().fit(X, Y)
    with pytest.raises(TypeError, match="[Ss]parse"):
        LinearRegressor().fit(csr_array(X), Y)
    with pytest.raises(ValueError, match="expecting 3 features"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="2D array"):
        model.predict(X[0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LinearRegressor().fit(pd.DataFrame(X), Y[:-1])
    with pytest.raises(ValueError, match="1 sample"):
        LinearRegressor().fit(pd.DataFrame(X[:1]), Y[:1])


def test_names_of_columns_are_held() -> None:
    frame = pd.DataFrame(X, columns=list("abc"))
    model = LinearRegressor().fit(frame, Y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c"]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"a": "d"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert model.predict(X) == pytest.approx(model.predict(frame), rel=1e-12)
    plain = LinearRegressor().fit(X, Y)
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        plain.predict(frame)
    assert not hasattr(plain, "feature_names_in_")
    assert plain.n_features_in_ == 3


def test_a_missing_number_is_the_mean_where_training_had_none_missing() -> None:
    frame = pl.DataFrame(X, schema=list("abc"))
    model = LinearRegressor(alphas=0.0).fit(frame, Y)
    gone = pl.DataFrame({"a": [None], "b": [1.0], "c": [0.0]}, schema=dict.fromkeys("abc", pl.Float64))
    assert model.predict(gone) == pytest.approx([X[:, 0].mean() + 2.0 + 1.0], rel=1e-5)


def test_an_array_of_objects_serves_a_model_of_a_mixed_data_frame() -> None:
    frame = pd.DataFrame({"city": ["Oslo", "Rome"] * 15, "size": X[:, 0]})
    model = LinearClassifier().fit(frame, ["no", "yes"] * 15)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        found = model.predict(frame.to_numpy())
    assert found.tolist() == model.predict(frame).tolist()
    with pytest.raises(RowError, match=r"size='big' \(in row 1 of X"):
        model.predict(pd.DataFrame({"city": ["Oslo", "Rome"], "size": [1.0, "big"]}))


def test_y_comes_in_any_form() -> None:
    forms: list[Any] = [Y, Y.tolist(), pd.Series(Y), pl.Series(Y), Y.astype(np.float64)[:, None][:, 0]]
    first = LinearRegressor().fit(X, Y).coef_
    for y in forms:
        assert LinearRegressor().fit(X, y).coef_.tolist() == first.tolist()
        assert LinearRegressor().fit(pd.DataFrame(X), y).coef_.tolist() == first.tolist()
