"""Kill trainings of networks with SIGKILL at random moments, go on with `--resume`, compare every bit.

    python benchmarks/neural/kill.py [--times 100] [--seed 0] [--combinations adam ...]

Each training is `justright train TABLE --family neural --set ...` in a process of its own, on 600 rows with
numbers, gaps and categories. Three of four kills fall into the passes, the others anywhere from the start
of the interpreter to the last file. After each pass the child saves, notes the hash of its whole state
(weights, optimizer, running statistics, rates: every array) and takes 30 ms. Compared with a run that was
left alone: the hash of each pass made after the kill, history.jsonl, and every file of the bundle.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))

from glassbox import kept  # noqa: E402  (a script: its neighbours are not on the path before)

ROWS, PASSES = 600, 24
# What is kept between steps: moments, traces, random words, averages, factors of matrices, nothing; and
# networks with running statistics, several networks in one, folds, and a rate that a race finds.
COMBINATIONS: dict[str, list[str]] = {
    "adam": ["hidden=[32,32]", "rate=0.05"],
    "race": ["hidden=[16]", "epochs=48"],
    "sgd": ["hidden=[16,16]", "optimizer=sgd", "options={momentum=0.9}", "rate=0.01", "normalise=batch"],
    "lion": ["hidden=[16]", "optimizer=lion", "rate=0.005", "ensemble=4"],
    "rmsprop": ["hidden=[16]", "optimizer=rmsprop", "rate=0.01", "normalise=layer", "numbers=piecewise"],
    "noisy_sgd": ["hidden=[16]", "optimizer=noisy_sgd", "rate=0.01", "numbers=plain"],
    "schedule_free_adamw": ["hidden=[16]", "optimizer=schedule_free_adamw", "rate=0.02", "schedule=constant"],
    "adafactor": ["hidden=[16,16]", "optimizer=adafactor", "rate=0.01", "residual=true"],
    "muon": ["hidden=[16,16]", "optimizer=muon", "rate=0.01", "cv=3"],
    "prodigy": ["hidden=[16]", "optimizer=prodigy", "rate=1.0", "schedule=cosine", "average=0.9"],
    "sam": ["hidden=[16]", "optimizer=sam", "rate=0.01", "clip=1.0"],
    "linear": ["hidden=[]", "optimizer=adagrad", "rate=0.1"],
}


class Note:
    """Save after every pass, note the hash of the state, and take a little time."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def after_pass(self, moment: Any) -> None:
        """Save and note."""
        moment.save()
        sha = hashlib.sha256()
        for name in sorted(moment.state):
            array = np.ascontiguousarray(moment.state[name])
            sha.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
        with self.file.open("a") as out:
            out.write(f"{moment.number} {sha.hexdigest()}\n")
        time.sleep(0.03)


def child(note: str, arguments: list[str]) -> None:
    """Run the command line in this process, with a callback beside its own."""
    import justright.workflow

    train = justright.workflow.train_recipe

    def noting(*given: Any, callbacks: Any = (), **named: Any) -> Any:
        return train(*given, callbacks=[*callbacks, Note(Path(note))], **named)

    justright.workflow.train_recipe = noting
    sys.argv = ["justright", *arguments]
    from justright.cli import main as command

    command()


def write_table(path: Path) -> None:
    """Write the rows: two classes, gaps, categories few and many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3))
    group, street = rng.integers(0, 3, ROWS), rng.integers(0, 30, ROWS)
    yes = rng.random(ROWS) < 1 / (1 + np.exp(-(x @ [1.5, -1.0, 0.3] + 0.8 * group - 1)))
    gaps = np.where(rng.random(ROWS) < 0.1, np.nan, x[:, 2])
    columns = {"a": x[:, 0], "b": x[:, 1], "c": pa.array(gaps, from_pandas=True)}
    texts = {"group": [f"g{g}" for g in group], "street": [f"s{s}" for s in street]}
    pq.write_table(pa.table({**columns, **texts, "y": np.where(yes, "yes", "no").tolist()}), path)


def start(table: Path, settings: list[str], folder: Path, resume: Path | None) -> Any:
    """Start a training, or go on with one, in a process of its own."""
    note = folder / ("second" if resume else "first")
    chosen = [f"network.epochs={PASSES}", "network.batch=64", *(f"network.{one}" for one in settings)]
    given = ["train", str(table), "--target", "y", "--family", "neural", "--no-baseline", "--quiet", "--json"]
    given += ["--out", str(folder / "runs"), *(part for one in chosen for part in ("--set", one))]
    if resume is not None:
        given = ["train", "--resume", str(resume), "--quiet", "--json"]
    command = [sys.executable, str(Path(__file__).resolve()), "--child", str(note), "--", *given]
    errors = (folder / f"{note.name}.err").open("w")
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL)


def outcome(folder: Path) -> dict[str, str]:
    """Return the hash of every file of the bundle and of the history."""
    # A kill between the making of the folder and its recipe leaves an empty one beside the run.
    (run,) = (path for path in (folder / "runs").iterdir() if (path / "run.json").exists())
    files = [run / "history.jsonl", *sorted((run / "model").iterdir())]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def hashes(file: Path) -> dict[int, str]:
    """Return the noted hash of each pass."""
    lines = file.read_text().split("\n") if file.exists() else []
    return {int(line.split()[0]): line.split()[1] for line in lines if len(line.split()) == 2}


def whole(table: Path, settings: list[str], folder: Path) -> tuple[dict[str, str], dict[int, str], Any]:
    """Train without a kill; return files, hashes and the seconds to the first pass, of passes, in all."""
    begin = time.perf_counter()
    process = start(table, settings, folder, None)
    first = _first_pass(process, folder / "first") - begin
    if process.wait() != 0:
        raise SystemExit((folder / "first.err").read_text())
    passes = hashes(folder / "first")
    return outcome(folder), passes, (first, 0.03 * len(passes), time.perf_counter() - begin)


def undisturbed(table: Path, name: str, place: Path) -> tuple[Any, Any, Any]:
    """Train twice without a kill, which must end alike; the second run finds its program compiled."""
    for folder in (place / name, place / f"{name} again"):
        folder.mkdir()
    first = whole(table, COMBINATIONS[name], place / name)
    second = whole(table, COMBINATIONS[name], place / f"{name} again")
    if first[:2] != second[:2]:
        raise SystemExit(f"{name}: two trainings of the same recipe end in different bits")
    return second


def _first_pass(process: Any, note: Path) -> float:
    """Wait for the first pass, or for the end; return when it was."""
    while process.poll() is None and not note.exists():
        time.sleep(0.005)
    return time.perf_counter()


def kill_once(
    table: Path, settings: list[str], known: tuple[Any, Any, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Kill a training, go on, and compare."""
    wanted, passes, (_, training, total) = known
    within = bool(rng.random() < 0.75)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        process = start(table, settings, folder, None)
        if within:
            _first_pass(process, folder / "first")
        seconds = float(rng.uniform(0, 1.5 * training if within else total))
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
        runs = list((folder / "runs").iterdir()) if (folder / "runs").exists() else []
        begun = [run for run in runs if (run / "recipe.json").exists()]
        code = start(table, settings, folder, begun[0] if begun else None).wait()
        last = folder / ("second" if begun else "first")
        error = (folder / f"{last.name}.err").read_text()[-400:] if code else ""
        again = hashes(last)
        found = {
            "within_passes": within,
            "seconds": round(seconds, 3),
            "killed": killed,
            "killed_after_pass": max(hashes(folder / "first"), default=0) if begun else 0,
            "resumed_at_pass": min(again, default=None) if begun else None,
            "states": all(passes.get(number) == sha for number, sha in again.items()),
            "files": not code and outcome(folder) == wanted,
        }
        if error:
            found["error"] = error
        return found


def page(results: dict[str, Any], date: str) -> str:
    """Return the page."""
    every = [(name, one) for name, kills in results.items() for one in kills]
    good = sum(one["states"] and one["files"] for _, one in every)
    under_way = sum((one["resumed_at_pass"] or 0) > 1 for _, one in every)
    lines = [
        f"# Killed and resumed, {date}",
        "",
        f"`benchmarks/neural/kill.py`: {len(every)} kills, {good} equal to the bit in every state, the",
        f"history and every file of the bundle; {under_way} fell into passes and went on from a checkpoint.",
        "",
        "| combination | settings | kills | into passes | equal |",
        "|---|---|---|---|---|",
    ]
    for name, kills in results.items():
        equal = sum(one["states"] and one["files"] for one in kills)
        inside = sum((one["resumed_at_pass"] or 0) > 1 for one in kills)
        settings = ", ".join(COMBINATIONS.get(name, []))
        lines.append(f"| {name} | {settings} | {len(kills)} | {inside} | {equal} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Kill, combination by combination in turn."""
    if "--child" in sys.argv:
        place = sys.argv.index("--child")
        child(sys.argv[place + 1], sys.argv[place + 3 :])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--combinations", nargs="+", default=list(COMBINATIONS), choices=list(COMBINATIONS))
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--out", default=str(HERE / "results"))
    options = parser.parse_args()
    results = Path(options.out) / f"{options.date}-kill.md"
    results.parent.mkdir(exist_ok=True)
    rng, equal = np.random.default_rng(options.seed), True
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", f"{place}/programs")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        table = Path(place) / "rows.parquet"
        write_table(table)
        known: dict[str, Any] = {}
        for number in range(options.times):
            name = options.combinations[number % len(options.combinations)]
            if name not in known:
                known[name] = undisturbed(table, name, Path(place))
            made = kill_once(table, COMBINATIONS[name], known[name], rng)
            equal &= made["states"] and made["files"]
            with kept(results) as found:
                found.setdefault(name, []).append(made)
                everything = dict(found)
            results.write_text(page(everything, options.date))
            print(name, made, flush=True)
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
