"""Rows with ties, weights and zero weights, on which every metric meets scikit-learn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest


class Rows(NamedTuple):
    target: npt.NDArray[np.float64]
    prediction: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64] | None


def _weight(rng: np.random.Generator, n: int, weighted: bool) -> npt.NDArray[np.float64] | None:
    return rng.integers(0, 4, n).astype(np.float64) if weighted else None


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def number_rows(request: pytest.FixtureRequest) -> Rows:
    rng = np.random.default_rng(1)
    target = rng.gamma(2.0, 3.0, 300)
    return Rows(target, target * rng.uniform(0.5, 1.5, 300) + 0.1, _weight(rng, 300, request.param))


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def binary_rows(request: pytest.FixtureRequest) -> Rows:
    rng = np.random.default_rng(2)
    score = np.round(rng.uniform(0, 1, 400), 1)  # eleven distinct scores: ties everywhere
    target = (rng.uniform(0, 1, 400) < 0.8 * score).astype(np.int32)
    return Rows(target, score, _weight(rng, 400, request.param))


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def class_rows(request: pytest.FixtureRequest) -> Rows:
    rng = np.random.default_rng(3)
    target = rng.integers(0, 4, 500).astype(np.int32)
    margin = np.round(rng.normal(0, 1, (500, 4)), 1)
    margin[np.arange(500), target] += 0.8
    share = np.exp(margin)
    return Rows(target, share / share.sum(axis=1, keepdims=True), _weight(rng, 500, request.param))
