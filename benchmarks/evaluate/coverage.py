"""How often does the 95 % interval of a metric hold the truth? A simulation with known laws.

    python benchmarks/evaluate/coverage.py [--repeats 2000] [--seed 1] [--date YYYY-MM-DD]

Each law draws fresh rows (target, prediction); the truth is the metric on a million rows. Prints the
share of intervals that hold it and writes the table to `results/DATE-coverage.md`.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from justright.evaluate.intervals import interval
from justright.metrics import METRICS

Array: TypeAlias = npt.NDArray[np.float64]
Law: TypeAlias = Callable[[np.random.Generator, int], tuple[Array, Array]]


def normal_errors(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """A linear model with normal errors."""
    mean = rng.normal(0, 1, n)
    return 3.0 + mean + rng.normal(0, 0.7, n), 3.0 + mean


def heavy_errors(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Student errors with 5 degrees of freedom whose size grows with the prediction."""
    mean = rng.gamma(4.0, 1.0, n)
    return mean + 0.3 * mean * rng.standard_t(5, n), mean


def prices(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Positive values with log-normal errors."""
    mean = np.exp(rng.normal(3.0, 0.5, n))
    return mean * np.exp(rng.normal(0, 0.3, n)), mean


def counts(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Counts whose expectation is stated a fifth too high."""
    mean = rng.gamma(2.0, 1.0, n) + 0.1
    return rng.poisson(mean).astype(float), 1.2 * mean


def balanced(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Two classes, AUC about 0.8, over-confident probabilities."""
    margin = rng.normal(0, 1.5, n)
    return (rng.uniform(size=n) < 1 / (1 + np.exp(-margin))).astype(int), 1 / (1 + np.exp(-1.5 * margin))


def rare(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Two classes, 10 % positive, AUC about 0.85, under-confident."""
    margin = rng.normal(-3.2, 1.6, n)
    return (rng.uniform(size=n) < 1 / (1 + np.exp(-margin))).astype(int), 1 / (1 + np.exp(-0.7 * margin))


def four_classes(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Four classes of unequal size, accuracy about 0.6."""
    margin = rng.normal(0, 1.2, (n, 4)) + np.array([0.8, 0.3, 0.0, -0.6])
    share = np.exp(margin) / np.exp(margin).sum(axis=1, keepdims=True)
    target = (share.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
    stated = share**1.4
    return np.minimum(target, 3), stated / stated.sum(axis=1, keepdims=True)


def letters(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Twenty-six equal classes, accuracy about 0.7."""
    target = rng.integers(0, 26, n)
    margin = rng.normal(0, 1, (n, 26))
    margin[np.arange(n), target] += 2.5
    share = np.exp(margin)
    return target, share / share.sum(axis=1, keepdims=True)


def calibrated(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Two classes whose probabilities are exactly right."""
    share = rng.uniform(0, 1, n) ** 2
    return (rng.uniform(size=n) < share).astype(int), share


LAWS: dict[str, tuple[Law, tuple[str, ...]]] = {
    "normal errors": (normal_errors, ("rmse", "mae", "r2", "pinball")),
    "heavy errors": (heavy_errors, ("rmse", "mae", "r2")),
    "prices": (prices, ("mape", "rmse", "r2")),
    "counts": (counts, ("poisson_deviance",)),
    "balanced": (balanced, tuple(name for name, m in METRICS.items() if "binary" in m.tasks)),
    "10 % positive": (rare, tuple(name for name, m in METRICS.items() if "binary" in m.tasks)),
    "calibrated": (calibrated, ("brier", "log_loss", "calibration_error")),
    "four classes": (four_classes, tuple(name for name, m in METRICS.items() if "multiclass" in m.tasks)),
    "26 classes": (letters, ("log_loss", "accuracy", "balanced_accuracy", "f1", "matthews")),
}


def coverage(
    law: Law, names: tuple[str, ...], sizes: tuple[int, ...], repeats: int, seed: int
) -> Iterator[tuple[str, int, float]]:
    """Yield (metric, rows, share of intervals that hold the truth)."""
    target, prediction = law(np.random.default_rng(seed), 1_000_000)
    truth = {name: METRICS[name].function(target, prediction) for name in names}
    for size in sizes:
        held = dict.fromkeys(names, 0)
        for repeat in range(repeats):
            target, prediction = law(np.random.default_rng((seed, size, repeat)), size)
            for name in names:
                found = interval(name, target, prediction)
                held[name] += found.low <= truth[name] <= found.high
        yield from ((name, size, held[name] / repeats) for name in names)


def main() -> None:
    """Run every law and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 5000])
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    sizes = tuple(options.sizes)
    lines = [
        f"# Coverage of the 95 % intervals, {options.date}",
        "",
        f"`python benchmarks/evaluate/coverage.py --repeats {options.repeats} --seed {options.seed}`, "
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}. "
        f"Standard error of each figure: {100 * (0.05 * 0.95 / options.repeats) ** 0.5:.1f} points.",
        "",
        "| law | metric | " + " | ".join(f"n = {n}" for n in sizes) + " |",
        "|---|---|" + "---:|" * len(sizes),
    ]
    for title, (law, names) in LAWS.items():
        cells: dict[str, list[str]] = {name: [] for name in names}
        for name, _, share in coverage(law, names, sizes, options.repeats, options.seed):
            cells[name].append(f"{100 * share:.1f}")
        lines += [f"| {title} | {name} | " + " | ".join(cells[name]) + " |" for name in names]
        print("\n".join(lines[-len(names) :]), flush=True)
    path = Path(__file__).parent / "results" / f"{options.date}-coverage.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    print(path)


if __name__ == "__main__":
    main()
