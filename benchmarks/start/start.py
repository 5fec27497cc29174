"""How long until the import, the help and a first row: each in a fresh process.

    python benchmarks/start/start.py [--repeats 20] [--date YYYY-MM-DD]

Prints the table and writes it to `results/DATE-start.md`. Wall time, smallest and median of the repeats,
and the smallest processor time: the machine may be shared. The empty interpreter is the first line; the
limits are those of the project: 0.15 s for the import and 0.45 s for the help, interpreter included.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from lock import alone  # noqa: E402  (a script: its neighbours are not on the path before)

GOLDEN = HERE.parents[1] / "tests/golden/bundle-1"
SCRIPT = str(Path(sys.executable).with_name("justright"))
ROWS = f"json.load(open({str(GOLDEN) + '-expected.json'!r}))['rows']"
SCORE = f"import json, justright; justright.load({str(GOLDEN)!r}).predict_rows({ROWS})"

COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "python -c pass": ([sys.executable, "-c", "pass"], None),
    "import justright": ([sys.executable, "-c", "import justright"], 0.15),
    "justright --help": ([SCRIPT, "--help"], 0.45),
    "justright train --help": ([SCRIPT, "train", "--help"], 0.45),
    "import, load a model, score rows": ([sys.executable, "-c", SCORE], None),
    "import justright.workflow": ([sys.executable, "-c", "import justright.workflow"], None),
}


def measure(command: list[str], repeats: int) -> tuple[float, float, float]:
    """Return the smallest and median wall time and the smallest processor time of a command, in seconds."""
    walls, used = [], []
    for _ in range(repeats + 1):  # the first one fills the disk cache and does not count
        before, begin = os.times(), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - begin)
        after = os.times()
        children = after.children_user + after.children_system
        used.append(children - before.children_user - before.children_system)
    return min(walls[1:]), statistics.median(walls[1:]), min(used[1:])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    lines = [
        "| | smallest wall, s | median wall, s | processor, s | limit, s |",
        "|---|---:|---:|---:|---:|",
    ]
    with alone() as load:
        for name, (command, limit) in COMMANDS.items():
            wall, middle, used = measure(command, options.repeats)
            allowed = "" if limit is None else limit
            lines.append(f"| {name} | {wall:.3f} | {middle:.3f} | {used:.3f} | {allowed} |")
    lines[:0] = [
        f"# Import and start, {options.date}",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} "
        f"cores, load average {load:.1f} at the start; {options.repeats} fresh processes each.",
        f"`python benchmarks/start/start.py --repeats {options.repeats}`",
        "",
    ]
    text = "\n".join(lines) + "\n"
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"{options.date}-start.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
