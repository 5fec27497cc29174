"""The page of the estimators: its code runs, and nothing that they take or give is left out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from justright.estimators import CrossedClassifier, CrossedRegressor, LinearClassifier, LinearRegressor

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (FOLDER / "estimators.md").read_text()
CROSSED = (FOLDER / "crossed_estimators.md").read_text()


@pytest.mark.parametrize("page", [PAGE, CROSSED], ids=["linear", "crossed"])
def test_the_code_of_the_page_runs(page: str) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "estimators.md", "exec"), {})  # noqa: S102 - our own page


def test_every_parameter_and_attribute_is_on_the_page() -> None:
    X, y = np.arange(12.0)[:, None], np.arange(12)
    for model, page in (
        (LinearRegressor(alphas=0.1).fit(X, y), PAGE),
        (LinearClassifier(alphas=0.1).fit(X, y % 2), PAGE),
        (CrossedRegressor(penalty=1.0).fit(X, y), CROSSED),
        (CrossedClassifier(penalty=1.0).fit(X, y % 2), CROSSED),
    ):
        fitted = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
        assert len(fitted) >= 8
        for name in (*model.get_params(), *fitted):
            assert f"`{name}`" in page, name
            assert name in (type(model).__doc__ or ""), name
