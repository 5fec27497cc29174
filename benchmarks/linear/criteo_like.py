"""From a Parquet file like Criteo's to a model and its validation log loss, in seconds.

    python benchmarks/linear/criteo_like.py --rows 1000000 10000000 [--folder CACHE] [--sides fixed full ...]

Rows come from criteo_rows.py (13 numbers, 26 Zipf categories up to a million values, planted crosses). Ours
is timed thrice: `fixed`, a given penalty, no folds and no search, by the estimator; `no-search`, penalties
chosen by five folds; `full`, crosses found too. Rivals: Vowpal Wabbit from its text and from its cache
(writing both is not counted, but said), scikit-learn's FeatureHasher with SGD, LightGBM. Each side is a fresh
process with two threads; seconds of `fit` go from the file to the model, of `predict` from the validation
file to its probabilities, imports apart. The rivals live in `benchmarks/.venv-rivals` and are kept in
`results/DATE-criteo-like.json`; only ours is run again.
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
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from criteo_rows import known_losses, tables  # noqa: E402  (a script: neighbours are not on the path before)

from lock import alone  # noqa: E402

RIVALS = HERE.parent / ".venv-rivals"
PACKAGES = ["scikit-learn", "pandas", "pyarrow", "lightgbm", "vowpalwabbit"]
RIVAL_SIDES = ("vw-text", "vw-cache", "vw-passes", "hasher-sgd", "lightgbm")
SIDES = ("fixed", "no-search", "full", *RIVAL_SIDES)
# A number as penalty: nothing is chosen; 10 is a ridge of 100 rows a category.
CHOICES: dict[str, dict[str, Any]] = {
    "fixed": {"crosses": None, "penalty": 10.0},
    "no-search": {"crosses": {"search": False}},
    "full": {},
}


def ours(side: str, train: Path, valid: Path, out: Path, choices: dict[str, Any]) -> None:
    """Train and predict in this process; a side of its own, called with --ours."""
    import justright

    train_side = _estimator if side == "fixed" else _trained
    begin, used = time.perf_counter(), time.process_time()
    predict, words, beside = train_side(train, out, choices)
    fit, spent, begin = time.perf_counter() - begin, time.process_time() - used, time.perf_counter()
    np.save(out.with_suffix(".npy"), predict(valid))
    found = {
        "fit": fit,
        "cpu": spent,
        "predict": time.perf_counter() - begin,
        "model": words,
        "beside": beside,
        "version": f"justright {justright.__version__}",
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    out.with_suffix(".json").write_text(json.dumps(found))


def _trained(train: Path, out: Path, choices: dict[str, Any]) -> tuple[Callable[[Path], Any], str, str]:
    """Train from the file; return what predicts a file, what it is, and the seconds of its parts."""
    import justright

    run = justright.train(
        str(train), target="label", out=out.parent / "runs", baseline=False, family="crossed", **choices
    )
    parts = {part: getattr(run.summary.seconds, part) for part in ("read", "features", "train", "total")}
    words = f"train(family='crossed', baseline=False, {choices or 'nothing else'})"

    def predict(path: Path) -> Any:
        model = justright.load(run.summary.model)
        return model.predict_proba(str(path))[:, list(map(str, model.classes)).index("1")]

    return predict, words, ", ".join(f"{part} {value:.1f}" for part, value in parts.items())


def _estimator(train: Path, out: Path, choices: dict[str, Any]) -> tuple[Callable[[Path], Any], str, str]:
    """Fit the estimator to a data frame of the file."""
    from justright.estimators import CrossedClassifier

    frame = pq.read_table(train).to_pandas()
    label = frame.pop("label").to_numpy()
    model = CrossedClassifier(**choices).fit(frame, label)

    def predict(path: Path) -> Any:
        return model.predict_proba(pq.read_table(path).to_pandas().drop(columns="label"))[:, 1]

    return predict, f"CrossedClassifier({choices}), from a data frame of the file", ""


def rival_python() -> Path:
    """Return the rivals' interpreter with all they need; makes what is missing."""
    python = RIVALS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVALS)], check=True)
    asked = [str(python), "-c", "import lightgbm, sklearn, vowpalwabbit"]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def run_side(side: str, train: Path, valid: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run one side in a fresh process and judge its probabilities."""
    environment = os.environ | {f"{kind}_NUM_THREADS": "2" for kind in ("OMP", "OPENBLAS", "NUMBA")}
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        out = Path(place) / side
        files = [str(train), str(valid)]
        if side in CHOICES:
            choices = json.dumps(options.choices[side])
            command = [sys.executable, str(Path(__file__).resolve())]
            command += ["--ours", side, *files, str(out), choices]
        else:
            texts = str(Path(options.folder) / "texts")
            command = [
                str(rival_python()),
                str(HERE / "criteo_rival.py"),
                side,
                *files,
                texts,
                str(out),
            ]
        if side.startswith("vw"):
            subprocess.run([*command[:2], "prepare", *command[3:]], check=True, env=environment)
        with nullcontext(os.getloadavg()[0]) if options.free else alone() as load:
            try:
                subprocess.run(command, check=True, env=environment, timeout=options.limit)
            except subprocess.TimeoutExpired:
                return {
                    "fit": options.limit,
                    "load": [round(load, 1)],
                    "model": "did not end within the limit",
                }
        found: dict[str, Any] = json.loads(out.with_suffix(".json").read_text())
        found["scores"] = scores(valid, np.load(out.with_suffix(".npy")))
    found["load"] = [round(load, 1), round(os.getloadavg()[0], 1)]
    return found


def scores(valid: Path, p: Any) -> dict[str, float]:
    """Return log loss and AUC of probabilities on the validation rows."""
    from sklearn.metrics import log_loss, roc_auc_score

    y = pq.read_table(valid, columns=["label"])["label"].to_numpy()
    return {
        "log_loss": float(log_loss(y, np.clip(p, 1e-7, 1 - 1e-7))),
        "roc_auc": float(roc_auc_score(y, p)),
    }


@contextmanager
def kept(path: Path) -> Iterator[dict[str, Any]]:
    """Give the results to change; two runs of this script may write at once."""
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        found = json.loads(text) if text else {}
        yield found
        file.seek(0)
        file.truncate()
        file.write(json.dumps(found, indent=1) + "\n")


def measure(rows: int, options: argparse.Namespace, results: Path) -> None:
    """Run the sides on a table of so many rows, and write after each."""
    train, valid = tables(Path(options.folder), rows)
    # The generator is the split: its text is what the rows follow from.
    split = hashlib.sha256((HERE / "criteo_rows.py").read_bytes()).hexdigest()[:16]
    for side in options.sides:
        with kept(results) as found:
            before = found.get(str(rows), {})
        same = side in before.get("sides", {}) and before.get("generator") == split
        if side in RIVAL_SIDES and same and not options.again:
            continue
        made = run_side(side, train, valid, options)
        print(rows, side, made.get("scores"), f"{made['fit']:.1f} s", flush=True)
        with kept(results) as found:
            if found.get(str(rows), {}).get("generator") != split:
                found[str(rows)] = {"generator": split, "sides": {}}
            found[str(rows)]["known"] = known_losses(valid)
            found[str(rows)]["bytes"] = train.stat().st_size
            found[str(rows)]["sides"][side] = made
            everything = dict(found)
        results.with_suffix(".md").write_text(page(everything, options))


def page(found: dict[str, Any], options: argparse.Namespace) -> str:
    """Return the results as a page."""
    lines = [
        f"# From a Parquet file like Criteo's to a model, {options.date}",
        "",
        "`python benchmarks/linear/criteo_like.py --rows " + " ".join(found) + "`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, two threads each, numpy {np.__version__}. 13 numbers, 26 categories, 200,000 validation "
        "rows of the same truth. `share`: of the fall of the log loss from base rate to truth. "
        "Wall seconds at a load above two are upper bounds; `cpu`: processor seconds of the fit.",
    ]
    for rows in sorted(found, key=int):
        table = found[rows]
        base, least = table["known"]["base"], table["known"]["attainable"]
        lines += [
            "",
            f"## {int(rows):,} rows, {table['bytes'] / 1e6:,.0f} MB of Parquet",
            "",
            f"Log loss of the base rate {base:.5f}, of the truth {least:.5f}.",
            "",
            "| side | log loss | share | AUC | s fit | s cpu | s predict | GB | wall, cpu over `fixed` "
            "| load |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
        ]
        first = table["sides"].get("fixed", {"fit": float("nan"), "cpu": float("nan")})
        for side in (each for each in SIDES if each in table["sides"]):
            made = table["sides"][side]
            score = made.get("scores", {"log_loss": float("nan"), "roc_auc": float("nan")})
            share = (base - score["log_loss"]) / (base - least)
            lines.append(
                f"| {side} | {score['log_loss']:.5f} | {share:.1%} | {score['roc_auc']:.5f} "
                f"| {made['fit']:.1f} | {made.get('cpu', 0):.1f} | {made.get('predict', 0):.1f} "
                f"| {made.get('memory', 0):.1f} "
                f"| {made['fit'] / first['fit']:.2f}, {made.get('cpu', 0) / first['cpu']:.2f} "
                f"| {', '.join(map(str, made['load']))} |"
            )
        lines += [""]
        for side, made in table["sides"].items():
            beside = f" ({made['beside']})" if made.get("beside") else ""
            lines.append(f"- {side}: {made['model']}{beside}; {made.get('version', '?')}.")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure all sizes."""
    if sys.argv[1:2] == ["--ours"]:
        side, train, valid, out, choices = sys.argv[2:7]
        ours(side, Path(train), Path(valid), Path(out), json.loads(choices))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=list(SIDES))
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir()) / "justright-criteo"))
    parser.add_argument(
        "--fixed", type=json.loads, default=CHOICES["fixed"], help="parameters of `fixed`, JSON"
    )
    parser.add_argument("--limit", type=float, default=3600.0, help="most seconds of one side")
    parser.add_argument("--again", action="store_true", help="measure rivals anew, on a quieter machine")
    parser.add_argument("--free", action="store_true", help="do not wait for other timed runs, nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    options.choices = CHOICES | {"fixed": options.fixed}
    results = HERE / "results" / f"{options.date}-criteo-like.json"
    results.parent.mkdir(exist_ok=True)
    for rows in options.rows:
        measure(rows, options, results)


if __name__ == "__main__":
    main()
