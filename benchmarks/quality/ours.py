"""Our side of quality.py: `justright train --family ladder` from the shell, in both choices.

    python ours.py FOLDER

reads train.parquet, test.parquet and question.json of FOLDER and writes simplest.json, best.json and their
predictions (.npy). A second training (`--choose best`) is made only where the first one says that its best
rung is another than the chosen one; else both choices are the same model. Seconds are those of the whole
command, from the shell. The gap between both is that of the per-row losses on the test rows, with its paired
standard error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tables import losses, score

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "neural"))

from usage import cpu  # noqa: E402  (a script: its neighbours are not on the path before)

from justright.workflow.run import Run, load_run  # noqa: E402

CHOICES = ("simplest", "best")


def train(folder: Path, question: dict[str, Any], choose: str) -> tuple[Run, dict[str, Any]]:
    """Run the command; returns the run and what it took."""
    out = folder / f"runs-{choose}"
    command = [
        *(sys.executable, "-m", "justright", "train", str(folder / "train.parquet")),
        *("--target", question["target"], "--family", "ladder", "--budget", f"{question['budget']}s"),
        *("--choose", choose, "--seed", str(question["seed"]), "--out", str(out), "--quiet"),
    ]
    before, begin = cpu(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
    took = {"seconds": time.perf_counter() - begin, "cpu": cpu() - before}
    [place] = out.iterdir()
    return load_run(place), took


def told(run: Run, question: dict[str, Any]) -> dict[str, Any]:
    """Return what a run says of itself."""
    summary = run.summary
    metric = {"regression": "rmse"}.get(question["task"], "log_loss")
    stated = summary.metrics[metric]
    why = next(each for each in run.findings if each.id == "rung-chosen")
    return {
        "rung": summary.family,
        "best_rung": why.evidence["best"],
        "rungs": [
            {
                "family": rung.family,
                metric if summary.metric == metric else summary.metric: rung.value,
                "seconds": round(rung.seconds, 1),
            }
            for rung in summary.ladder
        ],
        "standings": why.evidence["rungs"],
        "stated": [stated.value, stated.low, stated.high],
        "inside": summary.seconds.total,
        "verdict": summary.verdict,
        "findings": [each.id for each in run.findings],
        "skipped": [each.sentence for each in run.findings if each.id in ("rung-skipped", "rung-cut")],
    }


def predicted(run: Run, question: dict[str, Any], test: pa.Table) -> tuple[Any, list[str], float]:
    """Return predictions of the test rows, their classes and the seconds."""
    begin = time.perf_counter()
    model, inputs = run.model, test.drop_columns([question["target"]])
    if question["task"] == "regression":
        found, classes = model.predict(inputs), []
    else:
        found, classes = model.predict_proba(inputs), [str(each) for each in model.classes]
    return np.asarray(found, float), classes, time.perf_counter() - begin


def gap(question: dict[str, Any], simple: Any, best: Any) -> dict[str, float]:
    """Return how much worse the first choice is than the second on the test rows, and its standard error.

    In the unit of the compared metric: of squared errors the difference of the roots, to first order.
    """
    apart = simple - best
    unit = 2.0 * float(np.mean(best)) ** 0.5 if question["task"] == "regression" else 1.0
    return {
        "gap": float(np.mean(apart)) / unit,
        "standard_error": float(np.std(apart, ddof=1)) / len(apart) ** 0.5 / unit,
    }


def main() -> None:
    """Train, predict, write."""
    folder = Path(sys.argv[1])
    question = json.loads((folder / "question.json").read_text())
    test = pq.read_table(folder / "test.parquet")
    first, took = train(folder, question, "simplest")
    made = {"simplest": (first, took)}
    said = told(first, question)
    if said["best_rung"] == said["rung"]:
        made["best"] = made["simplest"]
    else:
        made["best"] = train(folder, question, "best")
    rows = {}
    for choose, (run, took) in made.items():
        predictions, classes, seconds = predicted(run, question, test)
        rows[choose] = losses(question, test, predictions, classes)
        found = took | {"predict": seconds, "again": run is not first, "scores": {}} | told(run, question)
        found["scores"] = score(question, test, predictions, classes)
        if choose == "best":
            found |= gap(question, rows["simplest"], rows["best"])
        (folder / f"{choose}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
