"""The result of a training for people: the verdict first, then figures, findings, places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from justright.cli.output import console, grid, write_findings
from justright.values.figures import figure, interval

if TYPE_CHECKING:
    from justright.workflow.summary import Passes, Summary

__all__ = ["write_summary"]


def write_summary(summary: Summary) -> None:
    """Print a summary on stdout.

    Parameters
    ----------
    summary : Summary
        Of a finished run.
    """
    to = console()
    to.print(summary.verdict, style="bold", soft_wrap=True)
    if summary.interrupted:
        to.print("The training was interrupted; this is the best there was by then.", style="yellow")
    to.print()
    grid(
        to,
        ["metric", "value", "95 % interval", "base rate", "boosted trees"],
        _figures(summary),
        right=(1, 2, 3, 4),
    )
    if summary.findings:
        to.print()
        write_findings(to, summary.findings)
    to.print()
    for name, text in _facts(summary):
        to.print(f"{name:<10}{text}", soft_wrap=True)


def _figures(summary: Summary) -> list[list[str]]:
    """Return the lines of the metrics, the headline first."""
    validation, baselines = summary.validation, summary.baselines
    rows = [
        [
            f"{summary.metric} (validation)",
            figure(validation.value),
            interval(validation, summary.rows.train),
            figure(baselines.base_rate),
            figure(baselines.boosted),
        ]
    ]
    rows += [
        [name, figure(value.value), interval(value, summary.rows.train), "", ""]
        for name, value in summary.metrics.items()
        if name != summary.metric
    ]
    return rows


def _facts(summary: Summary) -> list[list[str]]:
    """Return what was done, how long it took and where it lies."""
    held = summary.rows.held_out
    rows = f"{summary.rows.train - held:,} in training" + (f", {held:,} that judge" if held else "")
    if summary.rows.test:
        rows += f", {summary.rows.test:,} kept for the test: justright evaluate {summary.run}"
    facts = [
        ["task", f"{summary.task} of {summary.target}, {summary.family}, {summary.judged_by}"],
        ["rows", rows],
        *([["training", _passes(summary.passes)]] if summary.passes else []),
        ["seconds", _seconds(summary)],
        ["run", summary.run],
        ["model", summary.model],
        ["next", f"justright report {summary.run}"],
        ["", f"justright predict {summary.run} NEW_ROWS --out predictions.csv"],
        ["", f"justright serve {summary.run}"],
    ]
    if summary.threshold is not None:
        facts.insert(1, ["threshold", f"{figure(summary.threshold)} and more counts as the second class"])
    return facts


def _passes(passes: Passes) -> str:
    """Return how a network was trained."""
    made = f"{figure(passes.passes, 3)} pass{'' if passes.passes == 1 else 'es'}"
    kept = "" if passes.kept == passes.passes else f", the best after {figure(passes.kept, 3)}"
    race = f" and {passes.race_steps:,} of the race for the rate" if passes.race_steps else ""
    return f"rate {figure(passes.rate, 3)}, {made}{kept}, {passes.steps:,} steps{race}"


def _seconds(summary: Summary) -> str:
    """Return how long it took."""
    seconds, passes = summary.seconds, summary.passes
    compiling = passes.compile_seconds if passes else None
    of_it = f", {compiling:.1f} of it compiling" if compiling is not None else ""
    return (
        f"{seconds.total:.1f} (read {seconds.read:.1f}, features {seconds.features:.1f},"
        f" training {seconds.train:.1f}{of_it})"
    )
