"""The made rows of the benchmarks of speed: 16 numbers, one number to predict, and who holds what out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

FEATURES = 16
BATCH = 256
RATE = 1e-3
SEED = 20261121
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Rows:
    """Rows to train on and a tenth as many to look at after each pass."""

    x: Array
    y: Array
    x_held: Array
    y_held: Array


@dataclass(frozen=True)
class Work:
    """What a side is asked: train `passes` over the rows, calling `tick` after each."""

    rows: Rows
    hidden: tuple[int, ...]
    passes: int
    tick: Callable[[], None]


def make(rows: int) -> Rows:
    """Return `rows` rows to train on, float32; a bend, a product and noise of a tenth."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((rows + rows // 10, FEATURES), dtype=np.float32)
    noise = rng.standard_normal(len(x), dtype=np.float32)
    y = (np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * x[:, 3:].sum(axis=1) + 0.1 * noise).astype(
        np.float32
    )
    return Rows(x[:rows], y[:rows], x[rows:], y[rows:])


def folds(rows: int, count: int) -> Array:
    """Return the fold of each row, balanced."""
    return np.random.default_rng(SEED + 1).permutation(np.arange(rows) % count).astype(np.int8)
