"""The page of D1 from its figures: `python benchmarks/drift/power_page.py RESULT.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

NAMES = ("justright", "Evidently", "NannyML", "Vertex", "KS 5 %", "KS 1 % corrected")


def write_page(path: Path) -> None:
    """Write the page beside the figures."""
    known = json.loads(path.read_text())
    cells = known["cells"]
    silent = [each for each in cells if not each["drift"]]
    worst = max(silent, key=lambda each: each["justright"])
    lines = [
        "# False alarms and power of monitors (D1)",
        "",
        f"`{known['command']}` - Python {known['python']}, numpy {known['numpy']}.",
        "",
        "An alarm is any column of a window. The others by their published rules: `rules.py` states them,",
        "`rules_check.py` runs their own code. Shares of windows: `windows` of ours, fewer of the others.",
        "",
        f"Worst cell of ours without drift: {worst['justright']:.2%} ({worst['law']}, reference "
        f"{worst['reference']:,}, window {worst['window']:,}, {worst['columns']} columns, "
        f"{worst['windows']:,} windows;"
        f" noise +- {_noise(worst, 'windows'):.2%} if windows were apart, up to "
        f"{_noise(worst, 'references'):.2%} as those of one reference share its noise).",
        "",
    ]
    for columns in sorted({each["columns"] for each in cells}):
        lines += [f"## {columns} column{'s' * (columns > 1)}", ""]
        lines += _table("False alarms, no drift", [c for c in silent if c["columns"] == columns], False)
        lines += _table("Found", [c for c in cells if c["drift"] and c["columns"] == columns], True)
    path.with_suffix(".md").write_text("\n".join(lines) + "\n")


def _noise(cell: dict[str, Any], apart: str) -> float:
    """Return the standard error of a share of windows."""
    share: float = cell["justright"]
    count: float = cell.get(apart, cell["windows"])
    return (share * (1.0 - share) / count) ** 0.5


def _table(title: str, cells: list[dict[str, Any]], drift: bool) -> list[str]:
    """One table."""
    if not cells:
        return []
    head = ["law", "reference", "window", *(["drift"] if drift else []), *NAMES, "windows"]
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for each in cells:
        cut = [f"{each['drift']:g} {each['unit']}"] if drift else []
        shares = [f"{each[name]:.1%}" for name in NAMES]
        row = [
            each["law"],
            f"{each['reference']:,}",
            f"{each['window']:,}",
            *cut,
            *shares,
            f"{each['windows']:,}",
        ]
        lines.append("| " + " | ".join(row) + " |")
    return [*lines, ""]


if __name__ == "__main__":
    write_page(Path(sys.argv[1]))
