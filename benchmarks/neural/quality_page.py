"""The page of quality.py: every result, and the comparison that was asked."""

from __future__ import annotations

import os
import platform
import statistics
from typing import Any

import numpy as np
from tables import TABLES

QUIET = 2.5
# Table, score, value to reach, moonshot, whether less is better.
NAMED = (("california", "rmse", 45_500.0, 44_000.0, True), ("adult", "roc_auc", 0.918, 0.924, False))
Found = dict[str, Any]


def page(found: Found, date: str, order: list[str]) -> str:
    """Return the results as a page; `order` is that of the sides."""
    lines = [
        f"# Networks beside RealMLP, scikit-learn's MLP and LightGBM, {date}",
        "",
        "`python benchmarks/neural/quality.py`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, two threads each, numpy {np.__version__}. Adult: official rows; Bank: 2/3-1/3, with "
        "duration; else 80/20; a fifth of the training rows held out, the same for all sides. RealMLP (TD "
        "and TD-S of pytabkit, metric set, no label smoothing), `lightgbm_stopped` and ours choose by the "
        "held-out rows; `lightgbm` (100 trees) and scikit-learn's networks as they come train on them too "
        "(`mlp_stopped` holds out a fifth of its own). Error: RMSE, 1 - AUC, log loss of many classes; "
        "mean of the seeds, +- their standard deviation. Fits from a data frame in memory, imports apart; "
        "`cpu`: processor seconds of the first fit, all threads; `MB`: most memory of the process, with "
        "that before the fit. Wall seconds at a load above two, or at low priority (nice), are upper "
        "bounds: the machine was shared, processor seconds count. Test rows take part in no choice of any "
        "side.",
        "",
        "| table | rows: fit, held, test | split | side | error | accuracy | log loss | s first | s warm "
        "| cpu s | s predict | MB | load before, after; nice |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for name in (table for table in TABLES if table in found):
        sides = found[name]["sides"]
        lines += [_row(name, found[name], side) for side in order if side in sides]
    lines += ["", *_beside(found, order), "", *_named(found), "", *_notes(found, order), ""]
    return "\n".join(lines)


def error_of(made: Found) -> float:
    """Return the mean error of the seeds of a side."""
    scores = [each["scores"]["error"] for each in made.values() if "scores" in each]
    return statistics.mean(scores) if scores else float("nan")


def _mean(made: Found, what: str) -> float:
    """Return the mean of the first of a list that the seeds have."""
    values = [each[what][0] for each in made.values() if each.get(what)]
    return statistics.mean(values) if values else float("nan")


def _row(name: str, table: Found, side: str) -> str:
    """Return one line of the large table."""
    made = table["sides"][side]
    seeds = list(made.values())
    scores = [each["scores"] for each in seeds if "scores" in each]
    spread = f" +- {statistics.stdev(s['error'] for s in scores):.2g}" if len(scores) > 1 else ""
    means = {
        key: f"{statistics.mean(s[key] for s in scores):.4f}" if scores and key in scores[0] else ""
        for key in ("accuracy", "log_loss")
    }
    warm = [each["fits"][1] for each in seeds if len(each["fits"]) > 1]
    rows = ", ".join(f"{each:,}" for each in table["rows"])
    memory = max((each.get("memory", [0, 0]) for each in seeds), key=lambda pair: pair[-1])
    predict = statistics.mean(each.get("predict", 0.0) for each in seeds)
    return (
        f"| {name} | {rows} | {table['split'][:8]} | {side} | {error_of(made):.5g}{spread} "
        f"| {means['accuracy']} | {means['log_loss']} | {_mean(made, 'fits'):.2f} "
        f"| {f'{statistics.mean(warm):.2f}' if warm else ''} "
        f"| {_mean(made, 'cpu'):.1f} | {predict:.2f} | {memory[0]} -> {memory[-1]} "
        f"| {', '.join(map(str, seeds[-1]['load']))}; {seeds[-1]['nice']} |"
    )


def _beside(found: Found, order: list[str]) -> list[str]:
    """Return errors and seconds of all sides as shares of RealMLP's."""
    lines = [
        "Error and seconds over RealMLP's (TD). Wanted of ours: mean error within 1 % (1.010), at most "
        f"half of the time (wall where every load was at most {QUIET} and no side stood back, else "
        "processor seconds).",
        "",
        "| side | tables | mean error | worst | better on | mean time, cpu | mean time, wall |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for side in order:
        pairs = [
            (found[name]["sides"][side], found[name]["sides"]["realmlp"])
            for name in TABLES
            if name in found and {side, "realmlp"} <= set(found[name]["sides"])
        ]
        if side == "realmlp" or not pairs:
            continue
        errors = [error_of(made) / error_of(other) for made, other in pairs]
        times = {
            what: statistics.geometric_mean(_mean(made, what) / _mean(other, what) for made, other in pairs)
            for what in ("cpu", "fits")
        }
        lines.append(
            f"| {side} | {len(pairs)} | {statistics.mean(errors):.4f} | {max(errors):.4f} "
            f"| {sum(error < 1 for error in errors)} | {times['cpu']:.3f} | {times['fits']:.3f} |"
        )
    return lines


def _named(found: Found) -> list[str]:
    """Return the values that were named beforehand."""
    lines = []
    for name, score, wanted, far, less in NAMED:
        made = found.get(name, {}).get("sides", {}).get("ours", {})
        scores = [each["scores"][score] for each in made.values() if "scores" in each]
        if scores:
            value = statistics.mean(scores)
            good = value <= wanted if less else value >= wanted
            word = "reached" if good else "missed"
            lines.append(f"- {name}: {score} {value:.5g}, wanted {wanted:g} ({word}), moonshot {far:g}.")
    beaten, asked = [], []
    for name in (table for table in TABLES if table in found):
        sides = found[name]["sides"]
        if "ours" in sides and {"mlp", "mlp_stopped"} & set(sides):
            asked.append(name)
            least = min(error_of(sides[side]) for side in ("mlp", "mlp_stopped") if side in sides)
            if error_of(sides["ours"]) < least:
                beaten.append(name)
    if asked:
        lost = ", ".join(sorted(set(asked) - set(beaten))) or "none"
        lines.append(
            f"- better than the better of scikit-learn's two on {len(beaten)} of {len(asked)} (not: {lost})."
        )
    return lines


def _notes(found: Found, order: list[str]) -> list[str]:
    """Return what each side was."""
    lines = ["What each side was:", ""]
    for side in order:
        versions = {
            each.get("version", "")
            for table in found.values()
            for each in table["sides"].get(side, {}).values()
        }
        words = [
            f"{name} {each['model']}"
            for name, table in found.items()
            for each in list(table["sides"].get(side, {}).values())[:1]
            if each.get("model")
        ]
        if versions:
            lines.append(
                f"- {side}: {', '.join(sorted(versions - {''}))}; {'; '.join(words) or 'as it comes'}"
            )
    return lines
