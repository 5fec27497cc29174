"""Does the search for crosses ever take in a column of noise, and does it ever do harm?

    python benchmarks/linear/guard.py [--tables adult ...] [--seeds 25] [--data ../shared/data]

A run: rows of a table drawn by the seed, at most 6,000 to train and 6,000 to test; beside the columns
stand shuffled copies of them, at most 12, whose values are those of other rows. The family `crossed` is
trained with its search and without. Counted are the runs in which a cross with a shuffled copy was
accepted at any moment of the training, and those in which one stands in the model. The loss of both models
(squared error, log-loss, Poisson deviance) is taken on the test rows, which no choice saw.

Each run is appended to `results/DATE-guard.jsonl` as it comes and is not run twice; `results/DATE-guard.md`
is written from it. The targets: crosses with a shuffled copy in at most 1 of 100 runs; search minus no
search, the mean of the paired losses, at most +0.1 standard error, on every table and overall.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import justright
from justright.models import registry
from justright.models.base import Learner, Progress, Spec, State
from justright.recipe import Recipe
from justright.schema import Block, Member

HERE = Path(__file__).parent
TRAIN, TEST, COPIES = 6_000, 6_000, 12
MARK = "_shuffled"

TABLES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    # name: file, target, task, columns left out (numbers of rows, answers under another name)
    "adult": ("adult.parquet", "income", "classes", ()),
    "bank_marketing": ("bank_marketing.parquet", "y", "classes", ()),
    "telco_churn": ("telco_churn.parquet", "Churn", "classes", ("customerID",)),
    "credit_default": ("credit_default.parquet", "default.payment.next.month", "classes", ("ID",)),
    "criteo_sample": ("criteo_sample.parquet", "label", "classes", ()),
    "higgs_7k": ("higgs_7k.parquet", "label", "classes", ()),
    "wine_quality": ("wine_quality.parquet", "quality", "classes", ()),
    "california_housing": ("california_housing.csv", "median_house_value", "number", ()),
    "diamonds": ("diamonds.parquet", "price", "number", ()),
    "insurance": ("insurance.parquet", "charges", "number", ()),
    "nycflights13": (
        "nycflights13_100k.parquet",
        "arr_delay",
        "number",
        ("dep_delay", "dep_time", "arr_time", "air_time", "time_hour", "tailnum", "year"),
    ),
    "bike_sharing": (
        "bike_sharing.parquet",
        "cnt",
        "count",
        ("casual", "registered", "instant", "dteday"),
    ),
}


class Watched:
    """A Learner that keeps its last state in reach."""

    def __init__(self, learner: Any, kept: dict[str, Any]) -> None:
        self._learner, self._kept = learner, kept

    def __getattr__(self, name: str) -> Any:
        """Return what the learner has."""
        return getattr(self._learner, name)

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Make a pass and note where it led."""
        state, progress = self._learner.advance(spec, state, blocks, members, number)
        self._kept.update(state=state, fields=self._learner._cache["fields"])  # noqa: SLF001 (no state holds names)
        return state, progress


def drawn(name: str, data: Path, seed: int) -> tuple[pa.Table, pa.Table]:
    """Return the training and the test rows of a run, shuffled copies added."""
    file, target, task, out = TABLES[name]
    path = data / file
    table = pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)
    table = table.filter(table[target].is_valid()).drop_columns([c for c in out if c in table.column_names])
    rng = np.random.default_rng([seed, len(name), *name.encode()])
    train = min(TRAIN, table.num_rows * 2 // 3)
    order = rng.permutation(table.num_rows)[: train + TEST]
    rows = table.take(order)
    answer = rows[target].to_pylist()
    told = [f"class {value}" for value in answer] if task == "classes" else [float(v) for v in answer]
    rows = rows.set_column(rows.column_names.index(target), "answer", pa.array(told))
    features = [c for c in rows.column_names if c != "answer"]
    copied = sorted(rng.permutation(len(features))[:COPIES].tolist())
    for place in copied:
        values = rows[features[place]].take(rng.permutation(rows.num_rows))
        rows = rows.append_column(features[place] + MARK, values)
    return rows.slice(0, train), rows.slice(train)


def trained(train: pa.Table, task: str, search: bool) -> tuple[Any, dict[str, Any], float]:
    """Return model, last state with fields, and seconds of the training."""
    kept: dict[str, Any] = {}
    make = registry.FAMILIES["crossed"]

    def watched(recipe: Recipe) -> Learner:
        """Return the Learner, watched."""
        made: Any = Watched(make(recipe), kept)
        return made

    registry.FAMILIES["crossed"] = watched
    choices: dict[str, Any] = {"loss": "poisson"} if task == "count" else {}
    try:
        with tempfile.TemporaryDirectory() as out:
            begin = time.perf_counter()
            run = justright.train(
                train,
                target="answer",
                out=out,
                family="crossed",
                baseline=False,
                crosses={"search": search},
                **choices,
            )
            seconds = time.perf_counter() - begin
            return justright.load(run.summary.model), kept, seconds
    finally:
        registry.FAMILIES["crossed"] = make


def losses(model: Any, test: pa.Table, task: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the loss of each test row; rows of a class that was never trained on are left out."""
    features = test.drop_columns(["answer"])
    answer = test["answer"].to_pylist()
    if task == "classes":
        p = np.clip(np.asarray(model.predict_proba(features), np.float64), 1e-12, 1.0)
        place = {name: i for i, name in enumerate(model.classes)}
        known = [i for i, value in enumerate(answer) if value in place]
        return -np.log(p[known, [place[answer[i]] for i in known]])
    y, f = np.asarray(answer, np.float64), np.asarray(model.predict(features), np.float64)
    if task == "number":
        return (y - f) ** 2
    f = np.maximum(f, 1e-9)
    return 2.0 * (np.where(y > 0, y * np.log(np.maximum(y, 1e-9) / f), 0.0) - (y - f))


def crosses(kept: dict[str, Any]) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """Return the crosses that stand in the model, those with a shuffled copy ever accepted, and notes."""
    state, fields = kept["state"], kept["fields"]
    inside = [f"{fields[i].name} x {fields[j].name}" for i, j, *_ in state["crosses"].tolist()]
    shuffled, notes = [], []
    for i, j, gain, z, p, verdict, number in state["tried"].tolist():
        name = f"{fields[int(i)].name} x {fields[int(j)].name}"
        if int(verdict) != 0 and MARK in name:  # anything but refused
            shuffled.append(name)
        if int(verdict) != 0:
            notes.append({"pair": name, "gain": gain, "z": z, "p": p, "verdict": verdict, "round": number})
    return inside, shuffled, notes


def _code() -> str:
    """Return the commit of the code that runs, or its version outside a repository."""
    asked = ["git", "-C", str(Path(justright.__file__).parent), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or justright.__version__


def run_once(name: str, data: Path, seed: int) -> dict[str, Any]:
    """Make one run."""
    task = TABLES[name][2]
    train, test = drawn(name, data, seed)
    model, kept, seconds = trained(train, task, True)
    plain, _, plain_seconds = trained(train, task, False)
    inside, shuffled, notes = crosses(kept)
    searched, alone = losses(model, test, task), losses(plain, test, task)
    differs = searched - alone
    tried = kept["state"]["tried"]
    return {
        "table": name,
        "seed": seed,
        "code": _code(),
        "rows": [train.num_rows, len(searched)],
        "columns": train.num_columns - 1,
        "tried": len(tried),
        "accepted_shuffled": shuffled,
        "kept_shuffled": [each for each in inside if MARK in each],
        "kept": inside,
        "notes": notes,
        "least_p_shuffled": min(
            (
                row[4]
                for row in tried.tolist()
                if MARK in kept["fields"][int(row[0])].name + kept["fields"][int(row[1])].name
            ),
            default=1.0,
        ),
        "loss": float(searched.mean()),
        "loss_alone": float(alone.mean()),
        "difference": float(differs.mean()),
        "error": float(differs.std(ddof=1) / np.sqrt(len(differs))),
        "seconds": [round(seconds, 2), round(plain_seconds, 2)],
    }


def _line(name: str, own: list[dict[str, Any]]) -> str:
    """Return the line of a table."""
    if not own:
        return f"| {name} | 0 | | | | | | | | | | | | | |"
    t = [run["difference"] / run["error"] if run["error"] > 0 else 0.0 for run in own]
    d = np.asarray([run["difference"] / run["loss_alone"] for run in own])
    spread = d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else 0.0
    least = np.asarray([run["least_p_shuffled"] for run in own])
    seconds = np.median([run["seconds"] for run in own], axis=0)
    sizes = f"{own[0]['rows'][0]:,}, {own[0]['rows'][1]:,} | {own[0]['columns']} | {own[0]['tried']}"
    return (
        f"| {name} | {len(own)} | {' | | ' if name.startswith('*') else sizes} "
        f"| {sum(bool(run['accepted_shuffled']) for run in own)} "
        f"| {sum(bool(run['kept_shuffled']) for run in own)} "
        f"| {np.mean([len(run['kept']) for run in own]):.1f} "
        f"| {100 * d.mean():+.2f} % | {np.mean(t):+.2f} | {d.mean() / spread if spread else 0.0:+.1f} "
        f"| {max(t):+.1f} | {least.min():.2g} | {int((least < 0.1).sum())} "
        f"| {seconds[0]:.2f}, {seconds[1]:.2f} |"
    )


def page(runs: list[dict[str, Any]], date: str) -> str:
    """Return the results as a page."""
    lines = [
        f"# The guard of the search for crosses, {date}",
        "",
        "`python benchmarks/linear/guard.py`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, numpy {np.__version__}, justright {justright.__version__}. Each run draws its own rows and "
        f"its own shuffled copies (at most {COPIES}). accepted: runs in which a cross with a shuffled copy "
        "was accepted at any moment; kept: in which one stands in the model. Difference: search minus no "
        "search, mean over runs of the mean paired loss of the test rows, as a share of the loss without "
        "search; in SE of rows: the mean over the runs of the difference over its standard error across the "
        "test rows; in SE of runs: the mean difference over its standard error across the runs. "
        "Negative = search is better; 0 = nothing was taken in. Least p: the smallest corrected p of a pair "
        "with a shuffled copy, over all runs; by its law, at most one run of ten has one below 0.1.",
        "",
        "| table | runs | train, test rows | columns with copies | pairs | accepted | kept | crosses a run "
        "| difference | in SE of rows | in SE of runs | worst run | least p | p < 0.1 | s with, without |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [_line(name, [run for run in runs if run["table"] == name]) for name in TABLES]
    lines.append(_line("**all**", runs))
    made: dict[str, list[str]] = {}
    for run in runs:
        made.setdefault(run["code"], [])
        made[run["code"]] += [run["table"]] * (run["table"] not in made[run["code"]])
    lines += ["", *(f"- code {code}: {', '.join(names)}" for code, names in made.items())]
    false = [
        (run["table"], run["seed"], run["accepted_shuffled"]) for run in runs if run["accepted_shuffled"]
    ]
    lines += ["", "Crosses with a shuffled copy that were accepted:", ""]
    lines += [f"- {table}, seed {seed}: {', '.join(names)}" for table, seed, names in false] or ["- none"]
    return "\n".join([*lines, ""])


def main() -> None:
    """Run, and write after each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--out", default=str(HERE / "results"))
    options = parser.parse_args()
    results = Path(options.out) / f"{options.date}-guard.jsonl"
    results.parent.mkdir(exist_ok=True, parents=True)
    runs = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(run["table"], run["seed"]) for run in runs}
    for seed in range(options.first, options.first + options.seeds):
        for name in options.tables:
            if (name, seed) in done:
                continue
            runs.append(run_once(name, Path(options.data), seed))
            with results.open("a") as file:
                file.write(json.dumps(runs[-1]) + "\n")
            results.with_suffix(".md").write_text(page(runs, options.date))
            last = runs[-1]
            error = last["error"] or 1.0
            print(
                f"{name} {seed}: kept {len(last['kept'])} of {last['tried']}, "
                f"difference {last['difference'] / error:+.1f} SE, {last['seconds'][0]} s, "
                f"{last['seconds'][1]} s",
                "SHUFFLED: " + ", ".join(last["accepted_shuffled"]) if last["accepted_shuffled"] else "",
                flush=True,
            )
    sys.stdout.write(page(runs, options.date))


if __name__ == "__main__":
    main()
