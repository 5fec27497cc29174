"""How fast are rows read and made numbers and codes, beside pandas and polars, and in how much memory?

    python benchmarks/source/read.py [--rows 2000000] [--large 0] [--repeats 3] [--date YYYY-MM-DD]

Generates one table of 20 columns (12 floats, 4 integers, 3 categories of 50, 1 of 100,000) as CSV and
Parquet, reads it in fresh processes with as many threads as the machine has, prints the table and writes
it to `results/DATE-read.md`. Wall time and processor time of the work, all
threads counted, imports left out; each the best of the repeats. The machine may be shared: then the wall
time says little and the processor time is the one to compare. `--large`
adds a CSV of so many rows, for the memory of the stream. "meaning" is a number for each number and a code
for each category, missing values told apart, which a data frame's own columns do not give yet. The peak
is that of the whole process, file pages of mapped files included (Linux).
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

CHUNK = 500_000

PRELUDE = """
import re, sys, time
path = sys.argv[1]
{imports}
began, spent = time.perf_counter(), time.process_time()
{work}
seconds, spent = time.perf_counter() - began, time.process_time() - spent
with open('/proc/self/status') as status:
    print(seconds, spent, int(re.search(r'VmHWM:\\s+(\\d+)', status.read())[1]) / 1e6)
"""

OURS = "from justright.source import open_source; from justright.values import to_numbers, to_codes\n"
OURS += "from justright.schema import Column; import pyarrow.csv, pyarrow.parquet, justright.values.arrow"

STREAM = "for batch in open_source(path).batches(): pass"

MEANING = """
columns = {}
for batch in open_source(path).batches():
    for name, array in zip(batch.schema.names, batch.columns):
        if name[0] in "xi":
            to_numbers(array, columns.setdefault(name, Column(name, "numeric", "number")))
        else:
            to_codes(array, columns.setdefault(name, Column(name, "categorical", "text")))
"""

CODES = "\nfor name in frame.columns[16:]: pandas.factorize(frame[name])"
POLARS_CODES = "\nframe = frame.with_columns(polars.col('c0', 'c1', 'c2', 'k').cast(polars.Categorical))"

CASES = {
    "CSV": [
        ("justright, stream", OURS, STREAM),
        ("justright, stream to meaning", OURS, MEANING),
        (
            "justright, infer_schema (all rows)",
            "from justright.source import open_source; from justright.kinds import infer_schema\n"
            "import pyarrow.csv, justright.values.arrow",
            "infer_schema(open_source(path))",
        ),
        ("pandas.read_csv", "import pandas", "frame = pandas.read_csv(path)"),
        ("pandas.read_csv + factorize", "import pandas", "frame = pandas.read_csv(path)" + CODES),
        (
            "pandas.read_csv, engine pyarrow",
            "import pandas, pyarrow.csv",
            "pandas.read_csv(path, engine='pyarrow')",
        ),
        ("polars.read_csv", "import polars", "frame = polars.read_csv(path)"),
        ("polars.read_csv + categories", "import polars", "frame = polars.read_csv(path)" + POLARS_CODES),
    ],
    "Parquet": [
        ("justright, stream", OURS, STREAM),
        ("justright, stream to meaning", OURS, MEANING),
        ("pandas.read_parquet", "import pandas, pyarrow.parquet", "frame = pandas.read_parquet(path)"),
        (
            "pandas.read_parquet + factorize",
            "import pandas, pyarrow.parquet",
            "frame = pandas.read_parquet(path)" + CODES,
        ),
        ("polars.read_parquet", "import polars", "frame = polars.read_parquet(path)"),
        (
            "polars.read_parquet + categories",
            "import polars",
            "frame = polars.read_parquet(path)" + POLARS_CODES,
        ),
    ],
}


def chunk(seed: int, rows: int) -> pa.Table:
    """Return some rows of the table."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {f"x{i}": np.round(rng.normal(size=rows), 4) for i in range(12)}
    columns |= {f"i{i}": rng.integers(0, 1000, rows) for i in range(4)}
    small = np.array([f"category {i}" for i in range(50)])
    columns |= {f"c{i}": pa.array(small[rng.integers(0, 50, rows)]) for i in range(3)}
    columns["k"] = pa.array([f"key{i}" for i in rng.integers(0, 100_000, rows)])
    return pa.table(columns)


def generate(folder: Path, rows: int, *, parquet: bool) -> dict[str, Path]:
    """Write the table as CSV, and as Parquet where asked."""
    paths = {"CSV": folder / f"t{rows}.csv"}
    schema = chunk(0, 1).schema
    if parquet:
        paths["Parquet"] = folder / f"t{rows}.parquet"
    with pyarrow.csv.CSVWriter(paths["CSV"], schema) as text:
        writer = pq.ParquetWriter(paths["Parquet"], schema) if parquet else None
        for start in range(0, rows, CHUNK):
            table = chunk(start, min(CHUNK, rows - start))
            text.write_table(table)
            if writer is not None:
                writer.write_table(table)
        if writer is not None:
            writer.close()
    return paths


def measure(imports: str, work: str, path: Path, repeats: int) -> tuple[float, float, float]:
    """Return wall seconds, processor seconds and peak memory in GB of fresh processes, the best of each."""
    found = []
    for _ in range(repeats):
        out = subprocess.run(
            [sys.executable, "-c", PRELUDE.format(imports=imports, work=work), str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        found.append([float(text) for text in out.stdout.split()])
    seconds, spent, memory = np.min(found, axis=0).tolist()
    return seconds, spent, memory


def table(form: str, path: Path, rows: int, repeats: int, only: str = "") -> list[str]:
    """Return the measured lines of one form."""
    size = path.stat().st_size
    lines = [
        f"### {form}, {rows:,} rows, {size / 1e6:,.0f} MB",
        "",
        "| reader | wall, s | processor, s | million rows/s | MB/s | peak of the process, GB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, imports, work in CASES[form]:
        if only in name:
            seconds, spent, memory = measure(imports, work, path, repeats)
            rate = f"{rows / seconds / 1e6:.2f} | {size / seconds / 1e6:.0f}"
            lines.append(f"| {name} | {seconds:.2f} | {spent:.2f} | {rate} | {memory:.2f} |")
            print(lines[-1], flush=True)
    return [*lines, ""]


def main() -> None:
    """Run all parts and write the dated file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    import pandas
    import polars

    versions = f"pyarrow {pa.__version__}, pandas {pandas.__version__}, polars {polars.__version__}"
    lines = [
        f"# Reading rows, {options.date}",
        "",
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {versions}; "
        f"{os.cpu_count()} cores; the machine was shared, load {os.getloadavg()[0]:.1f} at the start.",
        f"`python benchmarks/source/read.py --rows {options.rows} --large {options.large} "
        f"--repeats {options.repeats}`",
        "",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for form, path in generate(folder, options.rows, parquet=True).items():
            lines += table(form, path, options.rows, options.repeats)
        if options.large:
            path = generate(folder, options.large, parquet=False)["CSV"]
            lines += table("CSV", path, options.large, 1, only="justright")
    out = Path(__file__).parent / "results" / f"{options.date}-read.md"
    out.parent.mkdir(exist_ok=True)
    out.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
