"""A data plane over the golden bundle, and rows with their known answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from justright.serve.dataplane import DataPlane, load_plane

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def bundle_path() -> Path:
    return GOLDEN / "bundle-1"


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    return json.loads((GOLDEN / "bundle-1-expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def plane(bundle_path: Path) -> DataPlane:
    return load_plane({"buys": bundle_path})
