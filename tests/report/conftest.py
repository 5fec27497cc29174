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


def _regression_rows() -> dict[str, Any]:
    columns = _columns(1)
    return {**columns, "price <b>&": (1000.0 * _score(columns, 1)).round(2).tolist()}


def _binary_rows() -> dict[str, Any]:
    columns = _columns(2)
    return {**columns, "buys": [SCRIPT if score > 2.5 else "no" for score in _score(columns, 2)]}


def _multiclass_rows() -> dict[str, Any]:
    columns = _columns(3)
    names = np.array(["low", IMAGE, "high", "over"])
    return {**columns, "level": names[np.digitize(_score(columns, 3), [1.5, 2.5, 4.0])].tolist()}


def _run(rows: dict[str, Any], out: Path, **choices: Any) -> Path:
    """Train for the last column; the family with the most to show, unless another is asked for."""
    choices = {"family": "crossed", **choices}
    return train(
        rows, target=list(rows)[-1], out=out, baseline=False, **{"family": "glass-box", **choices}
    ).path


@pytest.fixture(scope="session")
def regression_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(_regression_rows(), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def binary_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(_binary_rows(), tmp_path_factory.mktemp("runs"), cost_fn=3.0)


@pytest.fixture(scope="session")
def multiclass_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(_multiclass_rows(), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def linear_regression_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(_regression_rows(), tmp_path_factory.mktemp("runs"), family="linear")


@pytest.fixture(scope="session")
def linear_binary_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(_binary_rows(), tmp_path_factory.mktemp("runs"), family="linear", cost_fn=3.0)


@pytest.fixture(scope="session")
def linear_multiclass_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(_multiclass_rows(), tmp_path_factory.mktemp("runs"), family="linear")


@pytest.fixture(scope="session")
def neural_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of few neurons and just so many steps that there is a race."""
    pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
    network = {"hidden": (4,), "ensemble": 1, "numbers": "plain", "batch": 4, "epochs": 20}
    out = tmp_path_factory.mktemp("runs")
    return _run(_regression_rows(), out, family="neural", network=network)


@pytest.fixture(scope="session")
def neural(neural_run: Path) -> Facts:
    return read_facts(neural_run)


def _crossed(tmp_path_factory: pytest.TempPathFactory, target: list[object], name: str) -> Path:
    columns = {**_columns(4), "day": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(ROWS)]}
    # A name of the table may not hold a comma and be a cross by text: by place in a list it may.
    pairs = ((SCRIPT, "size"), ("place", "size"), ("holes", "place"))
    out = tmp_path_factory.mktemp("runs")
    rows = {**columns, name: target}
    return train(rows, target=name, out=out, baseline=False, family="crossed", crosses={"pairs": pairs}).path


@pytest.fixture(scope="session")
def crossed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = (1000.0 * _score(_columns(4), 4)).round(2).tolist()
    return _crossed(tmp_path_factory, target, "price <b>&")


@pytest.fixture(scope="session")
def classes_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = np.array(["low", IMAGE, "high", "over"])
    target = names[np.digitize(_score(_columns(4), 4), [1.5, 2.5, 4.0])].tolist()
    return _crossed(tmp_path_factory, target, "level")


@pytest.fixture(scope="session")
def crossed(crossed_run: Path) -> Facts:
    return read_facts(crossed_run)


@pytest.fixture(scope="session")
def crossed_classes(classes_run: Path) -> Facts:
    return read_facts(classes_run)


@pytest.fixture(scope="session")
def regression(regression_run: Path) -> Facts:
    return read_facts(regression_run)


@pytest.fixture(scope="session")
def binary(binary_run: Path) -> Facts:
    return read_facts(binary_run)


@pytest.fixture(scope="session")
def multiclass(multiclass_run: Path) -> Facts:
    return read_facts(multiclass_run)


@pytest.fixture(scope="session")
def linear_regression(linear_regression_run: Path) -> Facts:
    return read_facts(linear_regression_run)


@pytest.fixture(scope="session")
def linear_binary(linear_binary_run: Path) -> Facts:
    return read_facts(linear_binary_run)


@pytest.fixture(scope="session")
def linear_multiclass(linear_multiclass_run: Path) -> Facts:
    return read_facts(linear_multiclass_run)
