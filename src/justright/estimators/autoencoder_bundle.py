"""A fitted autoencoder as a bundle: a model that predicts how badly each row is made again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from justright.bundle.format import ModelFile, write_bundle
from justright.estimators.autoencoder_fitting import TARGET
from justright.estimators.neural_fitting import Model
from justright.models.neural.autoencoder import AUTOENCODER
from justright.schema import Schema
from justright.values import figure

__all__ = ["save_autoencoder"]


def save_autoencoder(
    path: str | Path, model: Model, baseline: dict[str, Any], settings: Mapping[str, Any], error: float
) -> str:
    """Write a new folder and return the model's id.

    Parameters
    ----------
    path : str or Path
        The folder to make; its parent must exist, it must not.
    model : Model
        The network.
    baseline : dict
        Statistics of the training rows.
    settings : mapping of str to JSON value
        For people.
    error : float
        Mean error of the held-out rows.

    Raises
    ------
    StorageError
        The folder exists or cannot be written.
    """
    columns = tuple(model.plan.columns.values())
    made = ModelFile(
        schema=Schema(columns, TARGET),
        features=model.plan.to_data(),
        family=AUTOENCODER,
        front=dict(model.front),
        hyperparameters=dict(settings),
        task="regression",
        outputs=1,
        link="identity",
        metrics={TARGET.column.name: error},
        versions={"python": platform.python_version(), "justright": version("justright")},
        created_by="justright",
    )
    return write_bundle(path, made, model.arrays, baseline, _card(model, error))


def _card(model: Model, error: float) -> str:
    """Return what a customer must hear."""
    columns = ", ".join(f"`{name}`" for name in model.plan.columns)
    components = model.front["coder"]["components"]
    return f"""# Autoencoder of {len(model.plan.columns)} columns

It turns a row into {components} numbers and makes the row again from them; nobody told it what is right.

- **What it predicts**: `{TARGET.column.name}`, how badly the row is made again: 0 is exactly, about 1 is
  what the median of each column would do. Rows held out at the training have {figure(error, 3)} on average.
  A row far above is unlike those of the training; that alone does not make it wrong.
- **Latent columns**: `justright predict MODEL TABLE --latent --out FILE` gives the {components} numbers.
- **Columns**: {columns}.
- **When not to use it**: where the rows of service differ by design from those of the training.
"""
