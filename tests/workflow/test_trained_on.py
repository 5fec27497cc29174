"""Rows that trained a model are told when they judge it, and fresh rows are not accused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from justright.errors import StorageError
from justright.workflow import evaluate_model, trained_on


def said(run, table):
    found = evaluate_model(run, table).evaluation.findings
    return {finding.id: finding for finding in found if finding.id.startswith("rows-")}


def part(table, rows):
    return {name: np.asarray(values)[rows] for name, values in table.items()}


@pytest.mark.parametrize("target", ["price", "sold", "kind"])
def test_the_training_table_is_told_by_the_number_of_its_rows(trained, houses, target):
    table = houses(target)
    run = trained(table, target)
    found = said(run.path, table)["rows-trained-on"]
    assert found.severity == "warning" and "240 of these 240 rows trained the model" in found.sentence
    assert found.evidence == {"rows": 240, "asked": 240, "found": 240, "by_chance": 0.0}
    assert said(run.path / "model", table) == said(run.path, table)


def test_fresh_rows_are_not_accused(trained, houses):
    run = trained(houses("price"), "price")
    assert said(run.path, houses("price", rows=150, seed=8)) == {}


def test_some_old_rows_among_fresh_ones_are_counted(trained, houses):
    old, fresh = houses("price"), houses("price", rows=100, seed=8)
    run = trained(old, "price")
    mixed = {name: [*old[name][:30], *fresh[name]] for name in old}
    found = said(run.path, mixed)["rows-trained-on"]
    assert found.sentence.startswith("30 of these 130 rows trained")
    one = {name: [*old[name][:1], *fresh[name], *houses("price", rows=200, seed=9)[name]] for name in old}
    assert said(run.path, one)["rows-trained-on"].severity == "info"


def test_the_test_rows_of_the_table_did_not_train(trained, houses):
    table = houses("price")
    run = trained(table, "price", split={"test": 25})
    found = said(run.path, table)["rows-trained-on"]
    assert found.evidence["found"] == run.summary.rows.train < 240


def test_the_order_the_form_and_further_columns_do_not_matter(trained, houses, tmp_path):
    import pyarrow as pa
    import pyarrow.csv

    table = houses("price")
    run = trained(table, "price")
    mixed = part(table, np.random.default_rng(1).permutation(240)) | {"note": ["x"] * 240}
    pa.csv.write_csv(pa.table({name: pa.array(list(v)) for name, v in mixed.items()}), tmp_path / "t.csv")
    assert said(run.path, tmp_path / "t.csv")["rows-trained-on"].evidence["found"] == 240


def test_twins_by_chance_are_counted_off(trained):
    """Rows of a table with few contents are equal to training rows without being them."""

    def rows(seed):
        rng = np.random.default_rng(seed)
        a, b = rng.integers(0, 4, (2, 400))
        label = np.where(rng.uniform(size=400) < 0.2 + 0.2 * a, "yes", "no")
        return {"a": [f"a{i}" for i in a], "b": [f"b{i}" for i in b], "y": label.tolist()}

    run = trained(rows(1), "y")
    assert "rows-trained-on" not in said(run.path, rows(2))


def test_of_many_rows_a_sample_is_kept(trained, houses, monkeypatch):
    monkeypatch.setattr(trained_on, "_MOST", 300)
    table = houses("price", rows=3000)
    run = trained(table, "price")
    assert 200 < len(np.load(run.path / "trained_on.npy")) < 400
    found = said(run.path, table)["rows-trained-on"]
    assert found.sentence.startswith("About 3,000 of these 3,000 rows")
    assert found.evidence["asked"] == found.evidence["found"] == len(np.load(run.path / "trained_on.npy"))
    assert said(run.path, houses("price", rows=3000, seed=9)) == {}


def test_where_nothing_is_known_that_is_said(trained, houses, tmp_path):
    table = houses("price")
    run = trained(table | {"same": [1] * 240, "name": [f"n{i}" for i in range(240)]}, "price")
    shutil.copytree(run.path / "model", tmp_path / "model")
    assert "its run is not beside it" in said(tmp_path / "model", table)["rows-origin-unknown"].sentence
    other = trained(houses("price", seed=5), "price")
    shutil.copytree(run.path / "model", other.path / "other")
    assert list(said(other.path / "other", table)) == ["rows-origin-unknown"]


def test_a_table_without_a_column_of_the_training_cannot_be_compared(trained, houses):
    run = trained(houses("price"), "price")
    seen = trained_on.trained_on(run.path, run.summary.model_id)
    assert seen.columns(run.model.schema, ("size", "age", "street", "year")) == []
    (found,) = seen.findings
    assert (found.id, found.severity) == ("rows-origin-unknown", "info") and "lacks colour" in found.sentence


def test_a_damaged_file_is_named(trained, houses):
    run = trained(houses("price"), "price")
    (run.path / "trained_on.npy").write_bytes(b"nothing")
    with pytest.raises(StorageError, match="trained_on.npy"):
        evaluate_model(run.path, houses("price"))
