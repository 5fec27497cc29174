"""Kill trainings with SIGKILL at random moments, resume them, compare the weights with an uninterrupted run.

    python benchmarks/training/kill.py [--moments 20] [--rows 4000] [--seed 0] [--json]

Each training is a child process of its own. Moments are spread over the whole run: reading, features,
passes, judging, writing the bundle. Every pass is saved and takes at least 40 ms, so that most kills fall
into a training under way. `resumed_at_pass` is the first pass after the kill: 1 = begun anew, None = it was
at its end.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

import justright.workflow
from justright.recipe import Recipe, from_data
from justright.training.callbacks import Moment

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "exact": {"optimizer": "exact"},
    "ftrl": {"optimizer": "ftrl", "rate": 0.1, "batch": 16, "epochs": 25},
    "momentum": {"optimizer": "momentum", "rate": 0.01, "batch": 32, "epochs": 25, "schedule": "cosine"},
}


class SaveAll:
    """Save after every pass, note the first pass seen, and take a little time."""

    def __init__(self, note: Path) -> None:
        self.note = note

    def after_pass(self, moment: Moment) -> None:
        """Save."""
        moment.save()
        if not self.note.exists():
            self.note.write_text(str(moment.number))
        time.sleep(0.04)


def table(rows: int) -> dict[str, list[Any]]:
    """Return a table of two classes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 4))
    group = rng.integers(0, 6, rows)
    yes = rng.random(rows) < 1 / (1 + np.exp(-(x @ [1.0, -0.5, 0.2, 0.0] + 0.3 * group - 1)))
    columns: dict[str, list[Any]] = {f"x{i}": x[:, i].tolist() for i in range(4)}
    return columns | {"group": [f"g{g}" for g in group], "y": np.where(yes, "yes", "no").tolist()}


def recipe(optimizer: str) -> Recipe:
    """Return the choices of a training."""
    return from_data(
        {
            "target": "y",
            "baseline": False,
            "penalty": {"path": [0.01, 0.0001]},
            "descent": OPTIMIZERS[optimizer],
        }
    )


def start(optimizer: str, rows: int, out: Path, note: Path) -> int:
    """Fork a child that trains, or goes on with the run that is in `out`; return its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        begun = [path.parent for path in out.glob("*/recipe.json")]
        justright.workflow.train_recipe(
            recipe(optimizer),
            table=table(rows),
            out=out,
            callbacks=[SaveAll(note)],
            resume=begun[0] if begun else None,
        )
        code = 0
    finally:
        # Whatever happened, the child must not return into the loop of its parent.
        if code:
            traceback.print_exc()
        os._exit(code)


def finish(optimizer: str, rows: int, out: Path, note: Path) -> tuple[bytes, float]:
    """Train to the end; return the weights and the seconds."""
    begin = time.perf_counter()
    _, status = os.waitpid(start(optimizer, rows, out, note), 0)
    if status != 0:
        raise SystemExit(f"a training ended with status {status}")
    (weights,) = out.glob("*/model/weights.safetensors")
    return weights.read_bytes(), time.perf_counter() - begin


def kill_once(optimizer: str, rows: int, seconds: float, wanted: bytes) -> dict[str, Any]:
    """Kill a training after some seconds, resume it, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        child = start(optimizer, rows, out, out / "first")
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        got, _ = finish(optimizer, rows, out, out / "second")
        second = out / "second"
        return {
            "optimizer": optimizer,
            "seconds": round(seconds, 3),
            "killed": os.WIFSIGNALED(status),
            "resumed_at_pass": int(second.read_text()) if second.exists() else None,
            "equal": got == wanted,
        }


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--optimizers", nargs="+", default=list(OPTIMIZERS))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    whole = {}
    for optimizer in chosen.optimizers:
        seconds = []
        for _ in range(3):  # the first also fills the caches of code, the fastest was disturbed least
            with tempfile.TemporaryDirectory() as folder:
                weights, took = finish(optimizer, chosen.rows, Path(folder), Path(folder) / "note")
                seconds.append(took)
        whole[optimizer] = weights, min(seconds)
    found = []
    for number in range(chosen.moments):
        optimizer = chosen.optimizers[number % len(chosen.optimizers)]
        weights, seconds = whole[optimizer]
        # One moment in each equal part of the run.
        moment = (number + rng.random()) / chosen.moments
        found.append(kill_once(optimizer, chosen.rows, moment * seconds, weights))
        if not chosen.json:
            if number == 0:
                print("| " + " | ".join(found[0]) + " |\n" + "|---" * len(found[0]) + "|")
            print("| " + " | ".join(str(value) for value in found[-1].values()) + " |", flush=True)
    if chosen.json:
        print(json.dumps(found))
    elif all(row["equal"] for row in found):
        print(f"{len(found)} of {len(found)} equal to the bit")
    sys.exit(0 if all(row["equal"] for row in found) else 1)


if __name__ == "__main__":
    main()
