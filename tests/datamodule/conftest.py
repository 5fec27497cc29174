"""Tables in memory, prepared for training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from justright.datamodule import DataModule, prepare
from justright.kinds import infer_schema
from justright.recipe import Recipe, from_data
from justright.source import open_source


@pytest.fixture(scope="session")
def prepared() -> Callable[..., DataModule]:
    """Return the DataModule of a table, its kinds inferred; `choices` as in a recipe."""

    def make(
        table: object, *, loss: str = "squared", folder: Path | None = None, **choices: Any
    ) -> DataModule:
        recipe: Recipe = from_data({"target": "y", **choices})
        source = open_source(table)
        schema, _ = infer_schema(
            source, target="y", task=recipe.task, kinds=recipe.kinds, drop=recipe.drop, weight=recipe.weight
        )
        return prepare(source, schema, recipe, loss=loss, folder=folder)

    return make
