"""The laws of the simulation: what a column looks like without drift, and what is done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """Columns of one law; `draw(rng, rows, columns, drift)` moves the first column by `drift`."""

    name: str
    draw: Callable[[np.random.Generator, int, int, float], Array]
    kinds: int = 0  # categories, 0 = numbers
    drifts: tuple[float, ...] = (0.3, 0.5)
    unit: str = "sd"


def normal(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """Standard normal."""
    x = rng.standard_normal((rows, columns))
    x[:, 0] += drift
    return x


def correlated(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """Normal, every two columns correlated by 0.8."""
    x = np.sqrt(0.8) * rng.standard_normal((rows, 1)) + np.sqrt(0.2) * rng.standard_normal((rows, columns))
    x[:, 0] += drift
    return x


def heavy(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """Cauchy; the shift in units of its quartile distance / 1.349: the sd of a normal law with it."""
    x = rng.standard_cauchy((rows, columns))
    x[:, 0] += drift * 2.0 / 1.349
    return x


def skewed(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """Log-normal, sd 2 of the logarithm; the shift on its scale."""
    x = rng.standard_normal((rows, columns))
    x[:, 0] += drift
    return np.exp(2.0 * x)


def zeros(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """60 % zeros, else exponential; of the first column `drift` fewer zeros."""
    x = rng.exponential(size=(rows, columns))
    share = np.full(columns, 0.6)
    share[0] -= drift
    x[rng.random((rows, columns)) < share] = 0.0
    return x


def _swapped(rng: np.random.Generator, shares: Array, rows: int, columns: int, drift: float) -> Array:
    """Draw categories; in the first column, `drift` of all rows move from the first half to the second."""
    ends = np.cumsum(shares)
    found = np.searchsorted(ends, rng.random((rows, columns)) * ends[-1], "right").astype(float)
    if drift:
        half = len(shares) // 2
        first = found[:, 0] < half
        moved = first & (rng.random(rows) < drift / (shares[:half].sum() / shares.sum()))
        found[moved, 0] = half + rng.integers(0, len(shares) - half, int(moved.sum()))
    return found


def five(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """Five categories: 40, 30, 15, 10, 5 %."""
    return _swapped(rng, np.array([0.4, 0.3, 0.15, 0.1, 0.05]), rows, columns, drift)


def many(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """500 equal categories."""
    return _swapped(rng, np.full(500, 1 / 500), rows, columns, drift)


def zipf(rng: np.random.Generator, rows: int, columns: int, drift: float) -> Array:
    """500 categories, the k-th with a share of 1 / k."""
    return _swapped(rng, 1.0 / np.arange(1, 501), rows, columns, drift)


LAWS = {
    law.name: law
    for law in (
        Law("normal", normal),
        Law("correlated", correlated),
        Law("heavy-tailed", heavy),
        Law("log-normal", skewed),
        Law("60 % zeros", zeros, drifts=(0.1, 0.2), unit="share"),
        Law("5 categories", five, 5, (0.1, 0.2), "share"),
        Law("500 equal", many, 500, (0.1, 0.2), "share"),
        Law("500 Zipf", zipf, 500, (0.1, 0.2), "share"),
    )
}
