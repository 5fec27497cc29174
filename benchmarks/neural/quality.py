"""Quality and fit seconds of networks beside RealMLP, scikit-learn's MLP and LightGBM on the same rows.

    python benchmarks/neural/quality.py [--tables higgs_7k ...] [--sides ours realmlp ...]

The tables, splits and metrics of tables.py. Each side is a fresh process with two threads and fits once
from a data frame in memory; the held-out fifth is the same for every side that can take it. Three seeds of
the model for a table below 10,000 rows, one above. Ours is run with an empty cache of compiled programs
(`compile`), then in a fresh process twice: first and warm. Test rows take part in no choice. The rivals'
results are kept by table, split, side and seed in `results/DATE-quality.json`; only ours is run again
(`--again` measures rivals anew). `--free` does not wait for the lock of timed runs (and takes none): for
the rivals that need minutes a table, whose processor seconds count then (threads wait without spinning, so
that these are those of the work).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from environment import SHARED, call, rival_python
from quality_page import page
from tables import TABLES, Parts, divide, question_for, score, seeds_for
from usage import cpu, peak_memory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent))

from glassbox import kept  # noqa: E402  (a script: its neighbours are not on the path before)

from lock import alone  # noqa: E402

OUR_SIDES = ("ours",)
RIVAL_SIDES = ("lightgbm", "lightgbm_stopped", "mlp", "mlp_stopped", "realmlp", "realmlp_s")


def ours(folder: Path) -> None:
    """Fit and predict in this process, as often as the question says; called with --ours FOLDER."""
    import pandas as pd

    import justright
    from justright.estimators import NeuralClassifier, NeuralRegressor

    question = json.loads((folder / "question.json").read_text())
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    y = train.pop(question["target"])
    test = test.drop(columns=question["target"])
    regression = question["task"] == "regression"
    y = y.to_numpy(float) if regression else y.astype(str).to_numpy(object)
    held = np.load(folder / "held.npy")
    rest = np.setdiff1d(np.arange(len(y)), held)
    kind = NeuralRegressor if regression else NeuralClassifier
    found: dict[str, Any] = {"fits": [], "cpu": [], "memory": [round(peak_memory())]}
    for _ in range(question["repeats"]):
        before, begin = cpu(), time.perf_counter()
        model = kind(cv=[(rest, held)], random_state=question["seed"]).fit(train, y)
        found["fits"].append(time.perf_counter() - begin)
        found["cpu"].append(cpu() - before)
    found["memory"].append(round(peak_memory()))
    begin = time.perf_counter()
    predictions = model.predict(test) if regression else model.predict_proba(test)
    found["predict"] = time.perf_counter() - begin
    found["classes"] = [] if regression else [str(each) for each in model.classes_]
    found["model"] = f"{kind.__name__}()"
    found["version"] = f"justright {justright.__version__}"
    np.save(folder / "ours.npy", np.asarray(predictions, float))
    (folder / "ours.json").write_text(json.dumps(found))


def run_side(side: str, folder: Path, limit: float, free: bool) -> dict[str, Any]:
    """Run one side in a fresh process; returns what it found, with the load before and after."""
    waits = SHARED if free else {}
    with tempfile.TemporaryDirectory() as cache, nullcontext(os.getloadavg()[0]) if free else alone() as load:
        if side in OUR_SIDES:
            command = [sys.executable, str(Path(__file__).resolve()), "--ours", str(folder)]
            more = waits | {"JAX_COMPILATION_CACHE_DIR": cache}
            ended = call(command, limit, more)
            cold = json.loads((folder / f"{side}.json").read_text()) if ended else {}
            ended = ended and call(command, limit, more)
        else:
            cold = {}
            command = [str(rival_python()), str(HERE / "quality_rival.py"), str(folder), side]
            ended = call(command, limit, waits)
    loads = {"load": [round(load, 1), round(os.getloadavg()[0], 1)], "nice": os.nice(0)}
    if not ended:
        return {"fits": [limit], "cpu": [], "model": "did not end within the limit"} | loads
    found: dict[str, Any] = json.loads((folder / f"{side}.json").read_text())
    if cold:
        found["compile"] = [cold["fits"][0], cold["cpu"][0]]
    return found | loads


def measure(name: str, sides: list[str], results: Path, options: argparse.Namespace) -> None:
    """Run the sides of one table, seed by seed, and write after each."""
    parts = divide(name, Path(options.data))
    question = question_for(name, parts.train)
    for seed in seeds_for(parts.train.num_rows, parts.test.num_rows):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            pq.write_table(parts.train, folder / "train.parquet")
            pq.write_table(parts.test, folder / "test.parquet")
            np.save(folder / "held.npy", parts.held)
            (folder / "question.json").write_text(json.dumps(question | {"seed": seed, "repeats": 2}))
            for side in sides:
                if side in OUR_SIDES or options.again or not _known(results, name, parts, side, seed):
                    made = run_side(side, folder, options.limit, options.free)
                    if (folder / f"{side}.npy").exists():
                        predictions = np.load(folder / f"{side}.npy")
                        made["scores"] = score(question, parts.test, predictions, made.pop("classes"))
                    print(name, seed, side, made.get("scores"), made["fits"], made["cpu"], flush=True)
                    _write(results, name, parts, question, side, seed, made, options.date)


def _known(results: Path, name: str, parts: Parts, side: str, seed: int) -> bool:
    """Say whether a result of this very split is kept."""
    with kept(results) as found:
        table = found.get(name, {})
        return table.get("split") == parts.split and str(seed) in table["sides"].get(side, {})


def _write(
    results: Path,
    name: str,
    parts: Parts,
    question: dict[str, Any],
    side: str,
    seed: int,
    made: dict[str, Any],
    date: str,
) -> None:
    """Keep one result, and write the page anew."""
    with kept(results) as found:
        if found.get(name, {}).get("split") != parts.split:
            rows = [parts.train.num_rows - len(parts.held), len(parts.held), parts.test.num_rows]
            found[name] = {"split": parts.split, "question": question, "rows": rows, "sides": {}}
        found[name]["sides"].setdefault(side, {})[str(seed)] = made
        everything = dict(found)
    results.with_suffix(".md").write_text(page(everything, date, [*OUR_SIDES, *RIVAL_SIDES]))


def main() -> None:
    """Measure side by side: the quick ones of all tables first, so that a broken-off run leaves most."""
    parser = argparse.ArgumentParser(description=__doc__)
    every = [*OUR_SIDES, *RIVAL_SIDES]
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--sides", nargs="+", default=every, choices=every)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--limit", type=float, default=3600.0, help="most seconds of one side")
    parser.add_argument("--again", action="store_true", help="measure rivals anew, on a quieter machine")
    parser.add_argument("--free", action="store_true", help="do not wait for other timed runs, nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--ours", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        ours(Path(options.ours))
        return
    results = HERE / "results" / f"{options.date}-quality.md"
    results.parent.mkdir(exist_ok=True)
    failed = []
    for side in options.sides:
        for name in options.tables:
            try:
                measure(name, [side], results, options)
            except subprocess.CalledProcessError as error:
                failed.append(f"{name} {side}: {error}")
    if failed:
        sys.exit("failed, what is above this line: " + "; ".join(failed))


if __name__ == "__main__":
    main()
