"""The page of quality.py: every result, and what was to be reached."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from tables import SEED, TABLES

OURS: Final = ("simplest", "best")
ORDER: Final = (*OURS, "lightgbm", "lightgbm_tuned", "histgb", "autogluon")
_OVER: Final = 1.1  # a budget may be overrun by a tenth
_WORST: Final = 1.03  # error of `best` over that of tuned LightGBM, on any table
Found = dict[str, Any]


def page(found: Found, date: str, budget: float) -> str:
    """Return the results as a page."""
    names = [name for name in TABLES if name in found]
    lines = [
        f"# Whole trainings beside boosting machines and AutoGluon, {date}",
        "",
        "`python benchmarks/quality/quality.py`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, two threads each, numpy {np.__version__}. 80/20, seed {SEED}; three splits below 10,000 "
        "rows, else one. Ours: `justright train --family ladder` from the shell with a budget of "
        f"{budget:.0f} s, `simplest` (the default) and `--choose best`; rivals: see below and "
        "`rivals.py`. Left out for all: columns that number the rows, those that add up to the target "
        "(bike_sharing), `duration` (bank_marketing). Error: RMSE, or log loss of classes; mean of the "
        "splits. Test rows take part in no choice of any side.",
        "",
        *_reached(found, names, budget),
        "",
        "## Errors",
        "",
        f"| table | metric | rows: train, test | {' | '.join(ORDER)} |",
        f"|---|---|---|{'---:|' * len(ORDER)}",
        *(_errors(name, found[name]) for name in names),
        "",
        "Errors over those of tuned LightGBM (mean of the splits' ratios), and the rungs taken:",
        "",
        f"| table | {' | '.join(ORDER)} | rung: simplest | rung: best |",
        f"|---|{'---:|' * len(ORDER)}---|---|",
        *(_ratios(name, found[name]) for name in names),
        "",
        "## Other metrics",
        "",
        "AUC of two classes, accuracy of more.",
        "",
        f"| table | metric | {' | '.join(ORDER)} |",
        f"|---|---|{'---:|' * len(ORDER)}",
        *(_others(name, found[name]) for name in names if TABLES[name].task != "regression"),
        "",
        "## Seconds",
        "",
        "Ours: the whole command; rivals: fit, all choices and prediction. Mean of the splits, and the "
        "slowest of ours. Load: the highest that a side found.",
        "",
        f"| table | {' | '.join(ORDER)} | slowest of ours | load |",
        f"|---|{'---:|' * len(ORDER)}---:|---:|",
        *(_seconds(name, found[name]) for name in names),
        "",
        *_choices(found, names),
        "",
        *_notes(found, names),
        "",
    ]
    return "\n".join(lines)


def ratio(seeds: Found, side: str, other: str) -> float:
    """Return the mean over the splits of the errors of one side over those of another; NaN where none."""
    pairs = [
        one["sides"][side]["scores"]["error"] / one["sides"][other]["scores"]["error"]
        for one in seeds.values()
        if {side, other} <= set(one["sides"])
    ]
    return statistics.mean(pairs) if pairs else float("nan")


def _of(seeds: Found, side: str) -> list[Found]:
    """Return the results of a side, one a split."""
    return [one["sides"][side] for one in seeds.values() if side in one["sides"]]


def _reached(found: Found, names: list[str], budget: float) -> list[str]:
    """Return what was to be reached and what was."""
    lines = ["| to reach | found | tables | |", "|---|---|---:|---|"]
    for side in OURS:
        wins = _against(found, names, side, "lightgbm")
        better = [name for name, value in wins.items() if value < 1.0]
        what = f"{side}: better than LightGBM default on 80 % of the tables"
        lines += _line(
            what, f"{_share(better, wins)}{_not(better, wins)}", wins, 0.8 * len(wins) <= len(better)
        )
    for other, label, share in (
        ("lightgbm_tuned", "tuned LightGBM", 0.55),
        ("autogluon", "AutoGluon medium", 0.5),
    ):
        wins = _against(found, names, "best", other)
        as_good = [name for name, value in wins.items() if value <= 1.0]
        what = f"best: at least {label} on {100 * share:.0f} %"
        lines += _line(
            what, f"{_share(as_good, wins)}{_not(as_good, wins)}", wins, share * len(wins) <= len(as_good)
        )
        if other == "lightgbm_tuned" and wins:
            worst = max(wins, key=lambda name: wins[name])
            worse = [f"{name} {value:.3f}" for name, value in wins.items() if value > _WORST]
            said = f"worst {worst} {wins[worst]:.3f}" + (f"; above: {', '.join(worse)}" if worse else "")
            lines += _line("best: never more than 3 % worse than tuned LightGBM", said, wins, not worse)
    runs = [(name, seed, one["sides"]) for name in names for seed, one in found[name].items()]
    runs = [each for each in runs if set(OURS) <= set(each[2])]
    behind = [
        f"{name} {seed}: {made['best']['gap']:.3g} (se {made['best']['standard_error']:.2g})"
        for name, seed, made in runs
        if made["best"]["gap"] > made["best"]["standard_error"]
    ]
    said = f"{len(runs) - len(behind)} of {len(runs)} runs" + (f"; not {'; '.join(behind)}" if behind else "")
    tables = {name for name, _, _ in runs}
    lines += _line("simplest: within one standard error of best on the test rows", said, tables, not behind)
    took = {f"{name} {seed}": max(made[side]["seconds"] for side in OURS) for name, seed, made in runs}
    late = [f"{key} {value:.0f} s" for key, value in took.items() if value > _OVER * budget]
    said = (
        f"slowest {max(took.values()):.0f} s" + (f"; late: {', '.join(late)}" if late else "") if took else ""
    )
    lines += _line(f"budget kept: at most {_OVER * budget:.0f} s", said, tables, not late)
    return lines


def _line(what: str, said: str, tables: Iterable[str], good: bool) -> list[str]:
    """Return a line of what was to be reached; none where nothing is known of it."""
    count = len(list(tables))
    return [f"| {what} | {said} | {count} | {'reached' if good else 'missed'} |"] if count else []


def _against(found: Found, names: list[str], side: str, other: str) -> dict[str, float]:
    """Return the ratio on each table that has both."""
    every = {name: ratio(found[name], side, other) for name in names}
    return {name: value for name, value in every.items() if value == value}


def _share(some: list[str], every: dict[str, float]) -> str:
    """Return how many of how many."""
    return f"{len(some)} of {len(every)} ({100 * len(some) / max(len(every), 1):.0f} %)"


def _not(some: list[str], every: dict[str, float]) -> str:
    """Return where not, with the ratio."""
    rest = [f"{name} {value:.3f}" for name, value in every.items() if name not in some]
    return f"; not {', '.join(rest)}" if rest else ""


def _errors(name: str, seeds: Found) -> str:
    """Return a line of errors, +- the standard deviation over the splits."""
    cells = []
    for side in ORDER:
        values = [made["scores"]["error"] for made in _of(seeds, side)]
        spread = f" +- {statistics.stdev(values):.2g}" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.5g}{spread}" if values else "")
    metric = "rmse" if TABLES[name].task == "regression" else "log loss"
    rows = ", ".join(f"{each:,}" for each in next(iter(seeds.values()))["rows"])
    return f"| {name} | {metric} | {rows} | {' | '.join(cells)} |"


def _ratios(name: str, seeds: Found) -> str:
    """Return a line of ratios to tuned LightGBM, with the rungs."""
    values = [ratio(seeds, side, "lightgbm_tuned") for side in ORDER]
    cells = [f"{value:.4f}" if value == value else "" for value in values]
    rungs = [", ".join(dict.fromkeys(made["rung"] for made in _of(seeds, side))) for side in OURS]
    return f"| {name} | {' | '.join(cells)} | {' | '.join(rungs)} |"


def _others(name: str, seeds: Found) -> str:
    """Return a line of the metric that is not compared."""
    metric = "roc_auc" if TABLES[name].task == "binary" else "accuracy"
    cells = []
    for side in ORDER:
        values = [made["scores"][metric] for made in _of(seeds, side)]
        cells.append(f"{statistics.mean(values):.4f}" if values else "")
    return f"| {name} | {metric} | {' | '.join(cells)} |"


def _seconds(name: str, seeds: Found) -> str:
    """Return a line of seconds."""
    cells = []
    for side in ORDER:
        values = [made["seconds"] for made in _of(seeds, side)]
        cells.append(f"{statistics.mean(values):.1f}" if values else "")
    ours = [made["seconds"] for side in OURS for made in _of(seeds, side)]
    loads = [max(made["load"]) for side in ORDER for made in _of(seeds, side)]
    slowest = f"{max(ours):.1f}" if ours else ""
    return f"| {name} | {' | '.join(cells)} | {slowest} | {max(loads, default=0.0):.1f} |"


def _choices(found: Found, names: list[str]) -> list[str]:
    """Return how the rungs stood, run by run."""
    lines = [
        "## What the ladder saw",
        "",
        "Per split: rungs with their held-out gap to the best one (standard error), what was taken, and on "
        "the test rows how much worse `simplest` is than `best`, in the unit of the error.",
        "",
        "| table | split | hash | rungs: gap (standard error) | simplest | best | test: gap (standard error) "
        "| left out or cut |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        for seed, one in found[name].items():
            if not set(OURS) <= set(one["sides"]):
                continue
            simple, best = (one["sides"][side] for side in OURS)
            rungs = ", ".join(
                f"{each['name']} {each['gap']:.3g} ({each['error']:.2g})" for each in simple["standings"]
            )
            apart = f"{best['gap']:.3g} ({best['standard_error']:.2g})" if best["again"] else "the same model"
            skipped = " ".join(simple["skipped"])
            lines.append(
                f"| {name} | {seed} | {one['split'][:8]} | {rungs} | {simple['rung']} | {best['rung']} "
                f"| {apart} | {skipped} |"
            )
    return lines


def _notes(found: Found, names: list[str]) -> list[str]:
    """Return what each rival was."""
    lines = ["## What each rival was", ""]
    for side in ORDER[len(OURS) :]:
        made = {name: _of(found[name], side) for name in names}
        versions = {f"{each['version']} ({each['date']})" for every in made.values() for each in every}
        words = [f"{name} {every[0]['model']}" for name, every in made.items() if every]
        if words:
            lines.append(f"- {side}: {', '.join(sorted(versions))}; {'; '.join(words)}")
    return lines
