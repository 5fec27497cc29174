"""The parts of the golden bundle, and bundles written from them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from justright.bundle.format import write_bundle
from justright.bundle.predictor import Predictor, load

_MAKER = runpy.run_path(str(Path(__file__).parents[1] / "golden" / "make_bundle_1.py"))


@pytest.fixture
def parts() -> dict[str, Any]:
    return _MAKER["parts"]()


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return [dict(row) for row in _MAKER["ROWS"]]


@pytest.fixture
def folder(tmp_path: Path, parts: dict[str, Any]) -> Path:
    write_bundle(tmp_path / "model", **parts)
    return tmp_path / "model"


@pytest.fixture
def model(folder: Path) -> Predictor:
    return load(folder)
