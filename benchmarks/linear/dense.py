"""Dense logistic regression to 1e-6 of its optimum: seconds beside scikit-learn, glum and snapml.

    python benchmarks/linear/dense.py [--tables 1000000x28 500000x50] [--sides ours32 newton64 ...] [--again]

Correlated columns, some with heavy tails, standardised beforehand, so that every side minimises the same

    mean log-loss  +  1e-4 |w|^2 / 2

from arrays in memory. Each side is a fresh process with two threads. It takes the loosest of a few
published tolerances whose objective is within 1e-6 (relative) of the optimum, which a Newton method of
this script's own finds in float64; then the fit is repeated: `first` is the first fit of the process, `warm`
the median of the later ones. R is the share of the attainable fall of the objective; the time to R is the
median fit with the fewest iterations that reach it. Rivals live in `benchmarks/.venv-rivals` and are kept by
table in `results/DATE-dense.json`; only ours is run again, unless `--again`. `--free` takes no lock.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

RIVALS = HERE.parent / ".venv-rivals"
SEED, PENALTY, GAP, REPEATS = 20261121, 1e-4, 1e-6, 5
OURS = ("ours32", "ours64")
SIDES = (*OURS, "newton32", "newton64", "lbfgs32", "lbfgs64", "glum64", "snapml32")
LIMIT = 120.0  # seconds of one side's search for a tolerance, after which the best so far is taken
CHUNK = 50_000


def make(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return X float64 (rows, columns), standardised, and y int64 (rows,)."""
    random = np.random.default_rng([SEED, rows, columns])
    factors = max(3, columns // 4)
    load = random.normal(size=(factors, columns))
    X = random.normal(size=(rows, factors)) @ load / np.sqrt(factors)
    X += 0.7 * random.normal(size=(rows, columns))
    heavy = random.permutation(columns)[: columns // 3]
    X[:, heavy] = np.exp(0.7 * X[:, heavy])
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    weights = random.normal(size=columns) / np.sqrt(columns)
    margin = X @ weights + 0.3 * np.sin(2 * X[:, 0]) - 0.4
    return X, (random.random(rows) < 1 / (1 + np.exp(-1.5 * margin))).astype(np.int64)


def objective(X: np.ndarray, y: np.ndarray, theta: np.ndarray) -> float:
    """Return the objective in float64."""
    total = 0.0
    for begin in range(0, len(X), CHUNK):
        margin = X[begin : begin + CHUNK].astype(np.float64) @ theta[:-1] + theta[-1]
        total += float((np.logaddexp(0, margin) - y[begin : begin + CHUNK] * margin).sum())
    return total / len(X) + 0.5 * PENALTY * float(theta[:-1] @ theta[:-1])


def optimum(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the optimum by Newton's method in float64, until a step no longer moves."""
    width = X.shape[1] + 1
    theta, ridge = np.zeros(width), PENALTY * np.append(np.ones(width - 1), 0.0)
    for _ in range(50):
        gradient, bend = np.zeros(width), np.zeros((width, width))
        for begin in range(0, len(X), CHUNK):
            part = np.column_stack([X[begin : begin + CHUNK], np.ones(len(X[begin : begin + CHUNK]))])
            p = 1 / (1 + np.exp(-(part @ theta)))
            gradient += part.T @ (p - y[begin : begin + CHUNK])
            bend += part.T @ (part * (p * (1 - p))[:, None])
        step = np.linalg.solve(bend / len(X) + np.diag(ridge), gradient / len(X) + ridge * theta)
        theta -= step
        if np.abs(step).max() < 1e-12:
            break
    return theta


def _ours(X: np.ndarray, y: np.ndarray, tol: float, most: int) -> np.ndarray:
    """Fit ours."""
    from justright.estimators import LinearClassifier

    model = LinearClassifier(alphas=PENALTY, tol=tol, max_iter=most).fit(X, y)
    return np.append(model.coef_[0], model.intercept_)


def _sklearn(solver: str) -> Callable[..., np.ndarray]:
    """Return the fit of one solver of scikit-learn."""

    def fit(X: np.ndarray, y: np.ndarray, tol: float, most: int) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1 / (PENALTY * len(X)), solver=solver, tol=tol, max_iter=most).fit(X, y)
        return np.append(model.coef_[0], model.intercept_)

    return fit


def _glum(X: np.ndarray, y: np.ndarray, tol: float, most: int) -> np.ndarray:
    """Fit glum."""
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="binomial", alpha=PENALTY, l1_ratio=0, gradient_tol=tol, max_iter=most
    ).fit(X, y)
    return np.append(model.coef_, model.intercept_)


def _snapml(X: np.ndarray, y: np.ndarray, tol: float, most: int) -> np.ndarray:
    """Fit snapml."""
    from snapml import LogisticRegression

    model = LogisticRegression(
        regularizer=PENALTY * len(X), tol=tol, max_iter=most, n_jobs=2, fit_intercept=True
    ).fit(X, y)
    return np.append(np.ravel(model.coef_), model.intercept_)


FITS: dict[str, Callable[..., np.ndarray]] = {
    "ours": _ours,
    "newton": _sklearn("newton-cholesky"),
    "lbfgs": _sklearn("lbfgs"),
    "glum": _glum,
    "snapml": _snapml,
}
TOLERANCES = {
    "ours": (1e-2, 1e-3, 1e-4, 1e-6),
    "newton": (1e-2, 1e-3, 1e-4, 1e-6, 1e-8),
    "lbfgs": (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8),
    "glum": (1e-2, 1e-3, 1e-4, 1e-6, 1e-8),
    "snapml": (1e-2, 1e-3, 1e-4, 1e-5, 1e-6),
}


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result, wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - processor


def side(name: str, folder: Path) -> dict[str, Any]:
    """Measure one side in this process."""
    X, y = np.load(folder / f"X{name[-2:]}.npy"), np.load(folder / "y.npy")
    goal = json.loads((folder / "goal.json").read_text())
    fit, kind = FITS[name[:-2]], name[:-2]
    begin, first, tries = time.perf_counter(), None, []
    for tol in TOLERANCES[kind]:
        theta, wall, _ = timed(lambda tol=tol: fit(X, y, tol, 10_000))
        first = wall if first is None else first
        tries.append((tol, (objective(X, y, theta) - goal["best"]) / goal["best"]))
        if tries[-1][1] <= GAP or time.perf_counter() - begin > LIMIT:
            break
    tol, gap = min(tries, key=lambda one: one[1]) if tries[-1][1] > GAP else tries[-1]
    repeats = REPEATS if wall < 15 else 2
    runs = [timed(lambda: fit(X, y, tol, 10_000))[1:] for _ in range(repeats)]
    reached = {}
    for share in (0.99, 0.999):
        reached[str(share)] = to_share(fit, kind, X, y, goal, share)
    return {
        "tol": tol,
        "gap": gap,
        "first": first,
        "warm": statistics.median(wall for wall, _ in runs),
        "processor": statistics.median(processor for _, processor in runs),
        "spread": [min(wall for wall, _ in runs), max(wall for wall, _ in runs)],
        "reached": reached,
    }


def to_share(
    fit: Callable[..., np.ndarray],
    kind: str,
    X: np.ndarray,
    y: np.ndarray,
    goal: dict[str, float],
    share: float,
) -> dict[str, Any] | None:
    """Return seconds to a share of the attainable fall: fewest iterations, for ours the loosest tolerance."""
    settings = (
        [(tol, 100) for tol in (0.1, 1e-2, 1e-3)] if kind == "ours" else [(1e-12, n) for n in range(1, 40)]
    )
    begin = time.perf_counter()
    for tol, most in settings:
        theta, wall, _ = timed(lambda tol=tol, most=most: fit(X, y, tol, most))
        found = (goal["start"] - objective(X, y, theta)) / (goal["start"] - goal["best"])
        if found >= share:
            walls = [wall, *(timed(lambda tol=tol, most=most: fit(X, y, tol, most))[1] for _ in range(2))]
            return {"seconds": statistics.median(walls), "R": found, "tol": tol, "iterations": most}
        if time.perf_counter() - begin > LIMIT:
            break
    return None


def run_side(script: Path, name: str, folder: Path, ours: bool, free: bool) -> dict[str, Any]:
    """Run one side in a fresh process of its own environment."""
    threads = {f"{of}_NUM_THREADS": "2" for of in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    python = sys.executable if ours else str(RIVALS / "bin/python")
    command = [python, str(script.resolve()), "--side", name, "--folder", str(folder)]
    with nullcontext(os.getloadavg()[0]) if free else alone() as load:
        done = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr[-2000:], "load": load}
    return json.loads(done.stdout.splitlines()[-1]) | {"load": round(load, 1)}


def need_rivals(packages: tuple[str, ...] = ("scikit-learn", "glum", "snapml")) -> None:
    """Make the rivals' environment complete."""
    python = RIVALS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVALS)], check=True)
    wanted = "; ".join(f"import {name.replace('scikit-learn', 'sklearn')}" for name in packages)
    if subprocess.run([str(python), "-c", wanted], capture_output=True).returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)


def compare(name: str, sides: list[str], kept: dict[str, Any], *, again: bool, free: bool) -> dict[str, Any]:
    """Measure the sides of one table; rivals only where they were not measured on it before."""
    X, y = make(*(int(part) for part in name.split("x")))
    best = optimum(X, y)
    rate = float(y.mean())
    goal = {"best": objective(X, y, best), "start": -rate * np.log(rate) - (1 - rate) * np.log1p(-rate)}
    split = hashlib.sha256(X[:1000].tobytes() + y.tobytes()).hexdigest()[:16]
    found = kept if kept.get("split") == split else {"split": split, "goal": goal, "sides": {}}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.save(folder / "X64.npy", X)
        np.save(folder / "X32.npy", X.astype(np.float32))
        np.save(folder / "y.npy", y)
        (folder / "goal.json").write_text(json.dumps(goal))
        del X
        for one in sides:
            if one in OURS or again or one not in found["sides"]:
                found["sides"][one] = run_side(Path(__file__), one, folder, one in OURS, free)
                print(name, one, found["sides"][one], flush=True)
    return found


def page(kept: dict[str, Any], date: str) -> str:
    """Return the results as a page."""
    lines = [
        f"# Dense logistic regression, {date}",
        "",
        f"`python benchmarks/linear/dense.py`; {platform.machine()}, {platform.system()}, {os.cpu_count()} "
        f"cores, two threads each, Python {platform.python_version()}, numpy {np.__version__}. Seconds of a "
        "fit from arrays in memory; 32 and 64 = float32 and float64 input. Gap: objective over its optimum, "
        "relative, at the loosest tolerance that reaches 1e-6 (or the best that was found). Times: warm fit "
        "over that of ours with the same input type. R: seconds to that share of the attainable fall of the "
        f"objective. At a load above {os.cpu_count()} wall seconds are upper bounds, and processor seconds "
        "contain waiting in BLAS.",
    ]
    for name, found in kept.items():
        lines += [
            "",
            f"## {name}",
            "",
            f"Split {found['split']}, optimum {found['goal']['best']:.9f}, "
            f"without columns {found['goal']['start']:.6f}.",
            "",
            "| side | tol | gap | first | warm | range | processor | times | to R=99 % | to R=99.9 % "
            "| load |",
            "|---|---|---:|---:|---:|---|---:|---:|---:|---:|---:|",
        ]
        for one, its in found["sides"].items():
            if "error" in its:
                lines.append(f"| {one} | failed: {its['error'].splitlines()[-1][:80]} |")
                continue
            mine = found["sides"].get(f"ours{one[-2:]}", {}).get("warm", float("nan"))
            to = [its["reached"][share] for share in ("0.99", "0.999")]
            words = ["" if a is None else f"{a['seconds']:.3f}" for a in to]
            lines.append(
                f"| {one} | {its['tol']:g} | {its['gap']:.1e} | {its['first']:.3f} | {its['warm']:.3f} | "
                f"{its['spread'][0]:.3f}..{its['spread'][1]:.3f} | {its['processor']:.3f} | "
                f"{its['warm'] / mine:.1f} | {words[0]} | {words[1]} | {its['load']:.1f} |"
            )
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure, and write after each table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=["1000000x28", "500000x50"], help="rows x columns")
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--again", action="store_true", help="run rivals again too")
    parser.add_argument("--free", action="store_true", help="do not wait for the lock of timed runs")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--side", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        warnings.simplefilter("ignore")  # that a small number of iterations did not converge is the question
        print(json.dumps(side(options.side, Path(options.folder))))
        return
    need_rivals()
    results = HERE / "results" / f"{options.date}-dense.json"
    for name in options.tables:
        kept = json.loads(results.read_text()) if results.exists() else {}
        kept[name] = compare(name, options.sides, kept.get(name, {}), again=options.again, free=options.free)
        results.write_text(json.dumps(kept, indent=1) + "\n")
        results.with_suffix(".md").write_text(page(kept, options.date))


if __name__ == "__main__":
    main()
