"""Small models, each with an id of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from justright.bundle.format import ModelFile, write_bundle
from justright.registry import Registry, open_registry
from justright.schema import Column, Schema, Target

Make = Callable[..., Path]


def write_model(path: Path, bias: float, target: str) -> Path:
    """Write a model without columns that always says `bias`."""
    price = Target(Column(target, "numeric", "number"), "regression")
    plan = {"numeric": [], "categorical": [], "text": [], "target": None}
    front = {"numeric": 0, "indicators": [], "sizes": [], "tokens": 0}
    model = ModelFile(
        schema=Schema((), price),
        features=plan,
        family="linear",
        front=front,
        task="regression",
        outputs=1,
        link="identity",
    )
    write_bundle(path, model, {"weights": np.zeros((0, 1)), "bias": np.array([bias])}, {}, "# Card")
    return path


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Give the model that says a number."""

    def made(bias: float, target: str = "price") -> Path:
        path = tmp_path / f"model-{target}-{bias}"
        return path if path.exists() else write_model(path, bias, target)

    return made


@pytest.fixture
def models(tmp_path: Path) -> Registry:
    """An empty registry of ann's, whose clock stands."""
    return open_registry(tmp_path / "models", user="ann", now=lambda: "2026-11-22T08:00:00Z")
