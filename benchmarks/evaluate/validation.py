"""Does the interval of a cross-validated, tuned and refitted model hold its true score?

    python benchmarks/evaluate/validation.py [--repeats 500] [--date YYYY-MM-DD]

Ridge and logistic regression on the laws of `laws.py`: the penalty is chosen out of about eight by five
folds, the model is refitted on all rows, and its true expected metric is known. Prints the share of
intervals that hold it, for `validation_interval` and (in brackets) for the plain interval of the
out-of-fold rows, and writes `results/DATE-validation.md`.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from laws import FOLDS, LOGISTIC, Fitted, linear, logistic

from justright.evaluate.intervals import interval
from justright.evaluate.selection import Choice, validation_interval

LAWS: dict[str, tuple[str, tuple[str, ...], Callable[..., Fitted]]] = {
    "ridge, R2 0.5": ("squared", ("rmse", "r2"), partial(linear, noise=1.0)),
    "ridge, R2 0.92": ("squared", ("rmse", "r2"), partial(linear, noise=0.3)),
    "logistic, AUC 0.86": ("logistic", LOGISTIC, partial(logistic, strength=2.0)),
    "logistic, AUC 0.75, 20 %": (
        "logistic",
        LOGISTIC,
        partial(logistic, strength=1.0, shift=-1.6),
    ),
}


def held(
    make: Callable[..., Fitted], loss: str, names: tuple[str, ...], n: int, d: int, repeat: int
) -> list[tuple[bool, bool]]:
    """For each metric: does our interval hold the truth, does the plain one?"""
    fitted = make(n, d, rng=np.random.default_rng((n, d, repeat)))
    chosen = int(fitted.losses.mean(axis=1).argmin())
    choice = Choice(
        fitted.losses.T.astype(np.float32),
        chosen,
        folds=FOLDS,
        loss=loss,
        fold=fitted.fold,
        train_loss=fitted.train[chosen],
    )
    found = []
    for name in names:
        truth = fitted.truths[chosen][name]
        ours = validation_interval(name, fitted.target, fitted.predictions[chosen], choice)
        plain = interval(name, fitted.target, fitted.predictions[chosen])
        found.append((ours.low <= truth <= ours.high, plain.low <= truth <= plain.high))
    return found


def main() -> None:
    """Run every law and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 5000])
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    lines = [
        f"# Coverage of the validation interval, {options.date}",
        "",
        f"`python benchmarks/evaluate/validation.py --repeats {options.repeats}`, {platform.machine()}, "
        f"Python {platform.python_version()}, numpy {np.__version__}. Standard error of each figure: "
        f"{100 * (0.05 * 0.95 / options.repeats) ** 0.5:.1f} points (n = 5000: a quarter of the repeats).",
        "In brackets: the plain interval of the out-of-fold rows.",
        "",
        "| law | metric | columns | " + " | ".join(f"n = {n}" for n in options.sizes) + " |",
        "|---|---|---:|" + "---:|" * len(options.sizes),
    ]
    for title, (loss, names, make) in LAWS.items():
        for d in (5, 20):
            cells: list[list[str]] = [[] for _ in names]
            for n in options.sizes:
                repeats = options.repeats if n < 5000 else max(options.repeats // 4, 1)
                shares = np.mean([held(make, loss, names, n, d, r) for r in range(repeats)], axis=0)
                for cell, (ours, plain) in zip(cells, shares.tolist(), strict=True):
                    cell.append(f"{100 * ours:.1f} ({100 * plain:.1f})")
            lines += [
                f"| {title} | {name} | {d} | " + " | ".join(cell) + " |"
                for name, cell in zip(names, cells, strict=True)
            ]
            print("\n".join(lines[-len(names) :]), flush=True)
    path = Path(__file__).parent / "results" / f"{options.date}-validation.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    print(path)


if __name__ == "__main__":
    main()
