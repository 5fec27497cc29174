"""Bad input to additive models: a model without a NaN and a finding, or an error that says what to do."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file
from sklearn.model_selection import KFold

import justright
from justright.errors import ColumnError, JustrightError, RowError
from justright.estimators import CrossedClassifier, CrossedRegressor

N = 300
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = X[:, 0] + 0.3 * RNG.normal(size=N)
C = np.where(Y > 0, "yes", "no")
MIXED = np.where(np.arange(N) % 2, 1e30, 1e-30)
COPIES = np.column_stack([X, X])
RARE = np.where(np.arange(N) < 2, "yes", "no")

Array = npt.NDArray[Any]


def with_column(values: Any, place: int = 0) -> Array:
    """Return X with one column replaced."""
    made = X.copy()
    made[:, place] = values
    return made


def check_whole(model: Any, rows: Array) -> None:
    """Check that nothing in a fitted estimator is not a finite number."""
    for array in (*model._model.arrays.values(), model.explain(rows), np.atleast_1d(model.intercept_)):
        assert np.isfinite(array).all()
    assert np.isfinite(model.feature_importances_).all() and np.isfinite(model.term_importances_).all()
    found = model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)
    assert np.isfinite(found).all()


ESTIMATORS: dict[str, tuple[Any, Array, Array, Array | None]] = {
    "separable classes": (CrossedClassifier(), X, X[:, 0] > 0, None),
    "separable classes, no penalty": (CrossedClassifier(penalty=0.0), X, X[:, 0] > 0, None),
    "constant columns only": (CrossedClassifier(), np.ones((N, 2)), C, None),
    "constant target": (CrossedRegressor(), X, np.full(N, 3.0), None),
    "counts of zero": (CrossedRegressor(loss="poisson"), X, np.zeros(N), None),
    "copies": (CrossedRegressor(), COPIES, Y, None),
    "copies, no penalty": (CrossedRegressor(penalty=0.0), COPIES, Y, None),
    "copies, classes": (CrossedClassifier(), COPIES, C, None),
    "1e30 next to 1e-30": (CrossedRegressor(), with_column(MIXED), Y, None),
    "1e30 next to 1e-30, classes": (CrossedClassifier(), with_column(MIXED), C, None),
    "1e30 in the target": (CrossedRegressor(), X, np.r_[1e30, 1e-30, Y[2:]], None),
    "1e30 in the weights": (CrossedClassifier(), X, C, MIXED),
    "tiny weights": (CrossedRegressor(), X, Y, np.full(N, 1e-300)),
    "weights of zero": (CrossedRegressor(), X, Y, (np.arange(N) < 2) * 1.0),
    "a column without a value": (CrossedRegressor(), with_column(np.nan), Y, None),
    "no value at all": (CrossedRegressor(), np.full((N, 2), np.nan), Y, None),
    "two rows": (CrossedRegressor(), X[:2], Y[:2], None),
    "two rows, classes": (CrossedClassifier(), X[:2], np.array(["no", "yes"]), None),
    "a class of two rows": (CrossedClassifier(), X, RARE, None),
    "a fold without a class": (CrossedClassifier(cv=KFold(3)), X, np.sort(C), None),
    "no cross to be found": (CrossedRegressor(crosses=[(0, 1)]), with_column(1.0), Y, None),
}


@pytest.mark.parametrize("case", ESTIMATORS)
def test_an_estimator_ends_in_finite_numbers(case: str) -> None:
    model, rows, target, weight = ESTIMATORS[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        check_whole(model.fit(rows, target, weight), rows)


def test_a_constant_target_is_predicted() -> None:
    assert CrossedRegressor().fit(X, np.full(N, 3.0)).predict(X) == pytest.approx(np.full(N, 3.0))
    assert CrossedRegressor(loss="poisson").fit(X, np.zeros(N)).predict(X).max() < 1e-3


@pytest.mark.parametrize("regression", [True, False])
def test_a_hundred_thousand_categories(regression: bool) -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    names = [f"k{i}" for i in range(100_000)]
    frame = pd.DataFrame(
        {"name": pd.Categorical(rng.choice(names, 120_000), names), "size": rng.normal(size=120_000)}
    )
    y = frame["size"].to_numpy() + rng.normal(size=120_000)
    model = CrossedRegressor() if regression else CrossedClassifier()
    check_whole(model.fit(frame, y if regression else y > 0), frame)
    assert model.feature_importances_[1] > 0.9  # the names say nothing


@pytest.mark.parametrize(
    ("rows", "target", "weight", "error", "told"),
    [
        (with_column(np.inf, 1), Y, None, RowError, "NaN, which counts as missing"),
        (X * 1e200, Y, None, ColumnError, "divide the column"),
        (X, np.r_[np.inf, Y[1:]], None, ValueError, "infinity"),
        (X, Y, np.zeros(N), ColumnError, "a weight above 0"),
        (X[:1], Y[:1], None, ValueError, "minimum of 2"),
    ],
)
def test_an_estimator_says_what_to_do(rows: Array, target: Array, weight: Any, error: Any, told: str) -> None:
    with pytest.raises(error, match=told):
        CrossedRegressor().fit(rows, target, weight)
    if error is not ValueError:
        assert issubclass(error, ValueError)
    with pytest.raises(RowError, match="NaN, which counts as missing"):
        CrossedRegressor(penalty=1.0).fit(X, Y).predict(with_column(np.inf))


def columns(rows: Array, target: Any, **more: Any) -> dict[str, Any]:
    """Return a table by column."""
    return {**{f"a{place}": rows[:, place] for place in range(rows.shape[1])}, "y": target, **more}


def write(path: Path, table: Mapping[str, Any]) -> Path:
    """Write a table as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
    return path


MANY = np.random.default_rng(2).integers(0, 100_000, 120_000)

TRAINED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    # case: table, keys of the recipe, finding that must come ("" = none is asked for)
    "separable classes": (columns(X, np.where(X[:, 0] > 0, "yes", "no")), {}, ""),
    "a column of one category": (columns(X, Y, k=["x"] * N), {}, "column-set-aside"),
    "copies": (columns(COPIES, Y), {}, ""),
    "1e30 next to 1e-30": (columns(with_column(MIXED), Y), {}, ""),
    "1e30 in the target": (columns(X, np.r_[1e30, 1e-30, Y[2:]]), {}, "nothing-learned"),
    "infinite values": (columns(with_column(np.r_[np.inf, -np.inf, Y[2:]]), Y), {}, "values-infinite"),
    "a column without a value": (columns(np.full((N, 1), ""), Y, b=X[:, 0]), {}, "column-set-aside"),
    "two rows": (columns(X[:2], Y[:2]), {}, "rows-few"),
    "two rows, classes": (columns(X[:2], ["no", "yes"]), {}, "class-rare"),
    "folds without a class": (columns(X, RARE), {}, "class-rare"),
    "weights of zero": (columns(X, C, w=(np.arange(N) < 3) * 1), {"weight": "w"}, "rows-few"),
    "a hundred thousand categories": (
        {"k": [f"k{i}" for i in MANY], "b": MANY % 7, "y": np.random.default_rng(3).normal(size=120_000)},
        {},
        "nothing-learned",
    ),
}


@pytest.mark.parametrize("case", TRAINED)
def test_a_training_ends_in_finite_numbers(case: str, tmp_path: Path) -> None:
    table, keys, finding = TRAINED[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        run = justright.train(
            str(write(tmp_path / "t.csv", table)),
            target="y",
            family="crossed",
            out=str(tmp_path / "run"),
            baseline=False,
            **keys,
        )
    arrays = [
        array for path in (tmp_path / "run").rglob("*.safetensors") for array in load_file(path).values()
    ]
    assert arrays and all(np.isfinite(array).all() for array in arrays if array.dtype.kind == "f")
    assert not finding or finding in {each.id for each in run.findings}
    for path in (tmp_path / "run").rglob("*.json"):
        assert "NaN" not in path.read_text() and json.loads(path.read_text()) is not None


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a constant target": (columns(X, np.full(N, 3.0)), {}, "choose another target"),
    "one class": (columns(X, ["yes"] * N), {}, "choose another target"),
    "one row": (columns(X[:1], Y[:1]), {}, "more rows"),
    "no value at all": (columns(np.full((N, 2), ""), Y), {}, "--kind"),
    "weights of nothing but zero": (columns(X, Y, w=np.zeros(N)), {"weight": "w"}, "positive weight"),
    "an infinite target": (columns(X, np.r_[np.inf, Y[1:]]), {}, "mend these rows"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_training_says_what_to_do(case: str, tmp_path: Path) -> None:
    table, keys, told = REFUSED[case]
    with pytest.raises(JustrightError, match=told):
        justright.train(
            str(write(tmp_path / "t.csv", table)),
            target="y",
            family="crossed",
            out=str(tmp_path / "run"),
            **keys,
        )
    assert not (tmp_path / "run" / "run.json").exists()
