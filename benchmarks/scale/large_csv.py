"""Train on a generated CSV of 20 million rows and 20 columns; watch the anonymous memory.

    python benchmarks/scale/large_csv.py --rows 1000000 4000000 20000000

15 numbers and 5 categories, a known linear truth with noise; the file is written as a stream to --folder and
deleted at the end. The training is a process of its own, `justright train FILE --target y --family linear`;
its anonymous memory (RssAnon) is read 20 times a second. The limit of the trunk: 2.5 GB at 20 million rows.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

sys.path.insert(0, str(Path(__file__).parents[1]))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

CHUNK = 250_000
LIMIT_GB = 2.5


def write_csv(path: Path, rows: int, seed: int = 0) -> None:
    """Write the table as a stream."""
    rng = np.random.default_rng(seed)
    slope = rng.normal(size=15)
    effects = [rng.normal(size=size) for size in (3, 12, 40, 100, 500)]
    names = [np.array([f"v{i}_{n}" for n in range(len(e))]) for i, e in enumerate(effects)]
    writer = None
    for begin in range(0, rows, CHUNK):
        count = min(CHUNK, rows - begin)
        numbers = rng.normal(size=(count, 15)).round(5)
        codes = [rng.integers(0, len(effect), count) for effect in effects]
        y = numbers @ slope + sum(effect[code] for effect, code in zip(effects, codes, strict=True))
        columns = {f"x{i}": numbers[:, i] for i in range(15)}
        columns |= {f"c{i}": labels[code] for (i, labels), code in zip(enumerate(names), codes, strict=True)}
        columns["y"] = (y + rng.normal(size=count)).round(5)
        table = pa.table(columns)
        writer = writer or pyarrow.csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def anonymous(process: int) -> int:
    """Return the anonymous memory of a process and its children, in kB."""
    found = 0
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                found = int(line.split()[1])
        for task in Path(f"/proc/{process}/task").iterdir():
            found += sum(anonymous(int(child)) for child in (task / "children").read_text().split())
    except OSError:  # it ended while it was read
        pass
    return found


def watch(command: list[str]) -> tuple[dict[str, Any], float, float, float]:
    """Run a command; return its JSON, its most anonymous memory in GB, when that was, and the seconds."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        peak, when = 0, 0.0
        while process.poll() is None:
            now = anonymous(process.pid)
            if now > peak:
                peak, when = now, time.perf_counter() - begin
            time.sleep(0.05)
        assert process.stdout is not None
        text = process.stdout.read()
    return json.loads(text), peak / 1e6, when, time.perf_counter() - begin


def main() -> None:
    """Run all sizes and write the dated results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 4_000_000, 20_000_000])
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--binary", action="store_true", help="a target of two classes instead of a number")
    arguments = parser.parse_args()
    here = Path(__file__).parent / "results"
    here.mkdir(exist_ok=True)
    kind = "binary" if arguments.binary else "regression"
    report = here / f"{time.strftime('%Y-%m-%d')}-large-csv-{kind}.md"
    lines = [
        f"# A generated CSV of 20 columns, {kind}, {time.strftime('%Y-%m-%d')}",
        "",
        f"`python benchmarks/scale/large_csv.py --rows {' '.join(map(str, arguments.rows))}"
        f"{' --binary' if arguments.binary else ''}`, {os.cpu_count()} cores.",
        "",
        "| rows | file MB | peak anonymous GB | at second | seconds | read | features | train "
        "| load average | headline |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for rows in arguments.rows:
        work = Path(tempfile.mkdtemp(dir=arguments.folder))
        try:
            path = work / "table.csv"
            write_csv(path, rows)
            command = [sys.executable, "-m", "justright", "train", str(path), "--target", "y", "--json"]
            command += ["--family", "linear"]  # additive models: benchmarks/linear/growth.py
            if arguments.binary:
                command += ["--sql", "select * exclude y, y > 0 as y from rows"]
            with alone() as load:
                found, peak, when, seconds = watch([*command, "--out", str(work / "runs")])
            size = path.stat().st_size / 1e6
        finally:
            shutil.rmtree(work)
        spent, value = found["seconds"], found["validation"]
        lines.append(
            f"| {rows:,} | {size:,.0f} | {peak:.2f} | {when:.0f} | {seconds:.1f} | {spent['read']:.1f} "
            f"| {spent['features']:.1f} | {spent['train']:.1f} | {load:.1f} "
            f"| {found['metric']} {value['value']:.4f} |"
        )
        print(lines[-1], flush=True)
        report.write_text("\n".join([*lines, "", f"Limit: {LIMIT_GB} GB at 20 million rows.", ""]))


if __name__ == "__main__":
    main()
