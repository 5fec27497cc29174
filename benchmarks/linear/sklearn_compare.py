"""Does the linear family reach scikit-learn's best-tuned linear pipeline on the same rows?

    python benchmarks/linear/sklearn_compare.py [--tables titanic adult ...] [--data ../shared/data]

Rows with a target are split 80/20 by a stated seed; both train on the same 80 % with the same column
roles and are asked once for the 20 %. The rival lives in `benchmarks/.venv-rivals`, made here. Each side
is a fresh process, two threads; its seconds go from the table on disk to the predictions, imports apart.
Results are appended to `results/DATE-sklearn.json` as they come, the rival's are kept and not run twice;
`results/DATE-sklearn.md` is written from it. The target: within 0.5 % of the rival's loss, or better.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

RIVALS = HERE.parent / ".venv-rivals"
SEED = 20261121
TABLES = {
    "titanic": ("titanic.csv", "Survived"),
    "california_housing": ("california_housing.csv", "median_house_value"),
    "diamonds": ("diamonds.parquet", "price"),
    "adult": ("adult.parquet", "income"),
    "bank_marketing": ("bank_marketing.parquet", "y"),
    "letter": ("letter.parquet", "letter"),
    "nycflights13_100k": ("nycflights13_100k.parquet", "arr_delay"),
    "kdd99_10pct": ("kdd99_10pct.parquet", "label"),
}
SOLVERS = {"adult": "newton-cholesky", "bank_marketing": "newton-cholesky", "titanic": "newton-cholesky"}
# LogisticRegressionCV on 395,000 rows of 23 classes would take hours: its strength is chosen on 30,000
# rows, then all rows are fitted once with so many iterations.
SHORT = {"kdd99_10pct": {"tune_rows": 30_000, "max_iter": 600}}


def ours(folder: Path) -> None:
    """Train and predict in this process; a side of its own, called with --ours."""
    import justright

    begin = time.perf_counter()
    question = json.loads((folder / "question.json").read_text())
    run = justright.train(
        str(folder / "train.parquet"),
        target=question["target"],
        out=folder / "runs",
        family="linear",
        baseline=False,
    )
    model = justright.load(run.summary.model)
    table = str(folder / "test.parquet")
    regression = question["task"] == "regression"
    np.save(folder / "predictions.npy", model.predict(table) if regression else model.predict_proba(table))
    summary = run.summary
    found = {
        "seconds": time.perf_counter() - begin,
        "version": justright.__version__,
        "model": summary.verdict,
        "train": summary.seconds.train,
        "total": summary.seconds.total,
        "validation": summary.validation.value,
        "metric": summary.metric,
        "classes": list(model.classes),
        "findings": [finding.id for finding in summary.findings],
    }
    (folder / "ours.json").write_text(json.dumps(found))


def rival_python() -> Path:
    """Return the rival's interpreter; makes its environment when there is none."""
    python = RIVALS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVALS)], check=True)
        packages = ["scikit-learn", "pandas", "pyarrow"]
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return python


def divide(path: Path, target: str) -> tuple[pa.Table, pa.Table, str]:
    """Return the 80 %, the 20 %, and a hash of who is where; rows without a target are left out."""
    table = pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)
    table = table.filter(table[target].is_valid())
    order = np.random.default_rng(SEED).permutation(table.num_rows)
    cut = table.num_rows // 5
    split = hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()[:16]
    return table.take(np.sort(order[cut:])), table.take(np.sort(order[:cut])), split


def question_for(name: str, target: str, train: pa.Table) -> dict[str, Any]:
    """Return task and column roles, as our schema sees the training rows."""
    from justright.kinds import infer_schema
    from justright.source import open_source

    schema, _ = infer_schema(open_source(train), target=target)
    assert schema.target is not None
    kinds = {column.name: column.kind for column in schema.features}
    roles = {
        "numbers": [c for c, kind in kinds.items() if kind == "numeric"],
        "categories": [c for c, kind in kinds.items() if kind in ("categorical", "boolean", "text")],
        "dates": [c for c, kind in kinds.items() if kind == "datetime"],
    }
    short = SHORT.get(name, {"tune_rows": 0, "max_iter": 1000})
    return {
        "target": target,
        "task": schema.target.task,
        "roles": roles,
        "solver": SOLVERS.get(name, "lbfgs"),
        "folds": "shuffled",
        **short,
    }


def scores(
    question: dict[str, Any], found: dict[str, Any], predictions: Any, test: pa.Table
) -> dict[str, Any]:
    """Return the metrics of predictions on the test rows; classes never trained on are left out."""
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, root_mean_squared_error

    truth = test[question["target"]]
    if question["task"] == "regression":
        return {"rmse": float(root_mean_squared_error(truth.to_numpy(), predictions)), "rows": len(truth)}
    classes = np.asarray(found["classes"])
    order = np.argsort(classes)
    y = np.asarray([str(value) for value in truth.to_pylist()])
    known = np.isin(y, classes)
    p, y = predictions[known][:, order], y[known]
    p = p / p.sum(axis=1, keepdims=True)
    scored = {
        "log_loss": float(log_loss(y, p, labels=classes[order])),
        "accuracy": float(accuracy_score(y, classes[order][p.argmax(axis=1)])),
        "rows": int(known.sum()),
    }
    if len(classes) == 2:
        scored["roc_auc"] = float(roc_auc_score(y, p[:, 1]))
    return scored


def run_side(
    side: str, folder: Path, question: dict[str, Any], test: pa.Table, limit: float
) -> dict[str, Any]:
    """Run one side in a fresh process and score it."""
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    if side == "ours":
        command = [sys.executable, str(Path(__file__).resolve()), "--ours", str(folder)]
    else:
        command = [str(rival_python()), str(HERE / "rival.py"), str(folder)]
    with alone() as load:
        try:
            subprocess.run(command, check=True, env=environment, timeout=limit, stdout=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return {"seconds": limit, "load": load, "model": "did not end within the limit", "scores": {}}
    found: dict[str, Any] = json.loads((folder / f"{side}.json").read_text())
    found["load"] = round(load, 1)
    found["scores"] = scores(question, found, np.load(folder / "predictions.npy"), test)
    return found


def compare(name: str, data: Path, kept: dict[str, Any], limit: float) -> dict[str, Any]:
    """Run both sides of one table; the rival only if it was not run on this split before."""
    file, target = TABLES[name]
    train, test, split = divide(data / file, target)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pq.write_table(train, folder / "train.parquet")
        pq.write_table(test, folder / "test.parquet")
        question = question_for(name, target, train)
        (folder / "question.json").write_text(json.dumps(question))
        before = kept.get(name, {})
        same = before.get("split") == split and before.get("question") == question
        mine = run_side("ours", folder, question, test, limit)
        rival = before["rival"] if same else run_side("rival", folder, question, test, limit)
    return {
        "split": split,
        "rows": [train.num_rows, test.num_rows],
        "question": question,
        "rival": rival,
        "ours": mine,
    }


def page(kept: dict[str, Any], date: str, command: str) -> str:
    """Return the results as a page."""
    lines = [
        f"# Linear models beside scikit-learn's tuned pipeline, {date}",
        "",
        f"`{command}`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, two threads each, numpy {np.__version__}. 80/20 by row, seed {SEED}; the 20 % were looked "
        "at once, after all choices. Seconds: from the table on disk to the predictions, tuning included. "
        "Ratio of the loss below 1.005 = reached; `faster` above 1 = ours is faster; load: before each side.",
        "",
        "| table | train, test rows | split | metric | ours | scikit-learn | ratio | s ours | s scikit-learn "
        "| faster | load |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    notes = []
    for name in (table for table in TABLES if table in kept):
        found = kept[name]
        mine, rival = found["ours"], found["rival"]
        for metric, value in mine["scores"].items():
            if metric == "rows":
                continue
            other = rival["scores"].get(metric, float("nan"))
            lines.append(
                f"| {name} | {found['rows'][0]:,}, {mine['scores']['rows']:,} | {found['split'][:8]} "
                f"| {metric} | {value:.6g} | {other:.6g} | {value / other:.4f} | {mine['seconds']:.1f} | "
                f"{rival['seconds']:.1f} | {rival['seconds'] / mine['seconds']:.1f} | "
                f"{mine['load']:.1f}, {rival['load']:.1f} |"
            )
        said = "; ".join(rival.get("warnings", [])) or "no warning"
        notes.append(f"- {name}: {rival['model']}, {rival.get('features', '?')} encoded columns; {said}.")
    return "\n".join([*lines, "", "The rival, and what it said:", "", *notes, ""])


def main() -> None:
    """Compare, and write after each table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--limit", type=float, default=1200.0, help="most seconds of one side")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--ours", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        ours(Path(options.ours))
        return
    results = HERE / "results" / f"{options.date}-sklearn.json"
    results.parent.mkdir(exist_ok=True)
    for name in options.tables:
        kept = json.loads(results.read_text()) if results.exists() else {}
        kept[name] = compare(name, Path(options.data), kept, options.limit)
        results.write_text(json.dumps(kept, indent=1) + "\n")
        command = "python benchmarks/linear/sklearn_compare.py"
        results.with_suffix(".md").write_text(page(kept, options.date, command))
        mine, rival = kept[name]["ours"], kept[name]["rival"]
        print(name, "ours", mine["scores"], f"{mine['seconds']:.1f} s", flush=True)
        print(name, "sklearn", rival["scores"], f"{rival['seconds']:.1f} s", rival["model"], flush=True)


if __name__ == "__main__":
    main()
