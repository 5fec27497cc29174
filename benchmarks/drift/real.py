"""D2: real tables in the order of time: when is the first alarm, how many come before the known change, and
how far is the estimated performance from the true one?

    python benchmarks/drift/real.py [--table NAME] [--data ../shared/data] [--date YYYY-MM-DD]

Each model is trained on the first rows, then the later rows are watched window by window; the rules of others
see the same windows and the same training rows. A control stands beside: the same windows drawn at random
from the training time, held out of the training, where every alarm is a false one.
Writes `results/DATE-real.json` and `.md` after every table, and a page of each to `--pages`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))

from rules import RULES, Categories, Numbers  # noqa: E402  (a script: its neighbours are not on the path before)

from justright.monitor.frame import frame_of  # noqa: E402
from justright.monitor.page import PageFacts, page  # noqa: E402
from justright.workflow.monitor import Watched, monitor  # noqa: E402
from justright.workflow.train import train  # noqa: E402


@dataclass(frozen=True)
class Case:
    """One table: how it is cut, and what is known about its change."""

    table: str
    target: str
    drop: tuple[str, ...]
    trained: float  # share of the rows, the first in time, that train
    window: int
    known: str
    change: float | None = None  # share of the rows at which the known change begins; None = at once
    time: str = ""


CASES = (
    Case(
        "bank_marketing",
        "y",
        ("duration",),
        0.30,
        1000,
        "May 2008 to Nov 2010; the crisis: euribor3m falls from 4.9 to 1.3 after row 27,690 of 41,188",
        0.6723,
    ),
    Case(
        "bike_sharing",
        "cnt",
        ("casual", "registered", "instant", "dteday"),
        0.49,
        24 * 14,
        "hours of 2011 and 2012; training is 2011: the yearly mean rises from 144 to 235",
        0.4974,
    ),
    Case(
        "noaa_weather",
        "target",
        (),
        0.30,
        365,
        "days of 1949 to 1999: seasons in every window of a year, a slow rise of the rate of rain",
        None,
    ),
    Case(
        "acs_employment_ma",
        "employed",
        ("year",),
        0.25,
        5000,
        "years 2015 to 2018; training is 2015: a mild drift",
        None,
    ),
)


def run(case: Case, data: Path, pages: Path | None) -> dict[str, Any]:
    """Train on the first rows, watch the rest."""
    begin = time.time()
    table = pq.read_table(data / f"{case.table}.parquet")
    if case.table == "bike_sharing":
        order = pc.sort_indices(table, sort_keys=[("dteday", "ascending"), ("hr", "ascending")])
        table = table.take(order)
    table = table.drop_columns([name for name in case.drop if name in table.column_names])
    cut = int(case.trained * table.num_rows)
    first, later = table.slice(0, cut), table.slice(cut)
    # A sixth of the rows of the training time, drawn at random, is held out for the control.
    control = np.random.default_rng(6).random(cut) < 1 / 6
    held, kept = first.filter(pa.array(control)), first.filter(pa.array(~control))
    shuffled = held.take(pa.array(np.random.default_rng(1).permutation(held.num_rows)))
    with tempfile.TemporaryDirectory() as folder:
        done = train(kept, target=case.target, out=folder, family="linear", baseline=False)
        model = done.path / "model"
        seen = monitor(model, later, window=str(case.window))
        calm = monitor(model, shuffled, window=str(min(case.window, held.num_rows // 4)))
        if pages is not None:
            write(pages / f"{case.table}.html", case, model, seen)
    columns = [name for name in kept.column_names if name != case.target]
    made: dict[str, Any] = {
        "table": case.table,
        "trained": kept.num_rows,
        "watched": later.num_rows,
        "window": case.window,
        "known": case.known,
        "change_window": None
        if case.change is None
        else max(0, int((case.change - case.trained) * table.num_rows) // case.window),
        "ours": summary(seen),
        "ours_calm": summary(calm),
        "others": others(kept, later, columns, case.window),
        "others_calm": others(kept, shuffled, columns, min(case.window, held.num_rows // 4)),
        "performance": performance(seen),
    }
    made["seconds"] = round(time.time() - begin, 1)
    return made


def summary(seen: Watched) -> dict[str, Any]:
    """Windows with an alarm, the first, and what named it."""
    found: dict[str, Any] = {"windows": len(seen.windows)}
    for name, kinds in (
        ("inputs", ("skew", "schema")),
        ("prediction", ("prediction",)),
        ("performance", ("performance",)),
    ):
        rows = [row for row in seen.results if row.is_anomaly and row.kind in kinds]
        alarmed = sorted({row.window for row in rows})
        first = sorted(
            (row for row in rows if alarmed and row.window == alarmed[0]), key=lambda row: row.rank
        )
        found[name] = {
            "alarms": len(alarmed),
            "first": alarmed[0] if alarmed else None,
            "named": [row.input for row in first[:3]],
            "at": alarmed,
        }
    return found


def others(kept: pa.Table, later: pa.Table, columns: list[str], window: int) -> dict[str, Any]:
    """Windows in which a rule alarms on any column; for Evidently also on half of them."""
    judges: dict[str, Any] = {}
    values: dict[str, np.ndarray] = {}
    for name in columns:
        both = pa.chunked_array([*kept[name].chunks, *later[name].chunks])
        if pa.types.is_integer(both.type) or pa.types.is_floating(both.type):
            numbers = np.asarray(both.to_numpy(), float)
            if len(np.unique(numbers[~np.isnan(numbers)][:5000])) > 5:
                before = numbers[: kept.num_rows]
                judges[name], values[name] = Numbers(before[~np.isnan(before)]), numbers[kept.num_rows :]
                continue
        codes = pc.fill_null(both.cast(pa.string()), "").combine_chunks().dictionary_encode()
        numbers = np.asarray(codes.indices.to_numpy(), float)
        kinds = len(codes.dictionary)
        judges[name], values[name] = Categories(numbers[: kept.num_rows], kinds), numbers[kept.num_rows :]
    at: dict[str, list[int]] = {rule: [] for rule in (*RULES, "Evidently, half of the columns")}
    for number in range(-(-later.num_rows // window)):
        votes = dict.fromkeys(RULES, 0)
        for name, judge in judges.items():
            part = values[name][number * window : (number + 1) * window]
            part = part[~np.isnan(part)]
            if len(part) < 20:
                continue
            for rule, alarm in judge.alarms(part, len(judges)).items():
                votes[rule] += bool(alarm)
        for rule in RULES:
            if votes[rule]:
                at[rule].append(number)
        if votes["Evidently"] >= 0.5 * len(judges):
            at["Evidently, half of the columns"].append(number)
    return {
        rule: {"alarms": len(each), "first": each[0] if each else None, "at": each}
        for rule, each in at.items()
    }


def performance(seen: Watched) -> dict[str, Any]:
    """Estimated against true metrics: the mean absolute error, and how often the interval held the truth."""
    found: dict[str, Any] = {}
    for metric in dict.fromkeys(each.metric for each in seen.estimates):
        own = [each for each in seen.estimates if each.metric == metric and each.realized is not None]
        if not own:
            continue
        guess, true = np.array([e.value for e in own]), np.array([e.realized for e in own])
        kept = np.array([not e.withdrawn for e in own])
        inside = np.array([e.low <= e.realized <= e.high for e in own])
        found[metric] = {
            "windows": len(own),
            "at_training": own[0].expected,
            "true_mean": float(true.mean()),
            "error": float(np.abs(guess - true).mean()),
            "error_of_training_value": float(np.abs(own[0].expected - true).mean()),
            "inside": float(inside.mean()),
            "withdrawn": int((~kept).sum()),
        }
    return found


def write(path: Path, case: Case, model: Path, seen: Watched) -> None:
    """Write the page."""
    from justright.bundle.predictor import load

    predictor = load(model)
    facts = PageFacts(
        case.table,
        seen.model_id,
        seen.task,
        seen.against,
        seen.level,
        seen.rows,
        seen.labelled,
        frame_of(predictor.bundle.baseline, predictor.plan),
        seen.reference,
        seen.windows,
        seen.results,
        seen.estimates,
        seen.importance,
        [each.sentence for each in seen.findings],
        f"justright retrain {case.table} --with NEW_ROWS" if seen.alarm else "",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(facts), encoding="utf-8")


def write_page(path: Path, known: dict[str, Any]) -> None:
    """Write the page of the figures."""
    lines = [
        "# Real tables in the order of time (D2)",
        "",
        f"`{known['command']}`. Windows of rows; the first part trains. Ours: level 1 % a window, all alarms",
        "of inputs against training. Others by their published rules, an alarm on any column (Evidently also",
        "on half of them). `control`: windows of held-out rows of the training time in random order; there",
        "every alarm is false.",
        "",
    ]
    for made in known["tables"]:
        change = made["change_window"]
        lines += [
            f"## {made['table']}",
            "",
            f"{made['known']}. {made['trained']:,} rows trained, {made['watched']:,} watched in windows of"
            f" {made['window']:,}.",
            "",
        ]
        head = [
            "monitor",
            "windows with an alarm",
            "first",
            "before the known change",
            "control: false alarms",
        ]
        lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        windows, calm = made["ours"]["windows"], made["ours_calm"]["windows"]
        told = [
            ("justright, " + name, made["ours"][name], made["ours_calm"][name])
            for name in ("inputs", "prediction", "performance")
        ]
        told += [(rule, each, made["others_calm"][rule]) for rule, each in made["others"].items()]
        for name, each, silent in told:
            early = "-" if change is None else str(sum(at < change for at in each["at"])) + f" of {change}"
            first = "-" if each["first"] is None else str(each["first"])
            named = f" ({', '.join(each['named'])})" if each.get("named") else ""
            lines.append(
                f"| {name} | {each['alarms']} of {windows} | {first}{named} | {early}"
                f" | {silent['alarms']} of {calm} |"
            )
        lines += [
            "",
            "| metric | at training | true, mean | error of the estimate | error of the training value"
            " | truth inside the interval | withdrawn |",
            "|---|---|---|---|---|---|---|",
        ]
        for metric, each in made["performance"].items():
            lines.append(
                f"| {metric} | {each['at_training']:.4g} | {each['true_mean']:.4g} | {each['error']:.3g}"
                f" | {each['error_of_training_value']:.3g}"
                f" | {each['inside']:.0%} | {each['withdrawn']} of {each['windows']} |"
            )
        lines.append("")
    path.with_suffix(".md").write_text("\n".join(lines))


def main() -> None:
    """Run the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="append", choices=[case.table for case in CASES])
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--pages", type=Path)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    given = parser.parse_args()
    path = Path(__file__).parent / "results" / f"{given.date}-real.json"
    known = json.loads(path.read_text()) if path.exists() else {"tables": []}
    known["command"] = "python benchmarks/drift/real.py"
    for case in CASES:
        if given.table and case.table not in given.table:
            continue
        made = run(case, given.data, given.pages)
        known["tables"] = [each for each in known["tables"] if each["table"] != case.table] + [made]
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(known, indent=1) + "\n")
        write_page(path, known)
        print(case.table, made["seconds"], "s", json.dumps(made["ours"])[:300], flush=True)


if __name__ == "__main__":
    main()
