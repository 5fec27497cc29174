"""Autoencoder: known answers, what does not matter, tables as they come, and the way into a bundle."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import justright
from justright.bundle.format import read_bundle
from justright.bundle.predictor import Predictor
from justright.errors import (
    BundleError,
    ColumnError,
    JustrightWarning,
    MissingExtraError,
    RecipeError,
    RowError,
    StorageError,
    TableError,
)
from justright.estimators import Autoencoder, LinearRegressor
from justright.estimators.columns import of_matrix
from justright.models.neural.front import Layout, inputs_of

pytestmark = pytest.mark.usefixtures("compiled_once")

HEAVY = ("jax", "optax", "sklearn", "pandas", "scipy", "pyarrow", "numba", "lightgbm")
RNG = np.random.default_rng(0)
PLANE = RNG.normal(size=(3, 10)) * [1, 2, 3, 4, 5, 6, 7, 8, 9, 1000] / 3
X = RNG.normal(size=(900, 3)) @ PLANE + np.arange(10)
TINY: dict[str, Any] = {
    "n_components": 2,
    "hidden_layer_sizes": (8,),
    "learning_rate_init": 0.1,
    "batch_size": 32,
    "max_iter": 6,
}


def mixed(rows: int = 500, seed: int = 0) -> pd.DataFrame:
    """Return a table in which a number, two categories and a date hang together, with gaps."""
    rng = np.random.default_rng(seed)
    town = rng.integers(0, 12, rows)
    table = pd.DataFrame(
        {
            "size": town + 0.1 * rng.normal(size=rows),
            "town": [f"town {number}" for number in town],
            "colour": np.array(["red", "green", "blue"])[town % 3],
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "noise": rng.normal(size=rows),
        }
    )
    table.loc[rng.random(rows) < 0.2, "noise"] = np.nan
    return table


@pytest.fixture(scope="module")
def plane() -> Autoencoder:
    return Autoencoder(3, noise=0.0, hidden_layer_sizes=(64,), max_iter=80).fit(X[:700])


@pytest.fixture(scope="module")
def tiny() -> Autoencoder:
    return Autoencoder(**TINY).fit(X[:300])


@pytest.fixture(scope="module")
def framed() -> Autoencoder:
    return Autoencoder(3, hidden_layer_sizes=(32,), learning_rate_init=0.1, max_iter=60).fit(mixed())


def test_as_many_numbers_as_there_are_directions_keep_the_row(plane: Autoencoder) -> None:
    made = plane.inverse_transform(plane.transform(X[700:]))
    lost = np.square(made - X[700:]).sum(axis=0) / np.square(X[700:] - X[700:].mean(axis=0)).sum(axis=0)
    assert (1 - lost).min() > 0.95
    assert plane.score(X[700:]) > -0.01


def test_a_linear_one_keeps_it_too() -> None:
    model = Autoencoder(3, noise=0.0, hidden_layer_sizes=(), max_iter=80).fit(X[:700])
    assert model.score(X[700:]) > -0.01
    assert Autoencoder(1, noise=0.0, hidden_layer_sizes=(), max_iter=30).fit(X[:700]).score(X[700:]) < -0.05


def test_rows_unlike_the_others_score_lower(plane: Autoencoder) -> None:
    usual = plane.score_samples(X[700:])
    apart = X[700:].copy()
    apart[:, 3] = X[699:899, 3][::-1]
    assert usual.shape == (200,) and (usual <= 0).all()
    assert np.median(plane.score_samples(apart)) < 20 * np.median(usual)


def test_denoising_beats_a_plain_one_on_noisy_rows() -> None:
    rng = np.random.default_rng(5)
    clean = rng.normal(size=(900, 3)) @ rng.normal(size=(3, 12))
    train, test = clean[:600], clean[600:]
    noisy = test + 0.7 * rng.normal(size=test.shape)
    gaps = np.where(rng.random(test.shape) < 0.2, np.median(train, axis=0), test)

    def errors(**settings: Any) -> tuple[float, float]:
        model = Autoencoder(3, hidden_layer_sizes=(32,), learning_rate_init=0.1, max_iter=60, **settings)
        model.fit(train)
        made = [model.inverse_transform(model.transform(rows)) for rows in (noisy, gaps)]
        return tuple(float(np.square(one - test).mean()) for one in made)

    plain = errors(noise=0.0)
    assert errors(noise=0.7, corruption="gaussian")[0] < 0.7 * plain[0]
    assert errors(noise=0.2)[1] < 0.8 * plain[1]


def test_what_it_shows(plane: Autoencoder) -> None:
    assert len(plane.loss_curve_) == len(plane.validation_curve_) == plane.n_iter_ <= 80
    assert plane.best_iter_ == 1 + int(np.argmin(plane.validation_curve_))
    assert plane.race_.shape == (7, 3) and plane.learning_rate_ in plane.race_[:, 0].astype(np.float32)
    assert plane.n_features_in_ == 10 and plane.history_.passes == plane.n_iter_
    shown = {name for name in vars(plane) if name.endswith("_")}
    assert {
        name for name in (*shown, *plane.get_params()) if name not in (Autoencoder.__doc__ or "")
    } == set()


def test_the_order_of_rows_and_of_columns_means_nothing(tiny: Autoencoder) -> None:
    rows, columns = np.random.default_rng(1).permutation(300), np.random.default_rng(2).permutation(10)
    again = Autoencoder(**TINY).fit(X[rows])
    np.testing.assert_allclose(again.transform(X[:50]), tiny.transform(X[:50]), rtol=1e-6)
    turned = Autoencoder(**TINY).fit(X[:300, columns])
    np.testing.assert_allclose(turned.transform(X[:50, columns]), tiny.transform(X[:50]), rtol=1e-6)


def test_an_integer_weight_is_a_repetition() -> None:
    weight = np.random.default_rng(3).integers(0, 3, 200)
    weighted = Autoencoder(**TINY).fit(X[:200], sample_weight=weight)
    repeated = Autoencoder(**TINY).fit(np.repeat(X[:200], weight, axis=0))
    np.testing.assert_allclose(weighted.transform(X[:50]), repeated.transform(X[:50]), rtol=1e-6)


def test_the_seed_decides(tiny: Autoencoder) -> None:
    same, other = Autoencoder(**TINY).fit(X[:300]), Autoencoder(**TINY, random_state=1).fit(X[:300])
    np.testing.assert_array_equal(same.transform(X), tiny.transform(X))
    assert not np.allclose(other.transform(X), tiny.transform(X), rtol=0.1)


def test_a_row_alone_is_a_row_among_others(framed: Autoencoder) -> None:
    table = mixed(40, seed=2)
    whole, scores = framed.transform(table), framed.score_samples(table)
    alone = [framed.transform(table.iloc[place : place + 1])[0] for place in range(40)]
    np.testing.assert_allclose(np.asarray(alone), whole, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(framed.score_samples(table[::-1])[::-1], scores, rtol=1e-12)


def test_categories_dates_and_gaps_are_read(framed: Autoencoder) -> None:
    new = mixed(300, seed=1)
    usual = framed.score(new)
    assert usual > -0.35
    unseen, wrong, gone = new.copy(), new.copy(), new.copy()
    unseen["town"] = "a town nobody knows"
    wrong["colour"] = np.roll(new["colour"], 1)
    gone["noise"] = np.nan
    assert framed.score(unseen) < usual - 0.1
    assert framed.score(wrong) < usual - 0.01
    assert framed.score(gone) > 1.5 * usual
    assert np.isfinite(framed.transform(unseen)).all() and np.isfinite(framed.transform(gone)).all()


def test_frames_of_other_libraries_say_the_same(framed: Autoencoder) -> None:
    table = mixed(20, seed=4)
    np.testing.assert_array_equal(framed.transform(pl.from_pandas(table)), framed.transform(table))


def test_columns_that_cannot_be_made_again_are_named(framed: Autoencoder) -> None:
    with pytest.raises(ColumnError, match=r"no numbers: town, colour, sold.*score_samples"):
        framed.inverse_transform(np.zeros((1, 3)))


def test_columns_that_say_nothing_come_back_as_they_were() -> None:
    table = np.c_[X[:300], np.full(300, 7.5), np.full(300, np.nan), 1e9 + 1e-3 * X[:300, 0]]
    model = Autoencoder(**TINY).fit(table)
    made = model.inverse_transform(model.transform(table[:5]))
    assert made.shape == (5, 13)
    assert (made[:, 10] == 7.5).all() and np.isnan(made[:, 11]).all()
    np.testing.assert_allclose(made[:, 12], 1e9, rtol=1e-9)


def test_nothing_beyond_the_training_rows_is_made(tiny: Autoencoder) -> None:
    far = tiny.inverse_transform(np.array([[1e6, -1e6], [-1e6, 1e6]]))
    assert (far >= X[:300].min(axis=0)).all() and (far <= X[:300].max(axis=0)).all()


def test_names_and_frames_out(tiny: Autoencoder, framed: Autoencoder) -> None:
    assert list(tiny.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]
    out = clone(framed).set_output(transform="pandas").fit_transform(mixed(60))
    assert list(out.columns) == ["autoencoder0", "autoencoder1", "autoencoder2"] and len(out) == 60


def test_it_stands_in_a_pipeline_before_a_model() -> None:
    model = make_pipeline(
        Autoencoder(**{**TINY, "n_components": 3, "max_iter": 30}), LinearRegressor(alphas=1e-4)
    )
    assert model.fit(X[:600], X[:600, 0]).score(X[600:], X[600:, 0]) > 0.9


def test_copies_and_pickles_say_the_same(tiny: Autoencoder) -> None:
    assert clone(tiny).get_params() == tiny.get_params()
    loaded = pickle.loads(pickle.dumps(tiny))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(loaded.transform(X), tiny.transform(X))


def test_a_few_rows_train_and_judge_with_a_warning() -> None:
    with pytest.warns(JustrightWarning, match="Too few different rows"):
        model = Autoencoder(**TINY).fit(np.array([[1.0, 2.0], [1.0, 2.0]]))
    assert model.transform([[1.0, 2.0]]).shape == (1, 2)
    with pytest.warns(JustrightWarning, match="free text were set aside"):
        words = pd.DataFrame({"number": np.arange(60.0), "id": [f"row {n}" for n in range(60)]})
        Autoencoder(**TINY).fit(words)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_components": 0}, r"n_components=0; allowed: an integer in 1\.\.65536"),
        ({"n_components": 2.0}, "n_components"),
        ({"noise": -0.1}, "noise"),
        ({"noise": True}, "noise"),
        ({"noise": 1.0}, "below 1 with corruption='mask'"),
        ({"corruption": "swap"}, "one of mask, gaussian"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"activation": "step"}, "activation"),
        ({"solver": "newton"}, "solver"),
        ({"alpha": -1}, "alpha"),
        ({"learning_rate_init": 0}, "learning_rate_init"),
        ({"batch_size": 0}, "batch_size"),
        ({"max_iter": 0}, "max_iter"),
        ({"validation_fraction": 0.9}, "validation_fraction"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Autoencoder(**settings).fit(X)


def test_rows_that_cannot_be_are_refused(tiny: Autoencoder) -> None:
    with pytest.raises(RowError, match="infinity"):
        Autoencoder(**TINY).fit(np.array([[1.0], [np.inf]]))
    with pytest.raises(TableError, match="at least 2 rows"):
        Autoencoder(**TINY).fit(mixed(1))
    with pytest.raises(ColumnError, match="weights >= 0"):
        Autoencoder(**TINY).fit(X, sample_weight=-np.ones(len(X)))
    with pytest.raises(ColumnError, match="X of 3 columns; allowed: 2"):
        tiny.inverse_transform(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="features"):
        tiny.transform(X[:, :4])


def test_without_jax_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("justright.estimators.autoencoder_fitting.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'justright\[neural\]'"):
        Autoencoder(**TINY).fit(X)


def test_a_bundle_says_what_the_autoencoder_says(framed: Autoencoder, tmp_path: Path) -> None:
    table = mixed(30, seed=8)
    table.loc[3, "town"] = "a town nobody knows"
    model_id = framed.save(tmp_path / "model")
    loaded = justright.load(tmp_path / "model")
    assert loaded.model_id == model_id and loaded.bundle.model.family == "autoencoder"
    np.testing.assert_allclose(loaded.predict(table), -framed.score_samples(table), rtol=1e-12)
    np.testing.assert_allclose(loaded.latent(table), framed.transform(table), rtol=1e-12, atol=1e-12)
    rows = [
        {k: v for k, v in row.items() if v == v}
        for row in table.assign(sold=table["sold"].astype(str)).to_dict("records")
    ]
    np.testing.assert_allclose(loaded.predict_rows(rows), loaded.predict(table), rtol=1e-9)
    assert "3 numbers" in loaded.bundle.card and "`town`" in loaded.bundle.card
    assert loaded.bundle.baseline["rows"] == 500
    with pytest.raises(StorageError, match="exists"):
        framed.save(tmp_path / "model")
    assert framed.save(tmp_path / "again") == model_id


def test_a_bundle_of_a_matrix_with_a_flat_column(tmp_path: Path) -> None:
    table = np.c_[X[:300], 1e9 + 1e-3 * X[:300, 0]]
    model = Autoencoder(**TINY).fit(table)
    model.save(tmp_path / "model")
    named = {f"x{place}": table[:7, place] for place in range(11)}
    np.testing.assert_allclose(
        justright.load(tmp_path / "model").latent(named), model.transform(table[:7]), rtol=1e-12
    )


@pytest.mark.slow
def test_the_suite_of_scikit_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = check_estimator(Autoencoder(**{**TINY, "noise": 0.0}), on_fail=None)
    assert [f"{r['check_name']}: {r['exception']!r}" for r in results if r["status"] == "failed"] == []
    # It asks for an environment variable of SciPy that makes arrays of other libraries pass through.
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {"check_array_api_input"}
    assert Counter(r["status"] for r in results)["passed"] >= 52


def test_weights_that_do_not_fit_are_refused_at_loading(framed: Autoencoder, tmp_path: Path) -> None:
    framed.save(tmp_path / "model")
    bundle = read_bundle(tmp_path / "model")
    for name in bundle.arrays:
        changed = {**bundle.arrays, name: bundle.arrays[name][:-1]}
        with pytest.raises(BundleError, match=f"{name} of shape"):
            Predictor(replace(bundle, arrays=changed))


def test_the_process_that_serves_it_holds_nothing_heavy(framed: Autoencoder, tmp_path: Path) -> None:
    framed.save(tmp_path / "model")
    row = {"size": 3.0, "town": "town 3", "colour": "red", "sold": "2021-02-03", "noise": None}
    code = f"""
import sys
from justright.bundle.predictor import load
print(load({str(tmp_path / "model")!r}).predict_rows([{row!r}])[0])
print(sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    error, loaded = done.stdout.split("\n")[:2]
    assert 0 < float(error) < 2 and loaded == "[]"


def test_a_linear_one_is_as_good_as_principal_components() -> None:
    rng = np.random.default_rng(11)
    table = rng.normal(size=(800, 6)) @ rng.normal(size=(6, 6))
    model = Autoencoder(2, noise=0.0, hidden_layer_sizes=(), max_iter=60).fit(table[:600])
    layout = msgspec.convert(model._model.front["layout"], Layout)
    block, _ = model._model.plan.encode(of_matrix(table).values, 800)
    read = inputs_of(layout, model._model.arrays, block)[0].astype(np.float64)
    rival = PCA(2).fit(read[:600])
    lost = np.square(rival.inverse_transform(rival.transform(read[600:])) - read[600:]).mean()
    assert -model.score(table[600:]) == pytest.approx(lost, rel=0.03)
