"""The page of throughput.py: what was to reach, one table a case, start and memory."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any, Final

from sides import SIDES

REACH: Final = {"mlflow": 10.0, "mlserver": 5.0, "fastapi-onnx": 1.2, "echo": 0.5}
"""How many times their requests a second the linear model has to give, at a p99 no higher (echo: any)."""
OURS: Final = "ours"
Runs = list[dict[str, Any]]


def page(results: dict[str, Any], date: str) -> str:
    """Return the page."""
    every = {model: _by_side(sides) for model, sides in results["runs"].items()}
    lines = [*_head(results, date), *_reached(every)]
    for model, sides in every.items():
        for case in next(iter(sides.values()), [{"cases": {}}])[0]["cases"]:
            lines += _case(model, case, sides)
    return "\n".join([*lines, *_costs(every)]) + "\n"


def middle(runs: Runs, case: str, figure: str) -> float:
    """Return the median of a figure over the runs."""
    return statistics.median(run["cases"][case][figure] for run in runs)


def _by_side(sides: dict[str, Any]) -> dict[str, Runs]:
    """Return the runs of each side in the order of SIDES, without those that have none."""
    return {name: list(sides[name].values()) for name in SIDES if sides.get(name)}


def _head(results: dict[str, Any], date: str) -> list[str]:
    """Return title and method."""
    runs = [run for sides in results["runs"].values() for side in sides.values() for run in side.values()]
    seconds = sorted({run["seconds"] for run in runs})
    loads = [value for run in runs for value in run["load"]]
    lines = [
        f"# Requests a second and latency of servers, {date}",
        "",
        "`python benchmarks/serving/throughput.py`. Method: in its head. 30 numbers, 10 categories;",
        f"server on core 0, wrk (one thread, closed loop) on core 1; {_span(seconds, 'g')} s a case, medians",
        "of the repeats, in brackets the lowest and highest requests a second. Latencies in ms, kept by wrk",
        "in steps of 1 us, with its correction for coordinated omission. Load average found during the runs:",
        f"{_span(loads, '.1f')}. Answers of every server were compared with its own library's before:",
        f"apart by at most {max((run['apart'] for run in runs), default=0.0):.1g}.",
        "",
        "| side | what it is | versions |",
        "|---|---|---|",
    ]
    told = results.get("versions", {})
    present = {name for sides in results["runs"].values() for name in sides}
    return lines + [
        f"| {s.name} | {s.words} | {told.get(s.name, '')} |" for s in SIDES.values() if s.name in present
    ]


def _reached(every: dict[str, dict[str, Runs]]) -> list[str]:
    """Return the table of ratios of all cases; for linear with the word whether it was reached."""
    lines = ["", "## What was to reach", ""]
    goals = ", ".join(f"{name} {times:g}" for name, times in REACH.items())
    lines += [
        f"Requests a second of ours over those of: {goals} times, for the linear model, at a p99 that is no",
        "higher (of the echo any). `p99` marks a ratio whose p99 was higher, `missed` one below its goal.",
        "",
        "| model | rows | connections | " + " | ".join(REACH) + " | errors of ours |",
        "|---" * (4 + len(REACH)) + "|",
    ]
    for model, sides in every.items():
        for case in sides[OURS][0]["cases"] if OURS in sides else ():
            cells = [_ratio(model, case, sides, name) for name in REACH]
            errors = sum(run["cases"][case]["errors"] for run in sides[OURS])
            lines.append("| " + " | ".join([model, *case.split("x"), *cells, str(errors)]) + " |")
    return lines


def _ratio(model: str, case: str, sides: dict[str, Runs], name: str) -> str:
    """Return how many times the rate of a side ours is, with what was missed."""
    if name not in sides:
        return ""
    times = _times(sides, case, name)
    words = [f"{times:.2f}"]
    if model == "linear" and times < REACH[name]:
        words.append("missed")
    if name != "echo" and middle(sides[OURS], case, "p99") > middle(sides[name], case, "p99"):
        words.append("p99")
    return " ".join(words)


def _times(sides: dict[str, Runs], case: str, name: str) -> float:
    """Return how many times the rate of a side ours is."""
    theirs = middle(sides[name], case, "rate")
    return middle(sides[OURS], case, "rate") / theirs if theirs else float("inf")


def _case(model: str, case: str, sides: dict[str, Runs]) -> Iterator[str]:
    """Return the table of one case."""
    rows, connections = case.split("x")
    yield from (
        "",
        f"## {model}, {rows} row{'s' * (rows != '1')}, {connections} connection{'s' * (connections != '1')}",
        "",
        "| side | requests a second | ours is | p50 | p99 | p99.9 | CPU us a request | errors |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    )
    for name, runs in sides.items():
        rates = [run["cases"][case]["rate"] for run in runs]
        rate = middle(runs, case, "rate")
        times = f"{_times(sides, case, name):.2f} x" if OURS in sides else ""
        figures = [f"{middle(runs, case, figure):.2f}" for figure in ("p50", "p99", "p99.9")]
        figures.append(f"{middle(runs, case, 'cpu_us'):,.0f}")
        errors = sum(run["cases"][case]["errors"] for run in runs)
        cells = [name, f"{rate:,.0f} ({_span(rates, ',.0f')})", times, *figures, str(errors)]
        yield "| " + " | ".join(cells) + " |"


def _costs(every: dict[str, dict[str, Runs]]) -> Iterator[str]:
    """Return the table of start and memory."""
    yield from (
        "",
        "## Start and memory",
        "",
        "Seconds from the start of the process to the first answer of 200 (median of the repeats; the first",
        "start of a day reads from disk). Megabytes of all its processes after the load: resident, and with",
        "pages that processes share counted once (pss).",
        "",
        "| model | side | start s | resident MB | pss MB | processes |",
        "|---|---|---:|---:|---:|---:|",
    )
    for model, sides in every.items():
        for name, runs in sides.items():
            start = statistics.median(run["start"] for run in runs)
            sizes = [statistics.median(run["memory"][kind] for run in runs) for kind in ("rss", "pss")]
            cells = [
                model,
                name,
                f"{start:.2f}",
                *(f"{size:.0f}" for size in sizes),
                str(runs[-1]["processes"]),
            ]
            yield "| " + " | ".join(cells) + " |"


def _span(values: list[float], form: str) -> str:
    """Return the lowest and highest of some values, or the one there is."""
    low, high = format(min(values, default=0.0), form), format(max(values, default=0.0), form)
    return low if low == high else f"{low} to {high}"
