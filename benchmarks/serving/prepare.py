"""What both benchmarks of servers need: the table, our models, the peers' models, what each should answer.

    python benchmarks/serving/prepare.py [--again]

makes it all in build/serving (a few minutes; the environments of the peers on first use more). Ours are
trained by the command line: linear, boosted of 200 trees, and the ladder of both with their blend as its
last rung, which has to win.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import problem
from peers import ROOT, peer_python

HERE: Final = Path(__file__).resolve().parent
WORK: Final = ROOT / "build" / "serving"
MODELS: Final = ("linear", "boosted", "blend")
OPTIONS: Final = {
    "linear": ("--family", "linear"),
    "boosted": ("--family", "boosted", "--set", "boosting.rounds=200"),
    "blend": (
        *("--family", "ladder", "--choose", "best", "--budget", "30m"),
        *("--set", 'ladder.rungs=["linear", "boosted", "blend"]', "--set", "boosting.rounds=200"),
    ),
}
JUSTRIGHT: Final = str(Path(sys.executable).parent / "justright")


def prepare(again: bool = False) -> Path:
    """Make what is missing and return the folder."""
    sources = b"".join((HERE / name).read_bytes() for name in ("problem.py", "peer_models.py"))
    mark = hashlib.sha256(sources + repr(OPTIONS).encode()).hexdigest()[:16]
    done = WORK / "made.txt"
    if done.exists() and done.read_text() == mark and not again:
        return WORK
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    problem.write_table(WORK / "table.csv")
    (WORK / "asked.json").write_text(json.dumps(problem.asked_rows()))
    for name in MODELS:
        print(f"training {name}", flush=True)
        train(name, WORK / "table.csv", WORK / f"ours-{name}")
    subprocess.run([str(peer_python("plain")), str(HERE / "peer_models.py"), str(WORK)], check=True)
    subprocess.run([str(peer_python("mlflow")), str(HERE / "peer_mlflow.py"), str(WORK)], check=True)
    for name in MODELS:
        _mlserver(name)
    done.write_text(mark)
    return WORK


def train(name: str, table: Path, out: Path) -> None:
    """Train one of our models by the command line; `out` becomes the folder of its run."""
    runs = out.with_suffix(".runs")
    done = subprocess.run(
        [
            *(JUSTRIGHT, "train", str(table), "--target", problem.TARGET, "--no-baseline", "--quiet"),
            *("--json", "--out", str(runs), *OPTIONS[name]),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    if told["family"] != name:
        sys.exit(f"the model for {name} became {told['family']}: the table of problem.py has to change")
    (run,) = (path for path in runs.iterdir() if (path / "run.json").exists())
    run.rename(out)
    shutil.rmtree(runs)


def truth(model: str) -> dict[str, list[float]]:
    """Return the probabilities of `yes` for the asked rows, as each library gives them by itself."""
    from justright.bundle.predictor import load

    rows = json.loads((WORK / "asked.json").read_text())
    ours = [one["probabilities"]["yes"] for one in load(WORK / f"ours-{model}").predict_rows(rows)]
    theirs = json.loads((WORK / f"{model}.json").read_text())
    return {"ours": ours, "sklearn": theirs["sklearn"], "onnx": theirs["onnx"]}


def _mlserver(name: str) -> None:
    """Write the settings of MLServer for a model."""
    folder = WORK / f"mlserver-{name}"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"debug": False}))
    settings = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(WORK / f"{name}.joblib"), "extra": {"predict_fn": "predict_proba"}},
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--again", action="store_true", help="make anew what is there")
    print(prepare(parser.parse_args().again))
