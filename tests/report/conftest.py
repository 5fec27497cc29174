"""Small real runs, one a task, with names and values that would like to be markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from justright.report.facts import Facts, read_facts
from justright.workflow import train

SCRIPT = "<script>alert('x')</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
ROWS = 400


def _columns(seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    values = [IMAGE, "b&b", "</style>", "plain ' \\ name"]
    return {
        SCRIPT: random.normal(50.0, 12.0, ROWS).round(4).tolist(),
        "size": random.gamma(2.0, 30.0, ROWS).round(3).tolist(),
        "place": [values[i] for i in random.integers(0, 4, ROWS)],
        "holes": [
            None if i % 3 == 0 else float(v) for i, v in enumerate(random.normal(0.0, 1.0, ROWS).round(4))
        ],
    }


def _score(columns: dict[str, Any], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed + 1)
    place = np.array([2.0 * (value == IMAGE) for value in columns["place"]])
    return np.asarray(columns["size"]) / 30.0 + place + random.normal(0.0, 1.0, ROWS)


@pytest.fixture(scope="session")
def regression_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = _columns(1)
    target = (1000.0 * _score(columns, 1)).round(2).tolist()
    rows = {**columns, "price <b>&": target}
    return train(rows, target="price <b>&", out=tmp_path_factory.mktemp("runs"), baseline=False).path


@pytest.fixture(scope="session")
def binary_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = _columns(2)
    target = [SCRIPT if score > 2.5 else "no" for score in _score(columns, 2)]
    rows = {**columns, "buys": target}
    return train(rows, target="buys", out=tmp_path_factory.mktemp("runs"), baseline=False, cost_fn=3.0).path


@pytest.fixture(scope="session")
def multiclass_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = _columns(3)
    names = np.array(["low", IMAGE, "high", "over"])
    target = names[np.digitize(_score(columns, 3), [1.5, 2.5, 4.0])].tolist()
    rows = {**columns, "level": target}
    return train(rows, target="level", out=tmp_path_factory.mktemp("runs"), baseline=False).path


@pytest.fixture(scope="session")
def regression(regression_run: Path) -> Facts:
    return read_facts(regression_run)


@pytest.fixture(scope="session")
def binary(binary_run: Path) -> Facts:
    return read_facts(binary_run)


@pytest.fixture(scope="session")
def multiclass(multiclass_run: Path) -> Facts:
    return read_facts(multiclass_run)
