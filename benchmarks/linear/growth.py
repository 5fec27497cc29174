"""How seconds and anonymous memory of an additive model grow with the rows: 1e4 ... 3e7 rows x 39 columns.

    python benchmarks/linear/growth.py --rows 10000 100000 1000000 10000000 30000000 [--folder CACHE]

Rows of criteo_rows.py in Parquet. The training is a process of its own, `justright train FILE --json`,
crosses searched, penalties chosen; its anonymous memory is read as in benchmarks/scale/large_csv.py. To
reach: the slope of log seconds on log rows 1.0 +- 0.1, and 2.5 GB at 3e7. What a run costs whatever the
rows (start, compiled kernels) hides the slope of small tables, so it is also given from 100,000 rows on.
Results are kept by rows, version and choices in `results/DATE-growth.json`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE), str(HERE.parent / "scale")]

from criteo_rows import known_losses, tables  # noqa: E402  (a script: neighbours are not on the path before)
from large_csv import watch  # noqa: E402

from lock import alone  # noqa: E402

LIMIT_GB = 2.5
FROM = 100_000


def measure(rows: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train on so many rows; return seconds, memory, and the loss of the validation rows."""
    train, valid = tables(Path(options.folder), rows)
    work = Path(tempfile.mkdtemp(dir=options.folder))
    command = [sys.executable, "-m", "justright", "train", str(train), "--target", "label", "--json"]
    command += ["--set", "family=crossed", "--set", "baseline=false", "--out", str(work / "runs")]
    command += [part for choice in options.set for part in ("--set", choice)]
    try:
        with nullcontext(os.getloadavg()[0]) if options.free else alone() as load:
            before = spent()
            found, peak, when, seconds = watch(command)
            used = spent() - before
        made = {
            "seconds": seconds,
            "cpu": used,
            "parts": {part: found["seconds"][part] for part in ("read", "features", "train", "total")},
            "memory": peak,
            "when": when,
            "megabytes": train.stat().st_size / 1e6,
            "load": [round(load, 1), round(os.getloadavg()[0], 1)],
            "log_loss": validation_loss(found["model"], valid),
        }
    finally:
        shutil.rmtree(work)
    return made


def spent() -> float:
    """Return the processor seconds of processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def validation_loss(bundle: str, valid: Path) -> float:
    """Return the log loss of the validation rows."""
    import justright

    model = justright.load(bundle)
    p = model.predict_proba(str(valid))[:, list(map(str, model.classes)).index("1")]
    y = pq.read_table(valid, columns=["label"])["label"].to_numpy()
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(y == 1, np.log(p), np.log(1 - p))))


def slope(found: dict[str, Any], first: int, what: str) -> float:
    """Return the slope of log seconds on log rows, from so many rows on."""
    some = [(int(rows), made[what]) for rows, made in found.items() if int(rows) >= first]
    if len(some) < 2:
        return float("nan")
    rows, seconds = np.log(np.asarray(some, float)).T
    return float(np.polyfit(rows, seconds, 1)[0])


def page(found: dict[str, Any], options: argparse.Namespace) -> str:
    """Return the results as a page."""
    valid = Path(options.folder) / "validation.parquet"
    known = known_losses(valid)
    lines = [
        f"# Growth of an additive model with found crosses, {options.date}",
        "",
        "`python benchmarks/linear/growth.py --rows "
        + " ".join(found)
        + "".join(f" --set {choice}" for choice in options.set)
        + "`",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        "cores, 39 columns (13 numbers, 26 categories up to a million values), Parquet. Seconds of the whole "
        f"process. Validation log loss: base rate {known['base']:.5f}, truth {known['attainable']:.5f}. "
        "Wall seconds at a load above two are upper bounds.",
        "",
        "| rows | file MB | seconds | s cpu | read | features | train | peak anonymous GB | at second "
        "| log loss | us a row | load |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for rows in sorted(found, key=int):
        made = found[rows]
        parts = made["parts"]
        lines.append(
            f"| {int(rows):,} | {made['megabytes']:,.0f} | {made['seconds']:.1f} | {made['cpu']:.1f} "
            f"| {parts['read']:.1f} | {parts['features']:.1f} | {parts['train']:.1f} "
            f"| {made['memory']:.2f} | {made['when']:.0f} | {made['log_loss']:.5f} "
            f"| {made['seconds'] / int(rows) * 1e6:.0f} | {', '.join(map(str, made['load']))} |"
        )
    lines += [
        "",
        f"Slope of log seconds on log rows: {slope(found, 0, 'seconds'):.2f} over all, "
        f"{slope(found, FROM, 'seconds'):.2f} from {FROM:,} rows on; of processor seconds "
        f"{slope(found, 0, 'cpu'):.2f} and {slope(found, FROM, 'cpu'):.2f} (to reach: 1.0 +- 0.1). Limit "
        f"of memory: {LIMIT_GB} GB at 30,000,000 rows.",
        "",
    ]
    return "\n".join(lines)


def version() -> str:
    """Return what the results belong to: the last commit that touched the package."""
    asked = ["git", "-C", str(HERE), "log", "-1", "--format=%h", "--", "../../src"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Measure all sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--set", nargs="*", default=[], help="further choices of the recipe, key=value")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir()) / "justright-criteo"))
    parser.add_argument("--free", action="store_true", help="do not wait for other timed runs, nor hold them")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    results = HERE / "results" / f"{options.date}-growth.json"
    results.parent.mkdir(exist_ok=True)
    now = [version(), *options.set]
    kept = json.loads(results.read_text()) if results.exists() else {}
    found = kept.get("found", {}) if kept.get("version") == now else {}
    for rows in options.rows:
        if str(rows) not in found:
            found[str(rows)] = measure(rows, options)
        results.write_text(json.dumps({"version": now, "found": found}, indent=1) + "\n")
        results.with_suffix(".md").write_text(page(found, options))
        made = found[str(rows)]
        print(
            rows, f"{made['seconds']:.1f} s, {made['memory']:.2f} GB", f"{made['log_loss']:.5f}", flush=True
        )


if __name__ == "__main__":
    main()
