"""Quality and fit seconds of additive models with found crosses, beside boosting machines on the same rows.

    python benchmarks/linear/glassbox.py [--tables insurance telco ...] [--sides ours estimator ...]

Seven tables; Adult on its official rows, Bank 2/3-1/3 (with duration), the others 80/20 by a stated seed;
columns that number the rows are left out. Each side is a fresh process with two threads and fits from a data
frame in memory, ours by `justright.train` and by the estimators: `first` is the first fit of the process,
`warm` the median of later ones. Ours is also run once with an empty cache of compiled kernels (`compile`).
Test rows take part in no choice. Rivals live in `benchmarks/.venv-rivals` and are kept by table and split in
`results/DATE-glassbox.json`; only ours is run again. `--free` does not wait for the lock of timed runs (and
takes none): for the rival that needs minutes a table. Beside wall seconds stand processor seconds, which
other work on the machine changes little.
"""

from __future__ import annotations

import argparse
import datetime
import fcntl
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

RIVALS = HERE.parent / ".venv-rivals"
PACKAGES = ["scikit-learn", "pandas", "pyarrow", "interpret-core", "lightgbm"]
SEED = 20261121
OFFICIAL = 32_561
REPEATS, ONCE_ABOVE = 3, 20.0
QUIET = 2.5
# File, target, positive class or "" for a number, columns that number the rows.
TABLES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "insurance": ("insurance.parquet", "charges", "", ()),
    "telco": ("telco_churn.parquet", "Churn", "Yes", ("customerID",)),
    "california": ("california_housing.parquet", "median_house_value", "", ()),
    "credit_default": ("credit_default.parquet", "default.payment.next.month", "1", ("ID",)),
    "bank": ("bank_marketing.parquet", "y", "yes", ()),
    "adult": ("adult.parquet", "income", ">50K", ()),
    "diamonds": ("diamonds.parquet", "price", "", ()),
}
RIVAL_SIDES = ("ebm", "lightgbm", "linear")
OUR_SIDES = ("ours", "estimator")
NAMED = {"adult": ("roc_auc", 0.927, 0.929), "bank": ("roc_auc", 0.950, 0.952)}
NAMED |= {"california": ("rmse", 46_000.0, 44_500.0)}


def divide(name: str, data: Path) -> tuple[pa.Table, pa.Table, str]:
    """Return training rows, test rows, and a hash of who is where."""
    file, target, _, numbering = TABLES[name]
    table = pq.read_table(data / file).drop_columns(list(numbering))
    table = table.filter(table[target].is_valid())
    rows = table.num_rows
    if name == "adult":
        train, test = np.arange(OFFICIAL), np.arange(OFFICIAL, rows)
    else:
        order = np.random.default_rng(SEED).permutation(rows)
        cut = rows // 3 if name == "bank" else rows // 5
        train, test = np.sort(order[cut:]), np.sort(order[:cut])
    split = hashlib.sha256(np.concatenate([train, [-1], test]).astype("<i8").tobytes()).hexdigest()[:16]
    return table.take(train), table.take(test), split


def question_for(name: str, train: pa.Table) -> dict[str, Any]:
    """Return what both sides are asked, with the column roles that our schema sees."""
    from justright.kinds import infer_schema
    from justright.source import open_source

    _, target, positive, _ = TABLES[name]
    schema, _ = infer_schema(open_source(train), target=target)
    kinds = {column.name: column.kind for column in schema.features}
    roles = {
        "numbers": [c for c, kind in kinds.items() if kind == "numeric"],
        "categories": [c for c, kind in kinds.items() if kind in ("categorical", "boolean", "text")],
        "dates": [c for c, kind in kinds.items() if kind == "datetime"],
    }
    return {
        "target": target,
        "positive": positive,
        "task": "binary" if positive else "regression",
        "roles": roles,
        "repeats": REPEATS,
        "once_above": ONCE_ABOVE,
        "solver": "newton-cholesky",
        "tune_rows": 0,
        "max_iter": 1000,
    }


def cpu() -> float:
    """Return the processor seconds of this process and its children."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def ours(folder: Path) -> None:
    """Fit and predict in this process; a side of its own, called with --ours ours."""
    import justright

    question = json.loads((folder / "question.json").read_text())
    train, test = (pq.read_table(folder / f"{name}.parquet").to_pandas() for name in ("train", "test"))
    seconds: list[float] = []
    before, used = cpu(), 0.0
    while len(seconds) < question["repeats"]:
        begin = time.perf_counter()
        run = justright.train(
            train, target=question["target"], out=folder / "runs", baseline=False, family="crossed"
        )
        seconds.append(time.perf_counter() - begin)
        used = used or cpu() - before
    begin = time.perf_counter()
    model = justright.load(run.summary.model)
    if question["positive"]:
        place = list(map(str, model.classes)).index(question["positive"])
        predictions = model.predict_proba(test)[:, place]
    else:
        predictions = model.predict(test)
    scoring = time.perf_counter() - begin
    np.save(folder / "ours.npy", np.asarray(predictions, float))
    summary = run.summary
    found = {
        "fits": seconds,
        "cpu": used,
        "predict": scoring,
        "model": summary.verdict,
        "version": f"justright {justright.__version__}",
        "parts": {part: getattr(summary.seconds, part) for part in ("read", "features", "train", "total")},
        "validation": summary.validation.value,
        "metric": summary.metric,
        "terms": _terms(Path(summary.model)),
        "findings": [finding.id for finding in summary.findings],
    }
    (folder / "ours.json").write_text(json.dumps(found))


def estimator(folder: Path) -> None:
    """Fit and predict with the estimators; a side of its own, called with --ours estimator."""
    import justright
    from justright.estimators import CrossedClassifier, CrossedRegressor

    question = json.loads((folder / "question.json").read_text())
    train, test = (pq.read_table(folder / f"{name}.parquet").to_pandas() for name in ("train", "test"))
    y = train.pop(question["target"])
    test = test.drop(columns=question["target"])
    y = y.astype(str).to_numpy(object) if question["positive"] else y.to_numpy(float)
    seconds: list[float] = []
    before, used = cpu(), 0.0
    while len(seconds) < question["repeats"]:
        begin = time.perf_counter()
        model = (CrossedClassifier() if question["positive"] else CrossedRegressor()).fit(train, y)
        seconds.append(time.perf_counter() - begin)
        used = used or cpu() - before
    begin = time.perf_counter()
    if question["positive"]:
        predictions = model.predict_proba(test)[:, list(model.classes_).index(question["positive"])]
    else:
        predictions = model.predict(test)
    found = {
        "fits": seconds,
        "cpu": used,
        "predict": time.perf_counter() - begin,
        "model": type(model).__name__ + "()",
        "version": f"justright {justright.__version__}",
        "terms": [" x ".join(map(str, pair)) for pair in model.crosses_],
    }
    np.save(folder / "estimator.npy", np.asarray(predictions, float))
    (folder / "estimator.json").write_text(json.dumps(found))


def _terms(bundle: Path) -> list[str]:
    """Return the names of the crosses of a bundle."""
    for path in bundle.rglob("*.json"):
        front = json.loads(path.read_text())
        for part in (front, *(front.values() if isinstance(front, dict) else ())):
            if isinstance(part, dict) and "terms" in part:
                return [term["name"] for term in part["terms"] if len(term["fields"]) > 1]
    return []


def rival_python() -> Path:
    """Return the rivals' interpreter with all they need; makes what is missing."""
    python = RIVALS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVALS)], check=True)
    known = subprocess.run(
        [str(python), "-c", "import interpret, lightgbm, sklearn"], capture_output=True, check=False
    )
    if known.returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def run_side(side: str, folder: Path, limit: float, free: bool) -> dict[str, Any]:
    """Run one side in a fresh process; returns what it found, with the load before and after."""
    threads = {f"{kind}_NUM_THREADS": "2" for kind in ("OMP", "OPENBLAS", "NUMBA", "LOKY")}
    environment = os.environ | threads | {"LOKY_MAX_CPU_COUNT": "2"}
    here = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory() as cache:
        if side in OUR_SIDES:
            command = [sys.executable, here, "--ours", side, str(folder)]
            first = environment | {"NUMBA_CACHE_DIR": cache}
        else:
            command, first = [str(rival_python()), str(HERE / "glassbox_rival.py"), str(folder), side], {}
        with nullcontext(os.getloadavg()[0]) if free else alone() as load:
            compiled = None
            if first:
                _call(command, first, limit)
                cold = json.loads((folder / f"{side}.json").read_text())
                compiled = [cold["fits"][0], cold["cpu"]]
            if not _call(command, first or environment, limit):
                return {"fits": [limit], "load": [load], "model": "did not end within the limit"}
    found: dict[str, Any] = json.loads((folder / f"{side}.json").read_text())
    found["load"] = [round(load, 1), round(os.getloadavg()[0], 1)]
    found["nice"] = os.nice(0)
    if compiled is not None:
        found["compile"] = compiled
    return found


def _call(command: list[str], environment: dict[str, str], limit: float) -> bool:
    """Run a command; say whether it ended in time."""
    try:
        subprocess.run(command, check=True, env=environment, timeout=limit, stdout=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return False
    return True


def score(question: dict[str, Any], test: pa.Table, predictions: Any) -> dict[str, float]:
    """Return the metrics of predictions on the test rows."""
    from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

    truth = test[question["target"]]
    if question["task"] == "regression":
        return {"rmse": float(root_mean_squared_error(truth.to_numpy(), predictions))}
    y = np.asarray([str(value) == question["positive"] for value in truth.to_pylist()])
    p = np.clip(predictions, 1e-15, 1 - 1e-15)
    return {"roc_auc": float(roc_auc_score(y, p)), "log_loss": float(log_loss(y, p))}


@contextmanager
def kept(path: Path) -> Iterator[dict[str, Any]]:
    """Give the results to change; two runs of this script may write at once."""
    with path.with_suffix(".json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        found = json.loads(text) if text else {}
        yield found
        file.seek(0)
        file.truncate()
        file.write(json.dumps(found, indent=1) + "\n")


def measure(name: str, sides: list[str], results: Path, options: argparse.Namespace) -> None:
    """Run the sides of one table, and write after each."""
    train, test, split = divide(name, Path(options.data))
    question = question_for(name, train)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pq.write_table(train, folder / "train.parquet")
        pq.write_table(test, folder / "test.parquet")
        (folder / "question.json").write_text(json.dumps(question))
        for side in sides:
            with kept(results) as found:
                before = found.get(name, {})
            same = side in before.get("sides", {}) and before.get("split") == split
            if side in RIVAL_SIDES and same and not options.again:
                continue
            made = run_side(side, folder, options.limit, options.free)
            if (folder / f"{side}.npy").exists():
                made["scores"] = score(question, test, np.load(folder / f"{side}.npy"))
            print(name, side, made.get("scores"), [round(s, 2) for s in made["fits"]], flush=True)
            with kept(results) as found:
                if found.get(name, {}).get("split") != split:
                    found[name] = {"split": split, "question": question, "sides": {}}
                found[name]["rows"] = [train.num_rows, test.num_rows]
                found[name]["sides"][side] = made
                everything = dict(found)
            results.with_suffix(".md").write_text(page(everything, options.date))


def page(found: dict[str, Any], date: str) -> str:
    """Return the results as a page."""
    lines = [
        f"# Additive models with found crosses beside boosting machines, {date}",
        "",
        "`python benchmarks/linear/glassbox.py`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, two threads each, numpy {np.__version__}. Adult: official rows; Bank: 2/3-1/3, with "
        f"duration; else 80/20; seed {SEED}. Every side as it comes, fitted from a data frame in memory; the "
        "linear pipeline is tuned by cross-validation. `first`: first fit of a fresh process, imports "
        "apart; `warm`: median of later fits of the process; `cpu`: processor seconds of the first fit, all "
        "threads and workers. `compile`: first fit with an empty cache of compiled kernels, once after "
        "each installation. Wall seconds at a load above two are upper bounds. Ours includes splitting, "
        "five folds, intervals and the saved bundle. Test rows take part in no choice of any side; runs of "
        "later versions of ours look again.",
        "",
        "| table | train, test rows | split | side | metric | value | log loss | s first | s warm | cpu s "
        "| s predict | load before, after |",
        "|---|---|---|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name in (table for table in TABLES if table in found):
        table = found[name]
        for side in (each for each in (*OUR_SIDES, *RIVAL_SIDES) if each in table["sides"]):
            made = table["sides"][side]
            scores = made.get("scores", {})
            metric = "rmse" if "rmse" in scores else "roc_auc"
            loss = f"{scores['log_loss']:.4f}" if "log_loss" in scores else ""
            lines.append(
                f"| {name} | {table['rows'][0]:,}, {table['rows'][1]:,} | {table['split'][:8]} | {side} "
                f"| {metric} | {scores.get(metric, float('nan')):.5g} | {loss} | {made['fits'][0]:.2f} "
                f"| {_warm(made)} | {made.get('cpu', float('nan')):.1f} | {made.get('predict', 0):.2f} "
                f"| {', '.join(map(str, made['load']))} |"
            )
    lines += ["", *_verdicts(found), "", *_notes(found), ""]
    return "\n".join(lines)


def _warm(made: dict[str, Any]) -> str:
    """Return the median of the fits after the first."""
    later = made["fits"][1:]
    return f"{statistics.median(later):.2f}" if later else ""


def _verdicts(found: dict[str, Any]) -> list[str]:
    """Return the comparison with the explainable boosting machine, table by table."""
    lines = [
        "Beside the explainable boosting machine: quality is reached at its AUC - 0.001 or 1.01 x its RMSE; "
        "time at 1/60 above 10,000 training rows, 1/10 below. `x wall`: its first fit over ours, in wall "
        f"seconds; `x cpu`: the same in processor seconds. Time is judged by wall where every load was at "
        f"most {QUIET}, else by processor seconds: the boosting machine then ran at low priority (nice).",
        "",
        "| table | ours | EBM | quality | x wall | x cpu | wanted | time | compile s wall / cpu |",
        "|---|---:|---:|---|---:|---:|---:|---|---:|",
    ]
    reached, counted = 0, 0
    for name in (table for table in TABLES if table in found):
        sides = found[name]["sides"]
        if not {"ours", "ebm"} <= set(sides) or "scores" not in sides["ebm"]:
            continue
        mine, other = sides["ours"], sides["ebm"]
        if "rmse" in mine["scores"]:
            a, b = mine["scores"]["rmse"], other["scores"]["rmse"]
            good = a <= 1.01 * b
        else:
            a, b = mine["scores"]["roc_auc"], other["scores"]["roc_auc"]
            good = a >= b - 0.001
        reached, counted = reached + good, counted + 1
        wanted = 60 if found[name]["rows"][0] > 10_000 else 10
        wall = other["fits"][0] / mine["fits"][0]
        least = other.get("cpu", 0.0) / mine["cpu"]
        # On a crowded machine, or where the rival stood back, wall seconds say nothing of either side.
        quiet = max(*mine["load"], *other["load"]) <= QUIET and not other.get("nice", 0)
        good_time = (wall if quiet else least) >= wanted
        time_word = ("reached" if good_time else "missed") + ("" if quiet else " (by cpu)")
        lines.append(
            f"| {name} | {a:.5g} | {b:.5g} | {'reached' if good else 'missed'} | {wall:.0f} | {least:.0f} "
            f"| {wanted} | {time_word} | {' / '.join(f'{s:.1f}' for s in mine.get('compile', []))} |"
        )
    lines += ["", f"Quality reached on {reached} of {counted} tables (wanted: 5 of 7).", ""]
    for name, (metric, wanted, far) in NAMED.items():
        if name in found and "ours" in found[name]["sides"]:
            value = found[name]["sides"]["ours"]["scores"][metric]
            good = (value <= wanted) if metric == "rmse" else (value >= wanted)
            lines.append(
                f"- {name}: {metric} {value:.5g}, wanted {wanted:g} ({'reached' if good else 'missed'}), "
                f"moonshot {far:g}."
            )
    return lines


def _notes(found: dict[str, Any]) -> list[str]:
    """Return what each side was."""
    lines = ["Crosses that ours kept, and the rivals:", ""]
    for name in (table for table in TABLES if table in found):
        for side, made in found[name]["sides"].items():
            words = "; ".join(made.get("terms", [])) if side in OUR_SIDES else made.get("model", "")
            lines.append(f"- {name}, {side}, {made.get('version', '?')}: {words or 'as it comes'}")
    return lines


def main() -> None:
    """Measure table by table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument(
        "--sides", nargs="+", default=[*OUR_SIDES, *RIVAL_SIDES], choices=[*OUR_SIDES, *RIVAL_SIDES]
    )
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--limit", type=float, default=1800.0, help="most seconds of one side")
    parser.add_argument("--again", action="store_true", help="measure rivals anew, on a quieter machine")
    parser.add_argument("--free", action="store_true", help="do not wait for other timed runs, nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--ours", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        {"ours": ours, "estimator": estimator}[options.ours[0]](Path(options.ours[1]))
        return
    results = HERE / "results" / f"{options.date}-glassbox.md"
    results.parent.mkdir(exist_ok=True)
    for name in options.tables:
        measure(name, options.sides, results, options)


if __name__ == "__main__":
    main()
