"""Fresh tables, and the test part through its ledger."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from justright.errors import ColumnError, RecipeError, TableError
from justright.evaluate.ledger import level_after
from justright.workflow import evaluate_model


@pytest.fixture
def written(tmp_path, houses):
    """Return a CSV of the houses with one target."""

    def make(target, **given):
        path = tmp_path / f"{target}-{given.get('seed', 3)}.csv"
        pa.csv.write_csv(pa.table(houses(target, **given)), path)
        return path

    return make


def test_another_table_is_judged_by_plain_arithmetic(trained, houses):
    run = trained(houses("price"), "price")
    fresh = houses("price", rows=150, seed=8)
    judged = evaluate_model(run.path, fresh)
    error = np.asarray(run.model.predict(fresh)) - fresh["price"]
    assert judged.look is None
    assert judged.evaluation.rows == 150
    assert judged.evaluation.metrics["rmse"].value == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-9)
    assert judged.evaluation.metrics["rmse"].low < judged.evaluation.metrics["rmse"].value
    alone = evaluate_model(run.path / "model", fresh)
    assert alone.evaluation == judged.evaluation


@pytest.mark.parametrize("target", ["sold", "kind"])
def test_classes_of_another_table(trained, houses, target):
    run = trained(houses(target), target)
    fresh = houses(target, rows=150, seed=8)
    judged = evaluate_model(run.path, fresh).evaluation
    right = np.mean([a == b for a, b in zip(run.model.predict(fresh), fresh[target], strict=True)])
    assert judged.metrics["accuracy"].value == pytest.approx(right)


@pytest.mark.parametrize(
    "split", [{"test": 25}, {"test": 25, "by": ["street"]}, {"test": 25, "time": "year"}]
)
def test_the_test_part_is_found_again_and_every_look_is_written(trained, houses, written, split):
    run = trained(written("price"), "price", split=split)
    first = evaluate_model(run.path, user="ann", now="2026-01-01T00:00:00Z")
    assert first.evaluation.rows == run.summary.rows.test > 20
    assert first.look.number == 1
    second = evaluate_model(run.path, user="bob", now="2026-01-02T00:00:00Z")
    assert second.look.number == 2
    assert second.evaluation.level == level_after(2)
    one, two = first.evaluation.metrics["rmse"], second.evaluation.metrics["rmse"]
    assert one.value == two.value
    assert two.high - two.low > one.high - one.low
    looks = [json.loads(line) for line in (run.path / "ledger.jsonl").read_text().splitlines()]
    assert [(look["number"], look["user"], look["model_id"]) for look in looks] == [
        (1, "ann", run.summary.model_id),
        (2, "bob", run.summary.model_id),
    ]


def test_the_test_part_holds_none_of_the_training_rows(trained, houses, written):
    table = houses("price")
    run = trained(written("price"), "price", split={"test": 25})
    seen = evaluate_model(run.path, user="a", now="n").evaluation
    assert seen.rows + run.summary.rows.train == len(table["price"])


def test_without_a_test_part_there_is_nothing_to_open(trained, written):
    run = trained(written("price"), "price")
    with pytest.raises(RecipeError, match="--test 10"):
        evaluate_model(run.path)


def test_rows_of_memory_are_gone(trained, houses):
    run = trained(houses("price"), "price", split={"test": 25})
    with pytest.raises(RecipeError, match="in memory"):
        evaluate_model(run.path)


def test_tables_that_do_not_fit(trained, houses):
    run = trained(houses("sold"), "sold")
    fresh = houses("sold", rows=50, seed=8)
    with pytest.raises(ColumnError, match="without the target 'sold'"):
        evaluate_model(run.path, {n: v for n, v in fresh.items() if n != "sold"})
    with pytest.raises(ColumnError, match="'size'"):
        evaluate_model(run.path, {n: v for n, v in fresh.items() if n != "size"})
    with pytest.raises(ColumnError, match="class 'maybe'"):
        evaluate_model(run.path, fresh | {"sold": ["maybe"] * 50})
    with pytest.raises(TableError, match="no row with a target"):
        evaluate_model(run.path, fresh | {"sold": [None] * 50})


def test_rows_without_target_or_weight_are_left_out(trained, houses):
    table = houses("price") | {"w": np.ones(240)}
    run = trained(table, "price", weight="w")
    fresh = houses("price", rows=60, seed=8)
    fresh["price"] = [None if i < 10 else p for i, p in enumerate(fresh["price"])]
    judged = evaluate_model(run.path, fresh | {"w": [0.0 if i >= 50 else 2.0 for i in range(60)]})
    assert judged.evaluation.rows == 40
    assert evaluate_model(run.path, fresh).evaluation.rows == 50


def both(trained, written, second):
    """Two runs in one folder with the same test rows, the first already looked at."""
    one = trained(written("price"), "price", split={"test": 25, "by": ["street"]}, family="linear")
    choices = {"family": "linear", **second}
    other = trained(written("price"), "price", split={"test": 25, "by": ["street"]}, **choices)
    return one, evaluate_model(one.path, user="ann", now="1"), other


def test_a_model_that_is_no_better_repeats_the_figures_of_the_best(trained, written):
    one, first, other = both(trained, written, {"drop": ("size",)})
    judged = evaluate_model(other.path, user="bob", now="2")
    assert (judged.look.number, judged.look.released) == (2, False)
    assert judged.look.findings[0].evidence["best"] == one.path.name
    shown, known = judged.evaluation.metrics["rmse"], first.evaluation.metrics["rmse"]
    assert shown.value == known.value and shown.high > known.high
    (line,) = (other.path / "ledger.jsonl").read_text().splitlines()
    assert json.loads(line)["metrics"] == {} and json.loads(line)["released"] is False
    third = evaluate_model(one.path, user="ann", now="3")
    assert (third.look.number, third.look.released) == (3, True)


def test_a_model_that_is_better_is_shown_and_known_figures_stay_so(trained, written):
    full, _, poor = both(trained, written, {"drop": ("size",)})
    (full.path / "ledger.jsonl").unlink()
    assert evaluate_model(poor.path, user="a", now="1").look.released  # now the poor one is the first
    judged = evaluate_model(full.path, user="a", now="2")
    assert (judged.look.number, judged.look.released) == (2, True)
    again = evaluate_model(poor.path, user="a", now="3")
    assert (again.look.number, again.look.released) == (3, True)


@pytest.mark.parametrize("harm", ["gone", "damaged", "other"])
def test_a_best_model_that_is_gone_is_no_rival(trained, written, harm):
    import shutil

    one, _, other = both(trained, written, {"drop": ("size",)})
    if harm == "gone":
        shutil.rmtree(one.path / "model")
    elif harm == "damaged":
        (one.path / "model" / "weights.safetensors").write_bytes(b"")
    else:
        shutil.rmtree(one.path / "model")
        shutil.copytree(other.path / "model", one.path / "model")
    judged = evaluate_model(other.path, user="bob", now="2")
    assert (judged.look.number, judged.look.released) == (2, True)


def test_other_test_rows_are_another_test(trained, written):
    one, _, _ = both(trained, written, {})
    salted = trained(written("price"), "price", split={"test": 25, "by": ["street"], "salt": "b"})
    judged = evaluate_model(salted.path, user="bob", now="2")
    assert (judged.look.number, judged.look.released) == (1, True)
