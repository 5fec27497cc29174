"""The same rows in any form train the same model: equal plan, codes, folds, weights and predictions."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from justright.datamodule import prepare
from justright.kinds import infer_schema
from justright.recipe import Recipe, Split
from justright.source import open_source
from justright.workflow import train

ROWS = 300


def table():
    rng = np.random.default_rng(11)
    size = rng.uniform(20, 200, ROWS).round(2)
    city = [["Oslo", "Z\u00fcrich", "New York", None][i] for i in rng.integers(0, 4, ROWS)]
    sold = rng.uniform(size=ROWS) < 1 / (1 + np.exp(-(size - 100) / 40))
    return {
        "size": [None if i % 11 == 0 else float(s) for i, s in enumerate(size)],
        "rooms": rng.integers(1, 7, ROWS).tolist(),
        "city": city,
        "zip": [f"{z:05d}" for z in rng.integers(0, 30, ROWS) * 977],
        "garden": (rng.uniform(size=ROWS) < 0.5).tolist(),
        "day": [dt.date(2023, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 700, ROWS)],
        "price": (3 * size + rng.normal(0, 20, ROWS)).round(2).tolist(),
        "sold": ["yes" if s else "no" for s in sold],
    }


def rows_of(columns):
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def as_csv(folder, columns):
    pa.csv.write_csv(pa.table(columns), folder / "t.csv")
    return folder / "t.csv"


def as_parquet(folder, columns):
    pq.write_table(pa.table(columns), folder / "t.parquet", row_group_size=70)
    return folder / "t.parquet"


def as_json(folder, columns):
    lines = [json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in rows_of(columns)]
    (folder / "t.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder / "t.jsonl"


FORMS = {
    "csv": as_csv,
    "parquet": as_parquet,
    "json lines": as_json,
    "pandas": lambda folder, columns: pd.DataFrame(columns),
    "polars": lambda folder, columns: pl.DataFrame(columns),
    "rows": lambda folder, columns: rows_of(columns),
    "other order": lambda folder, columns: dict(reversed(columns.items())),
}
TARGETS = {"price": "sold", "sold": "price"}


def without_reasons(data):
    """The plan but for what is said to people: dates are of a date type here, of ISO texts there."""
    if isinstance(data, dict):
        return {key: without_reasons(value) for key, value in data.items() if key != "reason"}
    return [without_reasons(value) for value in data] if isinstance(data, list | tuple) else data


def prepared(given, target):
    recipe = Recipe(target=target, drop=(TARGETS[target],), split=Split(test=20))
    source = open_source(given)
    schema, _ = infer_schema(source, target=target, drop=recipe.drop)
    return prepare(source, schema, recipe, loss="squared", folder=None)


def trained(given, target, out):
    return train(given, target=target, out=out, drop=[TARGETS[target]], baseline=False, family="crossed")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    out = tmp_path_factory.mktemp("same")
    return {target: (prepared(table(), target), trained(table(), target, out)) for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("form", [form for form in FORMS if form != "other order"])
def test_plan_codes_and_folds_are_equal(tmp_path, expected, form, target):
    wanted, _ = expected[target]
    data = prepared(FORMS[form](tmp_path, table()), target)
    assert without_reasons(data.plan.to_data()) == without_reasons(wanted.plan.to_data())
    np.testing.assert_array_equal(data.facts.part, wanted.facts.part)
    np.testing.assert_array_equal(data.facts.fold, wanted.facts.fold)
    np.testing.assert_array_equal(data.facts.content, wanted.facts.content)
    for one, other in zip(data.blocks, wanted.blocks, strict=True):
        for name in ("numeric", "codes", "target", "weight", "fold", "key"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("form", FORMS)
def test_the_model_predicts_the_same(tmp_path, expected, form, target):
    _, wanted = expected[target]
    run = trained(FORMS[form](tmp_path, table()), target, tmp_path / "runs")
    assert run.summary.validation.value == pytest.approx(wanted.summary.validation.value, rel=1e-9)
    given = FORMS[form](tmp_path, table())
    if target == "price":
        np.testing.assert_allclose(run.model.predict(given), wanted.model.predict(table()), rtol=1e-9)
    else:
        found, like = run.model.predict_proba(given), wanted.model.predict_proba(table())
        np.testing.assert_allclose(found, like, rtol=1e-6)
    if form != "other order":
        weights = [(r.path / "model" / "weights.safetensors").read_bytes() for r in (run, wanted)]
        assert weights[0] == weights[1]


@pytest.mark.parametrize("target", TARGETS)
def test_the_order_of_the_rows_says_nothing(tmp_path, expected, target):
    _, wanted = expected[target]
    order = np.random.default_rng(5).permutation(ROWS)
    shuffled = {name: [values[i] for i in order] for name, values in table().items()}
    run = trained(shuffled, target, tmp_path)
    assert (run.summary.family, wanted.summary.family) == ("crossed", "crossed")
    assert run.summary.validation.value == pytest.approx(wanted.summary.validation.value, rel=1e-6)
    pairs = [[(p.first, p.second, p.verdict) for p in r.summary.crosses.pairs] for r in (run, wanted)]
    assert pairs[0] == pairs[1]
    if target == "price":
        found, like = run.model.predict(table()), wanted.model.predict(table())
    else:
        found, like = run.model.predict_proba(table()), wanted.model.predict_proba(table())
    np.testing.assert_allclose(found, like, rtol=1e-5)
