"""What the checks of the rows say of real tables: known traps, and tables that should hear little.

    python benchmarks/diagnose/rows.py [--data ../shared/data] [--date YYYY-MM-DD] [TABLE ...]

The model is LightGBM at its defaults, out of fold (five fits, ten seconds each at most); the checks get its
predictions and the encoded rows, no name of a trap. Writes `results/DATE-rows.md`: what was named of each
trap, every warning of the other tables, and processor seconds of the checks alone.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import time
from pathlib import Path

import numpy as np

from justright.datamodule import DataModule, prepare
from justright.diagnose.rows import check_rows
from justright.kinds import infer_schema
from justright.metrics import default_metric
from justright.models.boosted import boosted_baseline
from justright.recipe import Recipe
from justright.schema import Finding, Schema
from justright.source import open_source

# Table, target, and its known traps: code of the finding -> word that must stand in its sentence.
TRAPS: dict[str, tuple[str, dict[str, str]]] = {
    "bike_sharing": ("cnt", {"leak-identity": "registered + casual", "target-drifts": "dteday"}),
    "bank_marketing": ("y", {"leak-suspect": "duration", "rows-ordered": "next ones"}),
    "nycflights13_100k": ("arr_delay", {"leak-identity": "arr_time", "leak-part-of-target": "dep_delay"}),
    "diabetes130": ("readmitted", {"rows-grouped": "patient_nbr"}),
    "kdd99_10pct": ("label", {"rows-repeated": "repeat"}),
    "wine_quality": ("quality", {"rows-repeated": "repeat"}),
    "mammography": ("class", {"rows-repeated": "repeat"}),
    "noaa_weather": ("target", {"rows-ordered": "next ones"}),
    "adult": ("income", {"column-copies": "education"}),
}
HEALTHY: dict[str, str] = {
    "california_housing": "median_house_value",
    "diamonds": "price",
    "letter": "letter",
    "higgs_7k": "label",
    "abalone": "Rings",
    "titanic": "Survived",
    "telco_churn": "Churn",
    "credit_default": "default.payment.next.month",
    "insurance": "charges",
    "criteo_sample": "label",
    "acs_employment_ma": "employed",
}
LINES: list[str] = []


def say(line: str = "") -> None:
    """Print a line and keep it for the file."""
    print(line, flush=True)
    LINES.append(line)


def predictions(data: DataModule, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the judged rows and what LightGBM says of them out of fold."""
    assert schema.target is not None
    task, classes = schema.target.task, max(len(schema.target.classes), 2)
    made = [boosted_baseline(data.blocks, task, classes, fold=fold, time_limit=10.0) for fold in range(5)]
    place = np.concatenate([each.place for each in made])
    prediction = np.concatenate([each.prediction for each in made])
    order = np.argsort(place)
    if task == "regression" and data.plan.data.target is not None:
        prediction = data.plan.data.target.unscaled(prediction)
    return place[order], prediction[order]


def check(path: Path, target: str) -> tuple[list[Finding], int, int, float]:
    """Findings of one table, its rows and columns, and the processor seconds of the checks."""
    source = open_source(path)
    schema, _ = infer_schema(source, target=target)
    assert schema.target is not None
    loss = "squared" if schema.target.task == "regression" else "logistic"
    data = prepare(source, schema, Recipe(target=target), loss=loss, folder=None)
    place, prediction = predictions(data, schema)
    known = data.facts.target[data.facts.part == 0][place]
    truth = known.astype(np.float64) if schema.target.task == "regression" else known.astype(np.int64)
    began = time.process_time()
    found = check_rows(
        data,
        schema,
        metric=default_metric(schema.target.task),
        place=place,
        prediction=prediction,
        target=truth,
        source=open_source(path),
    )
    return found, data.rows, len(schema.features), time.process_time() - began


def main() -> None:
    """Check the tables and write the dated file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    options = parser.parse_args()
    say(f"# Are the rows what we assume, {options.date}")
    say()
    say(
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, numpy "
        f"{np.__version__}; "
        "the machine was shared, times are processor seconds of one thread."
    )
    say("`python benchmarks/diagnose/rows.py`")
    wanted = options.tables or [*TRAPS, *HEALTHY]
    named = total = 0
    say()
    say("## Known traps")
    for name in (each for each in TRAPS if each in wanted):
        target, traps = TRAPS[name]
        found = tell(options.data / f"{name}.parquet", target, traps)
        hit = [
            code for code, word in traps.items() if any(f.id == code and word in f.sentence for f in found)
        ]
        named, total = named + len(hit), total + len(traps)
    say()
    say("## Tables without a known trap")
    warned = 0
    for name in (each for each in HEALTHY if each in wanted):
        found = tell(options.data / f"{name}.parquet", HEALTHY[name], {})
        warned += sum(finding.severity != "info" for finding in found)
    say()
    say(f"Traps named: {named} of {total}. Warnings on the {len(HEALTHY)} other tables: {warned}.")
    say()
    say(
        "The thresholds were set while looking at these tables; the tests hold made tables with planted "
        "traps "
        "and healthy ones of other seeds."
    )
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{options.date}-rows.md").write_text("\n".join(LINES) + "\n")


def tell(path: Path, target: str, traps: dict[str, str]) -> list[Finding]:
    """Check one table and tell what was found."""
    found, rows, columns, seconds = check(path, target)
    say()
    say(f"### {path.stem}: {rows:,} rows, {columns} columns, {seconds:.1f} s")
    say()
    for finding in found:
        mark = " (trap)" if finding.id in traps and traps[finding.id] in finding.sentence else ""
        say(f"- {finding.severity} `{finding.id}`{mark}: {finding.sentence}")
    if not found:
        say("- nothing")
    return found


if __name__ == "__main__":
    main()
