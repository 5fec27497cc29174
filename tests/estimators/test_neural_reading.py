"""What a network shows and says of new rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from justright.estimators import NeuralRegressor, WideDeepRegressor
from justright.estimators.neural_reading import margins

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 2))
HOUR = pd.Timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("compiled_once")


@pytest.fixture(scope="module")
def model() -> NeuralRegressor:
    return NeuralRegressor(hidden_layer_sizes=(4,), ensemble=1, learning_rate_init=0.03, max_iter=3).fit(
        X, 7.0 * X[:, 0]
    )


def test_rows_by_the_block_and_one_by_one(model: NeuralRegressor) -> None:
    many = np.tile(X, (700, 1))  # more than one block
    found = margins(model, many)
    assert found.shape == (70_000, 1) and found.dtype == np.float64
    np.testing.assert_allclose(found[-100:], found[:100], atol=1e-5)
    alone = np.concatenate([margins(model, row[None]) for row in X[:5]])
    np.testing.assert_allclose(alone, found[:5], atol=1e-5)


def test_before_a_fit() -> None:
    with pytest.raises(NotFittedError):
        NeuralRegressor().predict(X)


def test_the_curves_are_those_of_the_history(model: NeuralRegressor) -> None:
    assert [row.train for row in model.history_.rows] == model.loss_curve_
    assert [row.validation for row in model.history_.rows] == model.validation_curve_


def test_a_model_predicts_in_a_process_that_has_not_loaded_jax(
    model: NeuralRegressor, tmp_path: Path
) -> None:
    import pickle

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    code = (
        "import pickle, sys, pathlib\n"
        "model = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print(model.predict([[1.0, 2.0]])[0], 'jax' in sys.modules, 'optax' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model.pkl")], capture_output=True, text=True, check=True
    ).stdout.split()
    assert float(said[0]) == model.predict([[1.0, 2.0]])[0]
    assert said[1:] == ["False", "False"]


def test_crosses_of_parts_of_a_date_have_their_own_names() -> None:
    hours = RNG.integers(0, 24 * 300, 600)
    frame = pd.DataFrame({"x": RNG.normal(size=600), "when": pd.Timestamp("2024-01-01") + hours * HOUR})
    y = frame.x * np.where(frame.when.dt.hour < 12, -1.0, 1.0)
    model = WideDeepRegressor(hidden_layer_sizes=(4,), ensemble=1, learning_rate_init=0.01, max_iter=1)
    found = model.fit(frame, y).crosses_
    assert len(set(found)) == len(found)
    assert any(one == "x" and other.startswith("when") and other != "when" for one, other in found)
