"""Five folds times fifty penalties on 100,000 x 100 numbers: seconds beside scikit-learn and glum.

    python benchmarks/linear/path.py [--rows 100000] [--columns 100] [--sides ridge-ours ...] [--again]

All sides get the same standardised float64 columns, the same five folds and the same fifty penalties,
from arrays in memory, in a fresh process with two threads; penalties are per row of the mean loss. Compared:
seconds of the whole search with the last fit on all rows, the chosen penalty, and the cross-validation curve
(mean held-out loss a penalty): for ridge beside the direct solution of each fold and penalty, for logistic
regression beside LogisticRegressionCV with newton-cholesky. Rivals live in `benchmarks/.venv-rivals` and are
kept in `results/DATE-path.json`; only ours is run again, unless `--again`. `--free` takes no lock.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from dense import make, need_rivals, run_side, timed  # noqa: E402  (a script: its neighbours come after)

FOLDS, SEED = 5, 20261121
RIDGE, LOGISTIC = np.logspace(1, -6, 50), np.logspace(-0.5, -6, 50)
REPEATS = 5


@cache
def splits(rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (train, test) row numbers of five equal folds of shuffled rows; made before the clock starts."""
    fold = np.empty(rows, np.int8)
    for number, part in enumerate(np.array_split(np.random.default_rng(SEED).permutation(rows), FOLDS)):
        fold[part] = number
    return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(FOLDS)]


def _ours(X: np.ndarray, y: np.ndarray, of: str, tol: float) -> tuple[float, np.ndarray]:
    """Fit ours: chosen penalty, curve."""
    from justright.estimators import LinearClassifier, LinearRegressor

    if of == "ridge":
        model = LinearRegressor(alphas=RIDGE, cv=splits(len(X))).fit(X, y)
        return model.alpha_, 2 * y.var() * model.cv_losses_.mean(axis=1)
    model = LinearClassifier(alphas=LOGISTIC, cv=splits(len(X)), tol=tol).fit(X, y)
    return model.alpha_, model.cv_losses_.mean(axis=1)


def _ridge_cv(X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Fit RidgeCV, which runs GridSearchCV in one process: it keeps no curve."""
    from sklearn.linear_model import RidgeCV

    scale = len(X) * (1 - 1 / FOLDS)
    model = RidgeCV(RIDGE * scale, cv=splits(len(X)), scoring="neg_mean_squared_error").fit(X, y)
    return model.alpha_ / scale, np.full(len(RIDGE), np.nan)


def _grid(X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Fit GridSearchCV of Ridge in two processes."""
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV

    scale = len(X) * (1 - 1 / FOLDS)
    model = GridSearchCV(
        Ridge(solver="cholesky"),
        {"alpha": RIDGE * scale},
        cv=splits(len(X)),
        scoring="neg_mean_squared_error",
        n_jobs=2,
    ).fit(X, y)
    return model.best_params_["alpha"] / scale, -model.cv_results_["mean_test_score"]


def _logistic_cv(solver: str, tol: float) -> Callable[..., tuple[float, np.ndarray]]:
    """Return the fit of LogisticRegressionCV with one solver."""

    def fit(X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        from sklearn.linear_model import LogisticRegressionCV

        scale = len(X) * (1 - 1 / FOLDS)
        model = LogisticRegressionCV(
            Cs=1 / (LOGISTIC * scale),
            cv=splits(len(X)),
            scoring="neg_log_loss",
            solver=solver,
            tol=tol,
            max_iter=1000,
            n_jobs=2,
            **({"use_legacy_attributes": False} if _has_legacy() else {}),
        ).fit(X, y)
        scores = model.scores_[1] if isinstance(model.scores_, dict) else model.scores_
        return 1 / (float(np.ravel(model.C_)[0]) * scale), -scores.reshape(FOLDS, -1).mean(axis=0)

    return fit


def _has_legacy() -> bool:
    """Say whether this scikit-learn asks which attributes are wanted."""
    from sklearn.linear_model import LogisticRegressionCV

    return "use_legacy_attributes" in LogisticRegressionCV().get_params()


def _glum(X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Fit glum's search; its deviance is twice the log-loss."""
    from glum import GeneralizedLinearRegressorCV

    model = GeneralizedLinearRegressorCV(
        family="binomial", l1_ratio=0, alphas=LOGISTIC, cv=splits(len(X)), n_jobs=2
    ).fit(X, y)
    return float(model.alpha_), np.reshape(model.deviance_path_, (FOLDS, -1)).mean(axis=0) / 2


FITS: dict[str, Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]] = {
    "ridge-ours": lambda X, y: _ours(X, y, "ridge", 1e-6),
    "ridge-RidgeCV": _ridge_cv,
    "ridge-GridSearchCV": _grid,
    "logistic-ours": lambda X, y: _ours(X, y, "logistic", 1e-6),
    "logistic-ours-1e-3": lambda X, y: _ours(X, y, "logistic", 1e-3),
    "logistic-lbfgs": _logistic_cv("lbfgs", 1e-4),
    "logistic-newton-cholesky": _logistic_cv("newton-cholesky", 1e-4),
    "logistic-glum": _glum,
}


def direct_ridge(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the curve of ridge from the normal equations of each fold."""
    curve = np.zeros(len(RIDGE))
    for train, test in splits(len(X)):
        mean, centre = X[train].mean(axis=0), y[train].mean()
        A = X[train] - mean
        bend, pull = A.T @ A / len(train), A.T @ (y[train] - centre) / len(train)
        for place, penalty in enumerate(RIDGE):
            w = np.linalg.solve(bend + penalty * np.eye(len(pull)), pull)
            curve[place] += np.mean((y[test] - centre - (X[test] - mean) @ w) ** 2) / FOLDS
    return curve


def side(name: str, folder: Path) -> dict[str, Any]:
    """Measure one side in this process."""
    X = np.load(folder / "X.npy")
    y = np.load(folder / ("value.npy" if name.startswith("ridge") else "class.npy"))
    splits(len(X))
    runs, made = [], (0.0, np.zeros(0))
    while len(runs) < (1 + REPEATS if not runs or runs[0][0] < 15 else 1):
        made, wall, processor = timed(lambda: FITS[name](X, y))
        runs.append((wall, processor))
    warm = runs[1:] or runs
    return {
        "alpha": made[0],
        "curve": np.asarray(made[1]).tolist(),
        "first": runs[0][0],
        "warm": statistics.median(wall for wall, _ in warm),
        "processor": statistics.median(processor for _, processor in warm),
        "spread": [min(wall for wall, _ in warm), max(wall for wall, _ in warm)],
    }


def page(found: dict[str, Any], date: str) -> str:
    """Return the results as a page."""
    lines = [
        f"# Folds times penalties, {date}",
        "",
        f"`python benchmarks/linear/path.py --rows {found['rows']} --columns {found['columns']}`; "
        f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores, two threads each, Python "
        f"{platform.python_version()}, numpy {np.__version__}. {FOLDS} folds x {len(RIDGE)} penalties and "
        f"the last fit on all rows, from arrays in memory; split {found['split']}. Curve: largest relative "
        "difference of the mean held-out loss to the reference (ridge: normal equations; logistic: "
        f"newton-cholesky). Rivals of more than 15 s ran once. At a load above {os.cpu_count()} wall seconds "
        "are upper bounds; processor seconds of GridSearchCV leave out its workers.",
        "",
        "| side | chosen penalty | curve | first | warm | range | processor | times ours | load |",
        "|---|---:|---:|---:|---:|---|---:|---:|---:|",
    ]
    sides = found["sides"]
    for one, its in sides.items():
        if "error" in its:
            lines.append(f"| {one} | failed: {its['error'].splitlines()[-1][:80]} |")
            continue
        kind = one.split("-")[0]
        mine = sides.get(f"{kind}-ours", {}).get("warm", float("nan"))
        newton = sides.get("logistic-newton-cholesky", {})
        exact = found["ridge"] if kind == "ridge" else newton.get("curve")
        far = np.abs(np.divide(its["curve"], exact) - 1).max() if exact else float("nan")
        lines.append(
            f"| {one} | {its['alpha']:.4g} | {'none kept' if np.isnan(far) else f'{far:.1e}'} | "
            f"{its['first']:.2f} | {its['warm']:.2f} | {its['spread'][0]:.2f}..{its['spread'][1]:.2f} | "
            f"{its['processor']:.2f} | {its['warm'] / mine:.1f} | {its['load']:.1f} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure, and write after each side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--sides", nargs="+", default=list(FITS), choices=list(FITS))
    parser.add_argument("--again", action="store_true", help="run rivals again too")
    parser.add_argument("--free", action="store_true", help="do not wait for the lock of timed runs")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--side", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        warnings.simplefilter("ignore")
        print(json.dumps(side(options.side, Path(options.folder))))
        return
    need_rivals()
    X, y = make(options.rows, options.columns)
    value = X @ np.linspace(-1, 1, X.shape[1]) + 3 * np.random.default_rng(SEED).normal(size=len(X)) + y
    split = hashlib.sha256(X[:1000].tobytes() + value.tobytes() + y.tobytes()).hexdigest()[:16]
    results = HERE / "results" / f"{options.date}-path.json"
    kept = json.loads(results.read_text()) if results.exists() else {}
    if kept.get("split") != split:
        kept = {"split": split, "rows": options.rows, "columns": options.columns, "sides": {}}
        kept["ridge"] = direct_ridge(X, value).tolist()
    with tempfile.TemporaryDirectory() as place:
        for name, array in (("X", X), ("value", value), ("class", y)):
            np.save(Path(place) / f"{name}.npy", array)
        del X
        for one in options.sides:
            mine = "-ours" in one
            if mine or options.again or one not in kept["sides"]:
                kept["sides"][one] = run_side(Path(__file__), one, Path(place), mine, options.free)
                results.write_text(json.dumps(kept, indent=1) + "\n")
                results.with_suffix(".md").write_text(page(kept, options.date))
                print(one, {k: v for k, v in kept["sides"][one].items() if k != "curve"}, flush=True)


if __name__ == "__main__":
    main()
