"""The page of rate.py: excess losses over the best rate of the grid, from the results."""

from __future__ import annotations

from typing import Any

import numpy as np

RULES = ("race", "valley", "adam_1e-3", "prodigy", "schedule_free")


def excesses(entry: dict[str, Any], rules: tuple[str, ...] = RULES) -> dict[str, Any]:
    """Return of one case the best rate of the grid and what each rule loses to it, as a share of its loss."""
    seeds = [one for one in entry["seeds"].values() if one.get("grid")]
    grid = np.asarray([[np.inf if p["test"] is None else p["test"] for p in one["grid"]] for one in seeds])
    mean = grid.mean(axis=0)
    best = int(np.argmin(mean))
    found: dict[str, Any] = {
        "best": float(np.mean([one["grid"][best]["rate"] for one in seeds])),
        "loss": float(mean[best]),
        "seeds": len(seeds),
        "rules": {},
        "extra": max((one["race"]["extra"] for one in seeds if "extra" in one.get("race", {})), default=0.0),
        "lowered": sum(one["race"].get("lowered", 0) for one in seeds if "race" in one),
        "rates": [one["race"]["rate"] for one in seeds if "rate" in one.get("race", {})],
    }
    for rule in rules:
        # A rule that was measured for some of the seeds is compared on those.
        own = [place for place, one in enumerate(seeds) if rule in one]
        lost = [np.inf if seeds[place][rule]["test"] is None else seeds[place][rule]["test"] for place in own]
        if own:
            found["rules"][rule] = float(np.mean(lost) / grid[own, best].mean() - 1.0)
    return found


def page(results: dict[str, Any], date: str) -> str:
    """Return the page."""
    every = {key: excesses(entry) for key, entry in results.items()}
    every = {key: one for key, one in every.items() if one["rules"]}
    rules = [rule for rule in RULES if any(rule in one["rules"] for one in every.values())]
    lines = [
        f"# Freedom from the rate, {date}",
        "",
        "Command and method: `benchmarks/neural/rate.py`. Excess of the mean loss on rows used for neither",
        "over that of the best of 13 rates, %; a best rate chosen by those very rows has a lead of noise.",
        "A rule that was measured for fewer seeds is compared on these.",
        "",
        "| case | seeds | best rate | its loss | rates of the race | extra steps | "
        + " | ".join(rules)
        + " |",
        "|---" * (6 + len(rules)) + "|",
    ]
    for key, one in every.items():
        rates = f"{min(one['rates']):.2g} to {max(one['rates']):.2g}" if one["rates"] else ""
        cells = [key, one["seeds"], f"{one['best']:.2g}", f"{one['loss']:.4f}", rates]
        cells += [f"{100 * one['extra']:.0f} %", *(_per_cent(one["rules"].get(rule)) for rule in rules)]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    for name, figure in (("median", np.median), ("worst", np.max)):
        cells = [_per_cent(figure([o["rules"][r] for o in every.values() if r in o["rules"]])) for r in rules]
        lines.append(f"| **{name}** |  |  |  |  |  | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _per_cent(share: float | None) -> str:
    """Return a share as per cent, signed."""
    if share is None:
        return ""
    return "diverged" if not np.isfinite(share) else f"{100 * share:+.1f}"
