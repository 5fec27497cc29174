"""The page of the networks: its code runs, and nothing that they take or give is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from justright.estimators import NeuralClassifier, NeuralRegressor, WideDeepClassifier, WideDeepRegressor

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "neural_estimators.md").read_text()
TINY: dict[str, Any] = {
    "hidden_layer_sizes": (4,),
    "ensemble": 1,
    "learning_rate_init": 0.1,
    "max_iter": 1,
}

pytestmark = pytest.mark.usefixtures("compiled_once")


def test_the_code_of_the_page_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "neural_estimators.md", "exec"), {})  # noqa: S102 - our own page


def test_the_defaults_on_the_page() -> None:
    told = dict(re.findall(r"^\| `(\w+)`[^|]* \| `([^`]*)` \|", PAGE, re.MULTILINE))
    for kind in (NeuralRegressor, NeuralClassifier, WideDeepRegressor, WideDeepClassifier):
        for name, value in kind().get_params().items():
            assert told[name] == (f'"{value}"' if isinstance(value, str) else repr(value)), name


@pytest.mark.parametrize(
    "model",
    [
        NeuralRegressor(**TINY),
        NeuralClassifier(**TINY),
        WideDeepRegressor(crosses=None, **TINY),
        WideDeepClassifier(crosses=None, **TINY),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_parameter_and_attribute_is_on_the_page(model: Any) -> None:
    X = np.random.default_rng(0).normal(size=(100, 1))
    model.fit(X, X[:, 0] > 0 if hasattr(model, "class_weight") else X[:, 0])
    fitted = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    assert len(fitted) >= 8
    for name in (*model.get_params(), *fitted):
        assert f"`{name}`" in PAGE, name
        assert name in (type(model).__doc__ or ""), name
