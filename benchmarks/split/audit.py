"""Seconds and memory of content keys, folds and audit for millions of rows.

    python benchmarks/split/audit.py [--rows 20000000] [--columns 20] [--date YYYY-MM-DD]

Prints the table and writes it to `results/DATE-audit.md`. Memory is the peak of the process less what
it held before the step.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from justright.kernels.hashing import mix64
from justright.schema import BLOCK_ROWS
from justright.split import audit, content_key, folds, part_of

Result = TypeVar("Result")
LINES = ["| step | processor seconds | peak of the process, GB |", "|---|---:|---:|"]


def step(name: str, work: Callable[[], Result]) -> Result:
    """Run one step and note its time and the peak so far."""
    began = time.process_time()
    result = work()
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    LINES.append(f"| {name} | {seconds:.2f} | {peak:.2f} |")
    print(LINES[-1], flush=True)
    return result


def contents(rows: int, columns: int) -> np.ndarray:
    """Content keys of generated numbers, block by block as a table is read."""
    rng = np.random.default_rng(0)
    block = {f"c{i}": rng.normal(size=BLOCK_ROWS) for i in range(columns)}
    out = np.empty(rows, np.uint64)
    for at in range(0, rows, BLOCK_ROWS):
        n = min(BLOCK_ROWS, rows - at)
        out[at : at + n] = content_key(block)[:n]
    return out


def main() -> None:
    """Run the steps and write the dated file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    rows = options.rows
    step("start", lambda: None)
    step(f"content keys of {options.columns} numeric columns", lambda: contents(rows, options.columns))
    content = step(
        "made keys", lambda: mix64(np.arange(rows, dtype=np.uint64) % np.uint64(rows - rows // 50))
    )
    groups = step("made groups", lambda: mix64(content % np.uint64(rows // 40)))
    part = step("part_of", lambda: part_of(groups.view(np.int64), "80/10/10"))
    step("folds, 5 repeats", lambda: folds(groups, 5, 5))
    step("audit, content only", lambda: audit(part, content))
    step("audit, content and groups", lambda: audit(part, content, groups=groups))
    moments = np.arange(float(rows))
    step("audit, groups and moments", lambda: audit(part, content, groups=groups, moments=moments))
    head = [
        f"# Audit of a split, {options.date}",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}; {rows:,} rows, one thread; the machine was shared.",
        f"`python benchmarks/split/audit.py --rows {rows} --columns {options.columns}`",
        "",
    ]
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{options.date}-audit.md").write_text("\n".join([*head, *LINES]) + "\n")


if __name__ == "__main__":
    main()
