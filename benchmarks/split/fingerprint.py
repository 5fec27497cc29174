"""How many keys a second are fingerprinted, by container and by length, and what the first call costs?

    python benchmarks/split/fingerprint.py [--keys 4000000] [--repeats 5] [--date YYYY-MM-DD]

Prints the tables and writes them to `results/DATE-fingerprint.md`. Processor time, best of the repeats:
the machine may be shared. One thread everywhere.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from justright.kernels import hashing
from justright.kernels.hashing import fingerprint64
from justright.split import farm_fingerprint

COLD = """
import time
began = time.perf_counter()
import numpy as np
from justright.kernels.hashing import fingerprint64
ready = time.perf_counter()
fingerprint64(np.zeros(16, np.uint8), np.array([0, 16]), compiled={compiled})
print(ready - began, time.perf_counter() - ready)
"""


def rate(work: Callable[[], object], keys: int, repeats: int) -> float:
    """Return millions of keys a second, the best of some repeats."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return keys / min(seconds) / 1e6


def by_container(keys: int, repeats: int) -> list[str]:
    """Measure `farm_fingerprint` on 16-byte keys in each container."""
    texts = [f"{i:016d}" for i in range(keys)]
    array = pa.array(texts)
    containers: dict[str, Any] = {
        "Arrow string": array,
        "Arrow string, 64 chunks": pa.chunked_array(
            [array[i : i + keys // 64] for i in range(0, keys, keys // 64)]
        ),
        "numpy bytes (S16)": np.array(texts).astype("S"),
        "numpy str (U16)": np.array(texts),
        "numpy object": np.array(texts, object),
        "list of str": texts,
    }
    lines = [
        "| container of 16-byte keys | numpy, million keys/s | compiled, million keys/s |",
        "|---|---:|---:|",
    ]
    fresh = {n: rate(lambda v=v: farm_fingerprint(v), keys, repeats) for n, v in containers.items()}
    fingerprint64(np.zeros(16, np.uint8), np.array([0, 16]), compiled=True)
    for name, values in containers.items():
        loaded = rate(lambda v=values: farm_fingerprint(v), keys, repeats)
        lines.append(f"| {name} | {fresh[name]:.0f} | {loaded:.0f} |")
    return lines


def by_length(keys: int, repeats: int) -> list[str]:
    """Measure both kernels on keys of several lengths."""
    lines = ["| bytes a key | numpy, million keys/s | compiled, million keys/s |", "|---:|---:|---:|"]
    rng = np.random.default_rng(0)
    for size in (3, 8, 16, 32, 64, 200):
        n = min(keys, (1 << 28) // size)
        letters = rng.integers(97, 123, n * size, dtype=np.uint8)
        offsets = np.arange(n + 1) * size
        speeds = [
            rate(lambda c=c, b=letters, o=offsets: fingerprint64(b, o, compiled=c), n, repeats)
            for c in (False, True)
        ]
        lines.append(f"| {size} | {speeds[0]:.0f} | {speeds[1]:.0f} |")
    return lines


def first_call() -> list[str]:
    """Measure imports and the first call in fresh processes, with and without machine code on disk."""
    lines = ["| fresh process, wall time | import, s | first call of one key, s |", "|---|---:|---:|"]
    source = Path(hashing.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        # numba keeps machine code beside the source: a copy of the package has none yet.
        copy = Path(folder) / "justright"
        shutil.copytree(source.parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
        for name, compiled in (("numpy", False), ("compiled, no cache", True), ("compiled, cached", True)):
            out = subprocess.run(
                [sys.executable, "-c", COLD.format(compiled=compiled)],
                env={"PYTHONPATH": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            imported, called = map(float, out.stdout.split())
            lines.append(f"| {name} | {imported:.2f} | {called:.2f} |")
    return lines


def main() -> None:
    """Run all parts and write the dated file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=4_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    lines = [
        f"# Fingerprints, {options.date}",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, "
        f"numpy {np.__version__}, pyarrow {pa.__version__}; one thread, "
        f"{options.keys:,} keys, best of {options.repeats}; processor time, as the machine was shared.",
        f"`python benchmarks/split/fingerprint.py --keys {options.keys} --repeats {options.repeats}`",
    ]
    for part in (
        by_container(options.keys, options.repeats),
        by_length(options.keys, options.repeats),
        first_call(),
    ):
        lines += ["", *part]
    text = "\n".join(lines) + "\n"
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{options.date}-fingerprint.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
