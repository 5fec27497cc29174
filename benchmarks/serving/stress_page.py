"""The page of stress.py: what was to reach, and what was counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

TIMES: Final = 3.0
"""The p99 of the answers under overload may be so many times the unloaded one."""
LOADS: Final = {
    "unloaded": "a fifth of the capacity",
    "busy": "four fifths of the capacity",
    "overload": "5 times the capacity",
    "alone": "undisturbed",
    "beside": "beside idle and slow clients",
    "reloading": "the alias moves each second",
    "killing": "a worker is killed each 5 s",
    "afterwards": "afterwards",
}
_KINDS: Final = ("right", "wrong", "refused", "failed", "other", "unsent")
_FIGURES: Final = ("p50", "p99", "p99.9")


def page(results: dict[str, Any], date: str) -> str:
    """Return the page."""
    loads = [value for made in results.values() for value in made["load"]]
    scales = {made["scale"] for made in results.values()}
    lines = [
        f"# Overload, slow clients, reload, killed workers, {date}",
        "",
        "`python benchmarks/serving/stress.py`. Method: in its head. Server on core 0, load on core 1,",
        f"load average found {min(loads):.1f} to {max(loads):.1f}. Durations are those of the head"
        + ("." if scales == {1.0} else f", times {', '.join(f'{one:g}' for one in sorted(scales))}."),
        "Right and wrong are answers of 200; refused is 429; failed is a connection that ended, or five",
        "seconds without an answer, with a request on its way; other is any other status; unsent is what was",
        "due while all connections were busy or the load generator was late. ms from sending to the whole",
        "answer; of refused ones apart; late: how late the generator sent.",
        "",
        "| case | what | found | to reach | |",
        "|---|---|---:|---:|---|",
        *_reached(results),
    ]
    for case, made in results.items():
        lines += _case(case, made)
    return "\n".join(lines) + "\n"


def _reached(results: dict[str, Any]) -> Iterator[str]:
    """Return what was to reach, line by line."""
    for case, made in results.items():
        runs = [made[name] for name in LOADS if name in made]
        yield _line(case, "wrong answers", sum(run["wrong"] for run in runs), 0)
        if "overload" in made:
            times = made["overload"].get("p99", float("inf")) / made["unloaded"]["p99"]
            yield _line(case, "p99 of answers over the unloaded one", round(times, 2), TIMES)
            failed = made["overload"]["failed"] + made["overload"]["other"]
            yield _line(case, "failed requests", failed, 0)
            offered = made["overload"]["offered_rate"] / made["capacity"]
            yield f"| {case} | load that reached the server, times the capacity | {offered:.1f} | 5 | |"
            share = made["overload"]["right_rate"] / made["capacity"]
            yield f"| {case} | right answers a second, share of the capacity | {share:.2f} | - | |"
        if "reloading" in made:
            failed = made["reloading"]["failed"] + made["reloading"]["other"]
            yield _line(case, f"failed requests at {made['moves']} moves", failed, 0)
            seen = max(made["seconds_until_seen"])
            yield f"| {case} | seconds from a move to its first answer, most of 5 | {seen:.2f} | - | |"
        if "beside" in made:
            failed = made["beside"]["failed"] + made["beside"]["other"]
            yield _line(case, "failed requests", failed, 0)
            closed = [made[kind] for kind in ("idle_closed", "slow_heads_closed", "slow_bodies_closed")]
            told = ", ".join(map(str, closed))
            yield f"| {case} | closed of 1,000 idle, 100 slow headers, 100 slow bodies | {told} | - | |"
        if "killing" in made:
            lost = made["killing"]["failed"]
            yield f"| {case} | requests lost with {made['killed']} killed workers | {lost} | - | |"
            yield _line(case, "requests lost afterwards", made["afterwards"]["failed"], 0)


def _line(case: str, what: str, found: float, most: float) -> str:
    """Return one line of what was to reach: found may be at most so much (below it, where it is no count)."""
    held = found < most if most else found == 0
    return (
        f"| {case} | {what} | {found:g} | {'below ' * bool(most)}{most:g} | {'yes' if held else 'MISSED'} |"
    )


def _case(case: str, made: dict[str, Any]) -> Iterator[str]:
    """Return the counts of one case."""
    yield from ("", f"## {case}", "")
    yield f"Capacity {made['capacity']:,.0f} requests a second."
    if "connections" in made:
        yield f"At most {made['connections']:,} connections under overload."
    for name in ("memory_before", "memory_after"):
        if name in made:
            yield f"Memory {name.removeprefix('memory_')}: {made[name]['rss']:.0f} MB resident."
    if "workers_after" in made:
        yield f"Workers two seconds after the last kill: {made['workers_after']}."
    yield ""
    yield "| load | offered/s | " + " | ".join((*_KINDS, *_FIGURES)) + " | refused p99 | late p99 |"
    yield "|---" + "|---:" * (len(_KINDS) + len(_FIGURES) + 3) + "|"
    examples: list[str] = []
    for name, words in LOADS.items():
        if name not in made:
            continue
        run = made[name]
        figures = [f"{run[figure]:.2f}" if figure in run else "" for figure in _FIGURES]
        refused = f"{run['refused_ms']['p99']:.2f}" if run["refused_ms"] else ""
        late = f"{run['late_ms']['p99']:.2f}" if run["late_ms"] else ""
        counts = [f"{run['offered_rate']:,.0f}", *(f"{run[kind]:,}" for kind in _KINDS)]
        cells = [words, *counts, *figures, refused, late]
        yield "| " + " | ".join(cells) + " |"
        examples += [f"{words}: {text}" for text in run["examples"]]
        if len(run["by_answer"]) > 1:
            examples.append(f"{words}: answers by version {run['by_answer']}")
    if examples:
        yield ""
        yield from (f"- {text}" for text in examples)
