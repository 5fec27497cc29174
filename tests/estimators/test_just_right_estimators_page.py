"""The page of the ladder's estimators: its code runs, and nothing that they take or give is left out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from justright.estimators import JustRightClassifier, JustRightRegressor

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "just_right_estimators.md").read_text()


def test_the_code_of_the_page_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "just_right_estimators.md", "exec"), {})  # noqa: S102 - our own page


def test_every_parameter_and_attribute_is_on_the_page() -> None:
    X, y = np.arange(24.0)[:, None], np.arange(24)
    for model in (
        JustRightRegressor(rungs=("linear",)).fit(X, y),
        JustRightClassifier(rungs=("linear",)).fit(X, y % 2),
    ):
        fitted = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
        assert len(fitted) >= 4
        for name in (*model.get_params(), *fitted):
            assert f"`{name}`" in PAGE, name
        for key in model.ladder_[0]:
            assert f"`{key}`" in PAGE, key
