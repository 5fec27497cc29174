"""Does the interval that a training states hold the score of its model on rows that nobody has seen?

    python benchmarks/quality/covered.py [--repeats 200] [--rows 1000 4177] [--families linear crossed]

Each repeat draws a sample of a large table, trains on it as `justright train` does, nothing given but the
target and the family, and scores the exported model on all other rows, tens of thousands: the truth that the
stated 95 % interval should hold in 93 to 97 repeats of 100. That truth has noise of its own, which the
interval does not promise to cover: n rows against N give their difference 1 + n / N times the variance;
`allowing` says how often an interval wider by its root holds it. Beside it the same for those other rows
whose numbers lie within the ranges of the sample (what a model does beyond them no row of the sample shows),
the mean width, and on which side the interval missed. Nothing is timed. Repeats are kept in
`results/DATE-coverage.json` and not run twice; the page is written after each table.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import platform
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tables import SEED, TABLES, rows_of

import justright
from justright.metrics import METRICS

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent))

from glassbox import kept  # noqa: E402  (a script: its neighbours are not on the path before)

ASKED: Final = {
    "california_housing": ("rmse",),
    "adult": ("roc_auc", "log_loss"),
    "diamonds": ("rmse",),
}
ROWS: Final = {"california_housing": 20_640, "adult": 48_842, "diamonds": 53_940}
WANTED: Final = (93.0, 97.0)
_EVERY: Final = 20  # repeats between two writings


def within(sample: pa.Table, fresh: pa.Table, target: str) -> npt.NDArray[np.bool_]:
    """Say which fresh rows have all their numbers in the ranges of the sample."""
    inside = np.ones(fresh.num_rows, bool)
    for name in sample.column_names:
        if name == target or not (
            pa.types.is_floating(sample[name].type) or pa.types.is_integer(sample[name].type)
        ):
            continue
        ends: Any = pc.min_max(sample[name]).as_py()
        values = fresh[name].to_numpy().astype(float)
        inside &= ~((values < ends["min"]) | (values > ends["max"]))
    return inside


def tried(table: pa.Table, name: str, family: str, size: int, repeat: int) -> dict[str, list[float]]:
    """Train on a sample; per metric: value, low, high, truth, truth of the rows within the ranges."""
    target = TABLES[name].target
    order = np.random.default_rng((SEED, size, repeat)).permutation(table.num_rows)
    sample, fresh = table.take(order[:size]), table.take(order[size:])
    out = tempfile.mkdtemp()
    try:
        run = justright.train(sample, target=target, out=out, family=family, baseline=False, seed=repeat)
        model = run.model
        inputs = fresh.drop_columns([target])
        if run.summary.task == "regression":
            truth, prediction = fresh[target].to_numpy().astype(float), model.predict(inputs).astype(float)
        else:
            truth = pc.equal(fresh[target], pa.scalar(str(model.classes[1]))).to_numpy().astype(int)
            prediction = model.predict_proba(inputs)[:, 1]
    finally:
        shutil.rmtree(out)
    inside, found = within(sample, fresh, target), {}
    for metric in ASKED[name]:
        stated, judge = run.summary.metrics[metric], METRICS[metric].function
        scores = [float(judge(truth[rows], prediction[rows])) for rows in (slice(None), inside)]
        found[metric] = [float(f"{x:.7g}") for x in (stated.value, stated.low, stated.high, *scores)]
    return found


def cover(results: Path, name: str, family: str, size: int, options: argparse.Namespace) -> None:
    """Run the repeats of a table, a family and a size that are not kept."""
    key = f"{name} {family} {size}"
    table = rows_of(name, Path(options.data))
    with kept(results) as found:
        known = dict(found.get(key, {}))
    fresh: dict[str, Any] = {}
    for repeat in range(options.repeats):
        if str(repeat) not in known:
            fresh[str(repeat)] = tried(table, name, family, size, repeat)
        if fresh and (len(fresh) == _EVERY or repeat == options.repeats - 1):
            with kept(results) as found:
                found.setdefault(key, {}).update(fresh)
                everything = json.loads(json.dumps(found))
            fresh = {}
            results.with_suffix(".md").write_text(page(everything, options.date))
            print(key, repeat + 1, _shares(everything[key]), flush=True)


def _shares(repeats: dict[str, Any]) -> dict[str, str]:
    """Return the share held by metric, in words."""
    return {metric: f"{_summed(repeats, metric)['held']:.1f}" for metric in next(iter(repeats.values()))}


def _summed(repeats: dict[str, Any], metric: str, wider: float = 1.0) -> dict[str, float]:
    """Return shares in per cent, and width and error of the stated value in per cent of the truth.

    `wider` is the factor of the interval that allows for the noise of the truth.
    """
    value, low, high, truth, near = np.asarray([each[metric] for each in repeats.values()]).T
    down, up = value - wider * (value - low), value + wider * (high - value)
    return {
        "allowing": 100 * float(np.mean((down <= truth) & (truth <= up))),
        "held": 100 * float(np.mean((low <= truth) & (truth <= high))),
        "near": 100 * float(np.mean((low <= near) & (near <= high))),
        "below": 100 * float(np.mean(truth < low)),
        "above": 100 * float(np.mean(truth > high)),
        "width": 100 * float(np.mean((high - low) / truth)),
        "off": 100 * float(np.mean(value / truth - 1.0)),
        "spread": 100 * float(np.std(truth) / np.mean(truth)),
    }


def page(found: dict[str, Any], date: str) -> str:
    """Return the results as a page."""
    most = max(len(each) for each in found.values())
    lines = [
        f"# Coverage of the stated 95 % intervals on real tables, {date}",
        "",
        "`python benchmarks/quality/covered.py`",
        "",
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, "
        f"justright {justright.__version__}. Sample for training by seed {SEED}; truth: the exported model "
        f"on all other rows. Standard error of a share of {most} repeats: "
        f"{100 * (0.05 * 0.95 / most) ** 0.5:.1f} points. Wanted: {WANTED[0]:.0f} to {WANTED[1]:.0f} %. "
        "`allowing`: for the noise of the truth itself. "
        "`inside`: truth on those rows alone whose numbers lie within the ranges of the sample. `truth "
        "below, above`: on which side the interval missed. `width`: of the interval; `off`: mean of stated "
        "over true value less 1; `spread`: standard deviation of the true value from sample to sample; all "
        "in per cent of the truth.",
        "",
        "| table | family | rows: sample, truth | metric | repeats | held, % | allowing, % | inside, % "
        "| truth below, above, % | width, % | off, % | spread, % | |",
        "|---|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|---|",
    ]
    for key, repeats in sorted(found.items()):
        name, family, size = key.split(" ")
        for metric in next(iter(repeats.values())):
            n, rest = int(size), ROWS[name] - int(size)
            sums = _summed(repeats, metric, (1.0 + n / rest) ** 0.5)
            good = "" if WANTED[0] <= sums["allowing"] <= WANTED[1] else "outside"
            lines.append(
                f"| {name} | {family} | {n:,}, {rest:,} | {metric} | {len(repeats)} | {sums['held']:.1f} "
                f"| {sums['allowing']:.1f} | {sums['near']:.1f} "
                f"| {sums['below']:.1f}, {sums['above']:.1f} | {sums['width']:.1f} "
                f"| {sums['off']:+.2f} | {sums['spread']:.2f} | {good} |"
            )
    return "\n".join([*lines, ""])


def main() -> None:
    """Run what is not kept, smaller samples first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 4_177])
    parser.add_argument("--tables", nargs="+", default=list(ASKED), choices=list(ASKED))
    parser.add_argument("--families", nargs="+", default=["linear", "crossed"])
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    results = HERE / "results" / f"{options.date}-coverage.md"
    results.parent.mkdir(exist_ok=True)
    for size in options.rows:
        for family in options.families:
            for name in options.tables:
                cover(results, name, family, size, options)
    with kept(results) as found:
        text = page(found, options.date)
    results.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
