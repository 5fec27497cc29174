"""What both faces of the ladder share: parameters, weights, orders, tables of any kind, folders."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone

from justright.errors import JustrightWarning, RecipeError, TrainingError
from justright.estimators import JustRightClassifier, JustRightRegressor
from justright.estimators.constraints import check
from justright.estimators.just_right_fitting import JUST_RIGHT, names_of
from justright.report import write_report
from justright.workflow import load_run

QUICK = ("linear", "crossed")


def waves(rows: int = 300, seed: int = 0) -> tuple[Any, Any]:
    """A wave of the first column and a line of the second: too much for a linear model."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    return X, 3.0 * np.sin(2.0 * X[:, 0]) + X[:, 1] + 0.3 * rng.normal(size=rows)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budget", 0),
        ("budget", float("inf")),
        ("budget", True),
        ("budget", "5m"),
        ("choose", "worst"),
        ("rungs", ()),
        ("rungs", "linear"),
        ("rungs", (1,)),
        ("metric", None),
        ("folds", 1),
        ("folds", 21),
        ("folds", 5.0),
        ("run_folder", 3),
        ("random_state", -1),
    ],
)
def test_what_is_not_allowed_is_named(name: str, value: Any) -> None:
    with pytest.raises(RecipeError, match=f"received {name}=.*allowed: "):
        JustRightRegressor(**{name: value}).fit(*waves(20))


def test_every_parameter_has_its_line_and_what_is_allowed_passes() -> None:
    assert (
        set(JUST_RIGHT) == set(JustRightRegressor().get_params()) == set(JustRightClassifier().get_params())
    )
    for one in (
        {"budget": np.float32(2)},
        {"folds": np.int64(3)},
        {"rungs": ["linear"]},
        {"run_folder": Path()},
    ):
        check(JustRightRegressor(**one).get_params(), JUST_RIGHT)


@pytest.mark.parametrize(("name", "value"), [("rungs", ("lineer",)), ("metric", "roc_auc")])
def test_a_rung_or_a_metric_that_is_not_known_is_refused_by_the_recipe(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=str(value if name == "metric" else "lineer")):
        JustRightRegressor(**{name: value}).fit(*waves(30))


def test_an_integer_weight_is_a_repetition_and_the_order_does_not_enter() -> None:
    X, y = waves(120)
    times = np.random.default_rng(1).integers(0, 4, len(y))
    weighted = JustRightRegressor(rungs=QUICK).fit(X, y, times)
    order = np.random.default_rng(2).permutation(int(times.sum()))
    repeated = JustRightRegressor(rungs=QUICK).fit(np.repeat(X, times, 0)[order], np.repeat(y, times)[order])
    assert weighted.rung_ == repeated.rung_
    assert np.array_equal(weighted.predict(X), repeated.predict(X))
    assert not np.allclose(
        weighted.predict(X), JustRightRegressor(rungs=QUICK).fit(X, y).predict(X), rtol=1e-3
    )


def test_equal_weights_are_none() -> None:
    X, y = waves(80)
    plain = JustRightRegressor(rungs=("linear",)).fit(X, y)
    for weight in (0.3, np.full(80, 7.0)):
        same = JustRightRegressor(rungs=("linear",)).fit(X, y, weight)
        assert np.array_equal(plain.predict(X), same.predict(X))


def frame(rows: int = 240) -> tuple[dict[str, Any], Any]:
    rng = np.random.default_rng(3)
    place = rng.choice(["north", "south", "west"], rows)
    size = rng.gamma(2.0, 30.0, rows)
    columns = {
        "y": place.tolist(),  # a feature with the name that the target would have
        "weight": np.where(rng.random(rows) < 0.1, np.nan, size).tolist(),
        "day": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(rows)],
        "id": [f"row-{i}" for i in range(rows)],
    }
    return columns, size / 30.0 + 2.0 * (place == "north") + 0.1 * rng.normal(size=rows)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_data_frames_of_all_kinds_are_one_table(kind: Any) -> None:
    columns, y = frame()
    weight = np.random.default_rng(0).integers(1, 3, len(y))
    with pytest.warns(JustrightWarning, match="set aside: id"):
        model = JustRightRegressor(rungs=("linear",)).fit(kind(columns), y, weight)
    assert model.n_features_in_ == 4 and list(model.feature_names_in_) == ["y", "weight", "day", "id"]
    assert model.score(kind(columns), y) > 0.9
    with pytest.warns(JustrightWarning):
        other = JustRightRegressor(rungs=("linear",)).fit(pd.DataFrame(columns), y, weight)
    assert np.allclose(model.predict(kind(columns)), other.predict(pd.DataFrame(columns)), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(pd.DataFrame(columns)[["weight", "y", "day", "id"]])


def test_integers_of_a_matrix_are_numbers_and_counters_are_not_set_aside() -> None:
    X = np.c_[np.arange(100), np.arange(100) % 3]
    model = JustRightRegressor(rungs=("linear",)).fit(X, 2.0 * X[:, 0])
    assert model.predict([[50.5, 0]])[0] == pytest.approx(101.0, rel=0.02)


def test_a_pickle_a_clone_and_a_folder_that_is_gone() -> None:
    X, y = waves(150)
    model = JustRightRegressor(rungs=QUICK, random_state=3).fit(X, y)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    assert np.array_equal(again.predict(X), model.predict(X))
    assert again.summary_ == model.summary_ and again.ladder_ == model.ladder_
    assert not Path(model.summary_.run).exists()
    fresh = clone(model)
    assert fresh.get_params() == model.get_params() and not hasattr(fresh, "rung_")
    assert np.array_equal(fresh.fit(X, y).predict(X), model.predict(X))


def test_the_run_is_kept_where_a_folder_is_given(tmp_path: Path) -> None:
    X, y = waves(150)
    model = JustRightRegressor(rungs=QUICK, run_folder=tmp_path / "runs").fit(X, y)
    run = load_run(model.summary_.run)
    assert run.path.parent == tmp_path / "runs" and run.summary == model.summary_
    assert 'id="ladder"' in write_report(run.path).read_text(encoding="utf-8")


def test_a_rung_that_was_asked_for_and_left_out_is_a_warning() -> None:
    X, y = waves(60)
    with pytest.warns(JustrightWarning, match="rung neural was left out: 60 rows are too few"):
        JustRightRegressor(rungs=("linear", "neural")).fit(X, y)


def test_a_ladder_of_which_no_rung_can_be_trained_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def refuse(*given: Any) -> None:
        raise TrainingError("rows that nobody can learn")

    monkeypatch.setattr(importlib.import_module("justright.workflow.climb"), "fit", refuse)
    with pytest.raises(TrainingError, match="nobody can learn"):
        JustRightRegressor().fit(*waves(60))


def test_an_interrupt_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def interrupt(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("justright.workflow.climb"), "fit", interrupt)
    model = JustRightRegressor()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*waves(60))
    assert not hasattr(model, "rung_")


@pytest.mark.parametrize(
    ("classes", "spelled"),
    [
        (["a", "b b", "c"], ["a", "b b", "c"]),
        ([0, 1, 10], ["0", "1", "10"]),
        (["NA", "no"], ["0", "1"]),
        ([" a", "a"], ["0", "1"]),
        ([False, True], ["0", "1"]),
        (["01", "1"], ["01", "1"]),
        (["2024-01-01", "2024-01-02"], ["2024-01-01", "2024-01-02"]),
    ],
)
def test_classes_are_spelled_so_that_a_table_keeps_them_apart(classes: list[Any], spelled: list[str]) -> None:
    assert (
        names_of(np.unique(np.array(classes, dtype=object if isinstance(classes[0], str) else None))).tolist()
        == spelled
    )
