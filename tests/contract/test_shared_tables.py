"""Real public tables train with no option but the target, and say nothing that needs an excuse.

The tables lie beside the repository, in `../shared/data`; where they do not, these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from justright.source import open_source
from justright.workflow import train

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared tables are not beside the repository")

# Table, target, metric, the worst value that a tuned linear model may have there, what must be said.
TABLES = [
    ("titanic.csv", "Survived", "roc_auc", 0.86, {"column-set-aside", "rows-grouped"}),
    ("california_housing.csv", "median_house_value", "rmse", 70_000, {"model-too-simple", "rows-ordered"}),
    ("telco_churn.parquet", "Churn", "roc_auc", 0.84, {"column-set-aside"}),
    ("insurance.parquet", "charges", "rmse", 6_200, {"model-too-simple"}),
    ("abalone.parquet", "Rings", "rmse", 2.25, {"rows-ordered"}),
    ("wine_quality.parquet", "quality", "rmse", 0.745, {"model-too-simple", "rows-repeated", "rows-ordered"}),
    (
        "mammography.parquet",
        "class",
        "roc_auc",
        0.90,
        {"model-too-simple", "split-lumpy", "rows-repeated", "rows-ordered"},
    ),
]


@pytest.mark.parametrize(("name", "target", "metric", "bound", "said"), TABLES)
def test_a_glass_box_of_a_table_needs_its_target_alone(tmp_path, name, target, metric, bound, said):
    run = train(DATA / name, target=target, family="glass-box", out=tmp_path)
    summary = run.summary
    assert summary.metric == metric
    value = summary.validation
    assert value.low < value.value < value.high
    assert (value.value > bound) if metric == "roc_auc" else (value.value < bound)
    # The boosted baseline is cut short on a busy machine: what it finds may be missing, nothing may be added.
    assert {f.id for f in run.findings} <= said | {"baseline-cut"}
    assert all(f.sentence.endswith(".") for f in run.findings)
    warned = {"split-lumpy", "rows-repeated", "rows-grouped", "rows-ordered"}
    assert {f.id for f in run.findings if f.severity != "info"} <= warned
    assert target in summary.verdict


@pytest.mark.parametrize(("name", "target"), [("titanic.csv", "Survived"), ("abalone.parquet", "Rings")])
def test_the_rows_of_a_file_score_as_they_did(tmp_path, name, target):
    run = train(DATA / name, target=target, out=tmp_path, baseline=False, family="glass-box")
    (batch,) = open_source(DATA / name).batches()
    whole = run.model.predict(DATA / name)
    rows = batch.slice(0, 5).to_pylist()
    assert [str(v) for v in run.model.predict(rows)] == [str(v) for v in np.asarray(whole)[:5]]


@pytest.mark.parametrize("name", ["titanic", "california_housing"])
def test_csv_and_parquet_of_one_table_are_one_table(tmp_path, name):
    target = {"titanic": "Survived", "california_housing": "median_house_value"}[name]
    one, other = (
        train(DATA / f"{name}.{form}", target=target, out=tmp_path, baseline=False, family="glass-box")
        for form in ("csv", "parquet")
    )
    assert one.summary.metrics == other.summary.metrics
    weights = [(run.path / "model" / "weights.safetensors").read_bytes() for run in (one, other)]
    assert weights[0] == weights[1]
