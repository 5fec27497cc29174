"""All checks together: real tables with their traps, healthy ones in silence, odd tables without a fall."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from justright.diagnose.rows import check_rows

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def healthy(seed, task):
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.normal(size=(4, 900))
    table = {
        "a": a,
        "b": b,
        "mix": a + b + 0.4 * c,
        "d": d,
        "k": np.array(["u", "v", "w"])[rng.integers(0, 3, 900)],
    }
    score = a + 0.8 * b + 0.6 * d + rng.normal(size=900)
    if task == "regression":
        table["y"] = 40.0 * score
    else:
        cuts = [0.0] if task == "binary" else [-0.7, 0.7]
        table["y"] = np.array(["l", "m", "n"])[np.searchsorted(cuts, score)]
    return table


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("seed", range(4))
def test_healthy_tables_are_silent(made, seed, task):
    assert made(healthy(seed, task)).findings() == []


def test_gravest_first_and_json(made):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 900, (2, 600)).astype(float)
    again = np.r_[np.arange(600), np.arange(150)]
    found = made({"a": a[again], "b": b[again], "y": (a + b)[again]}).findings()
    order = [finding.severity for finding in found]
    assert order == sorted(order, key=("error", "warning", "info").index)
    assert found[0].id == "leak-identity"
    assert "rows-repeated" in {finding.id for finding in found}
    assert msgspec.json.decode(msgspec.json.encode(found), type=list[type(found[0])]) == found


def test_same_rows_same_findings(made):
    table = healthy(0, "binary") | {"c2": np.arange(900) // 30}
    assert made(table).findings() == made(table).findings()


@pytest.mark.parametrize(
    "table",
    [
        {"x": [1.0, 2.0] * 20, "y": [0.5, 1.5] * 20},
        {"x": [1.0] * 39 + [2.0], "z": [None, 1.0] * 20, "y": np.arange(40.0)},
        {"c": ["a", "b"] * 20, "y": ["p", "q", "q", "q"] * 10},
        {
            "c": [f"t{i % 7}" for i in range(60)],
            "d": [f"u{i % 5}" for i in range(60)],
            "y": ["p", "q", "r"] * 20,
        },
        {"day": [str(np.datetime64("2020-01-01") + i) for i in range(600)], "y": np.arange(600.0)},
        {"x": np.r_[np.full(50, 1e30), np.full(50, -1e30)] + np.arange(100), "y": np.arange(100.0) % 13},
        {f"x{i}": np.random.default_rng(i).normal(size=60) for i in range(400)} | {"y": np.arange(60.0) % 7},
    ],
    ids=["copies only", "one odd value", "two words", "words only", "date only", "huge numbers", "wide"],
)
def test_odd_tables_do_not_fall(made, table):
    for finding in made(table).findings():
        assert finding.sentence.endswith(".") or finding.sentence.endswith("?")
        assert "nan" not in finding.sentence
        assert len(finding.sentence) < 500


def test_without_a_model_the_rows_are_still_looked_at(made):
    one = made(healthy(0, "binary"))
    assert check_rows(one.data, one.schema, metric="roc_auc") == []


def test_sample_is_bounded(made):
    one = made(healthy(0, "regression"))
    found = check_rows(one.data, one.schema, metric="rmse", rows=300)
    assert [f for f in found if f.severity != "info"] == []


TRAPS = [
    ("bike_sharing", "cnt", {"leak-identity", "target-drifts"}),
    ("bank_marketing", "y", {"leak-suspect", "rows-ordered"}),
    ("nycflights13_100k", "arr_delay", {"leak-identity", "leak-part-of-target"}),
    ("diabetes130", "readmitted", {"rows-grouped"}),
    ("wine_quality", "quality", {"rows-repeated"}),
    ("noaa_weather", "target", {"rows-ordered"}),
    ("adult", "income", {"column-copies"}),
    ("california_housing", "median_house_value", set()),
    ("insurance", "charges", set()),
    ("telco_churn", "Churn", set()),
    ("higgs_7k", "label", set()),
]


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the shared tables are not here")
@pytest.mark.parametrize(("name", "target", "traps"), TRAPS)
def test_traps_of_real_tables_are_named(made, name, target, traps):
    import pyarrow.parquet as pq

    table = pq.read_table(SHARED / f"{name}.parquet").rename_columns(
        ["y" if c == target else c for c in pq.read_schema(SHARED / f"{name}.parquet").names]
    )
    one = made(table)
    assert traps <= one.ids()
    if not traps:
        warned = {finding.id for finding in one.findings() if finding.severity != "info"}
        assert warned <= {"rows-ordered"}
