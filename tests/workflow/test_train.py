"""The whole road on small tables: every file, every key, twice, interrupted, resumed."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import justright
from justright.bundle.explaining import Explainer
from justright.errors import ColumnError, RecipeError, StorageError, TrainingError
from justright.recipe import Recipe
from justright.training.callbacks import StopTraining
from justright.workflow import load_run, train_recipe

TASKS = [("price", "regression", "rmse"), ("sold", "binary", "roc_auc"), ("kind", "multiclass", "log_loss")]
FILES = {
    "recipe.json",
    "run.json",
    "schema.json",
    "profile.json",
    "split.json",
    "evaluation.json",
    "training.json",
    "history.jsonl",
    "out_of_fold.parquet",
    "terms.json",
    "trained_on.npy",
    "model",
}
# As promised to every reader of `train --json`: keys are added, never changed.
KEYS = {
    "format", "run", "model", "model_id", "task", "family", "target", "rows", "folds", "metric", "validation",
    "metrics", "baselines", "ladder", "threshold", "seconds", "verdict", "findings",
    "crosses",
    "passes",
}  # fmt: skip


def state(run):
    """The weights of the exported model."""
    return (run.path / "model" / "weights.safetensors").read_bytes()


@pytest.mark.parametrize(("target", "task", "metric"), TASKS)
def test_a_training_leaves_every_file_and_every_key(trained, houses, target, task, metric):
    run = trained(houses(target), target)
    assert {path.name for path in run.path.iterdir()} == FILES
    said = json.loads((run.path / "run.json").read_bytes())
    assert set(said) >= KEYS
    assert (said["format"], said["task"], said["metric"], said["target"]) == (1, task, metric, target)
    assert set(said["validation"]) == {"value", "low", "high"}
    assert set(said["baselines"]) == {"base_rate", "boosted"}
    assert set(said["rows"]) == {"train", "test", "held_out"}
    assert set(said["seconds"]) >= {"read", "features", "train", "total"}
    compared = {"loss", "train", "gap", "error", "judged"}
    (rung,) = said["ladder"]
    assert set(rung) == {"family", "value", "low", "high", "seconds", "chosen"} | compared
    assert not any(rung[name] for name in compared)
    assert (said["threshold"] is not None) == (task == "binary")
    assert all(set(f) == {"id", "severity", "sentence", "evidence", "next"} for f in said["findings"])
    assert all(set(v) == {"value", "low", "high"} for v in said["metrics"].values())
    assert said["metrics"][metric] == said["validation"]
    assert "NaN" not in (run.path / "run.json").read_text()
    assert (said["run"], said["model"]) == (str(run.path), str(run.path / "model"))


@pytest.mark.parametrize(("target", "task", "metric"), TASKS)
def test_a_run_read_again_is_the_run(trained, houses, target, task, metric):
    run = trained(houses(target), target)
    again = load_run(run.path)
    assert again.summary == run.summary
    assert again.history.rows == run.history.rows
    assert again.findings == run.findings
    assert run.summary.verdict in repr(again)
    assert (again.model.task, again.model.model_id) == (task, run.summary.model_id)


def test_it_learns_the_law(trained, houses):
    price = trained(houses("price"), "price").summary
    assert price.validation.low < 20 < price.validation.high + 2  # the noise has a deviation of 20
    assert price.metrics["r2"].value > 0.98
    assert trained(houses("sold"), "sold").summary.validation.value > 0.85
    kind = trained(houses("kind"), "kind").summary
    assert kind.validation.value < 0.75 * kind.baselines.base_rate


def test_out_of_fold_predictions_belong_to_their_rows(trained, houses):
    table = houses("price")
    run = trained(table, "price")
    held = pq.read_table(run.path / "out_of_fold.parquet").to_pydict()
    assert held["row"] == list(range(240))
    np.testing.assert_allclose(held["target"], table["price"], rtol=1e-5)
    error = np.sqrt(np.mean((np.array(held["prediction"]) - held["target"]) ** 2))
    assert error == pytest.approx(run.summary.validation.value, rel=0.03)  # corrected for the choice
    assert sorted(set(held["fold"])) == [0, 1, 2, 3, 4]


def test_probabilities_out_of_fold(trained, houses):
    held = pq.read_table(trained(houses("kind"), "kind").path / "out_of_fold.parquet").to_pydict()
    total = sum(np.array(held[f"probability_{name}"]) for name in ("flat", "house", "villa"))
    np.testing.assert_allclose(total, 1.0)
    assert set(held["target"]) == {"flat", "house", "villa"}
    assert (
        "probability_yes"
        in pq.read_table(trained(houses("sold"), "sold").path / "out_of_fold.parquet").column_names
    )


def test_twice_in_one_process_to_the_same_bits(trained, houses):
    one, other = (trained(houses("sold"), "sold") for _ in range(2))
    assert one.path != other.path
    assert state(one) == state(other)
    assert one.summary.metrics == other.summary.metrics
    assert one.history.rows == other.history.rows


def test_the_model_predicts_rows_it_never_saw(trained, houses):
    run = trained(houses("price"), "price")
    fresh = houses("price", rows=300, seed=99)
    error = np.asarray(run.model.predict(fresh)) - fresh["price"]
    assert np.sqrt(np.mean(error**2)) < 26


def test_choices_reach_the_recipe(trained, houses):
    recipe = Recipe(seed=5)
    run = trained(
        houses("price"), "price", recipe=recipe, split={"folds": 3}, drop=["age"], penalty={"path": [0.1]}
    )
    kept = run.folder.read("recipe.json", Recipe)
    assert (kept.seed, kept.split.folds, kept.drop, kept.penalty.path) == (5, 3, ("age",), (0.1,))
    assert run.summary.folds == 3
    assert run.summary.hyperparameters["penalty"] == 0.1
    assert "age" not in run.model.columns


def test_a_recipe_alone_repeats_the_run(trained, houses, tmp_path):
    import pyarrow as pa
    import pyarrow.csv

    table = tmp_path / "houses.csv"
    pa.csv.write_csv(pa.table(houses("sold")), table)
    first = trained(table, "sold")
    again = train_recipe(first.folder.read("recipe.json", Recipe), out=tmp_path / "again")
    assert state(again) == state(first)


@pytest.mark.parametrize("loss", ["huber", "absolute", "quantile", "poisson"])
def test_every_loss_of_numbers_ends_in_a_model_of_the_right_unit(trained, houses, loss):
    run = trained(houses("price"), "price", loss=loss, quantile=0.9 if loss == "quantile" else 0.5)
    predicted, price = np.asarray(run.model.predict(houses("price"))), houses("price")["price"]
    below = np.mean(price <= predicted)
    assert below == pytest.approx(0.9 if loss == "quantile" else 0.5, abs=0.1)
    assert np.corrcoef(predicted, price)[0, 1] > 0.9


@pytest.mark.parametrize("kind", ["l1", "elastic"])
def test_other_penalties(trained, houses, kind):
    run = trained(houses("price"), "price", penalty={"kind": kind})
    assert run.summary.metrics["r2"].value > 0.98
    assert run.summary.hyperparameters["mix"] == (1.0 if kind == "l1" else 0.5)


def test_gradient_descent_comes_near(trained, houses):
    exact = trained(houses("price"), "price").summary.validation
    steps = trained(
        houses("price"), "price", descent={"optimizer": "sgd", "rate": 0.05, "batch": 32, "epochs": 40}
    )
    assert steps.summary.validation.value < 1.1 * exact.value


class After:
    """Raises after a pass, once."""

    def __init__(self, number, error):
        self.number, self.error = number, error

    def after_pass(self, moment):
        if moment.number == self.number:
            moment.save()
            raise self.error


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_a_training_that_dies_at_any_stage_goes_on_to_the_same_bits(trained, houses, tmp_path, share):
    """Columns, search, crosses, settling: what is kept between passes is all that an additive model needs."""
    table = houses("price", rows=600)
    table["price"] = (np.asarray(table["price"]) + 3 * table["age"] * (table["size"] > 110)).tolist()
    whole = trained(table, "price")
    assert whole.summary.crosses.kept == 1 and whole.history.passes > 5
    number = 1 + int(share * (whole.history.passes - 1))
    with pytest.raises(RuntimeError, match="died"):
        trained(table, "price", out=tmp_path / "killed", callbacks=[After(number, RuntimeError("died"))])
    (folder,) = (tmp_path / "killed").iterdir()
    run = train_recipe(Recipe(), table=table, out=tmp_path, resume=folder)
    assert state(run) == state(whole)
    assert run.summary.metrics == whole.summary.metrics
    assert run.folder.read("terms.json", dict) == whole.folder.read("terms.json", dict)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StopTraining("enough")])
def test_a_training_ended_from_outside_still_ends_in_a_model(trained, houses, error):
    run = trained(houses("sold"), "sold", callbacks=[After(3, error)])
    assert run.summary.interrupted
    assert run.history.passes == 3
    assert "training-interrupted" in [f.id for f in run.findings]
    assert len(run.model.predict(houses("sold"))) == 240
    assert {path.name for path in run.path.iterdir()} == FILES


def test_a_training_that_dies_goes_on_to_the_same_bits(trained, houses, tmp_path):
    table = houses("sold")
    whole = trained(table, "sold")
    with pytest.raises(RuntimeError, match="died"):
        trained(table, "sold", out=tmp_path / "killed", callbacks=[After(2, RuntimeError("died"))])
    (folder,) = (tmp_path / "killed").iterdir()
    with pytest.raises(StorageError, match="run.json"):
        load_run(folder)
    seen = []

    class Count:
        def after_pass(self, moment):
            seen.append(moment.number)

    run = train_recipe(Recipe(), table=table, out=tmp_path, resume=folder, callbacks=[Count()])
    assert seen[0] == 3
    assert run.path == folder
    assert state(run) == state(whole)
    assert run.history.rows == whole.history.rows
    assert run.summary.metrics == whole.summary.metrics


def test_a_run_that_has_ended_is_not_trained_again(trained, houses, tmp_path):
    run = trained(houses("price"), "price")
    again = train_recipe(Recipe(), out=tmp_path, resume=run.path)
    assert again.summary == run.summary


@pytest.mark.parametrize(
    "place",
    [
        *("split_audit", "fit", "write_training", "findings_of", "reading_of", "export_bundle"),
        *("write_held_out", "write_trained_on", "crosses_of"),
    ],
)
def test_a_run_that_died_anywhere_can_be_resumed(trained, houses, tmp_path, monkeypatch, place):
    """Also where its model was written already."""
    import importlib

    module = importlib.import_module("justright.workflow.train")

    def die(*given):
        raise RuntimeError("died")

    table = houses("price")
    monkeypatch.setattr(module, place, die)
    with pytest.raises(RuntimeError, match="died"):
        trained(table, "price")
    monkeypatch.undo()
    (folder,) = (tmp_path / "runs").iterdir()
    run = train_recipe(Recipe(), table=table, out=tmp_path, resume=folder)
    assert {path.name for path in run.path.iterdir()} == FILES
    assert len(run.model.predict(table)) == 240


def test_what_a_kill_left_half_written_does_not_stay(trained, houses, tmp_path, monkeypatch):
    import importlib

    module = importlib.import_module("justright.workflow.train")

    def die(*given):
        raise RuntimeError("died")

    monkeypatch.setattr(module, "write_held_out", die)
    with pytest.raises(RuntimeError, match="died"):
        trained(houses("price"), "price")
    monkeypatch.undo()
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / ".model.0123456789abcdef").mkdir()
    (folder / ".run.json.part").write_text("{")
    run = train_recipe(Recipe(), table=houses("price"), out=tmp_path, resume=folder)
    assert {path.name for path in run.path.iterdir()} == FILES


@pytest.mark.parametrize(
    "choices", [{"split": {"by": ["nowhere"]}}, {"weight": "w"}, {"target": "prise"}, {"metric": "roc_auc"}]
)
def test_a_refusal_leaves_no_run_behind(trained, houses, tmp_path, choices):
    table = houses("price") | {"w": [1] + [0] * 239}
    with pytest.raises((ColumnError, RecipeError, TrainingError)):
        trained(table, **{"target": "price"} | choices)
    assert list(tmp_path.rglob("recipe.json")) == []


def test_by_group_and_by_time(trained, houses):
    by = trained(houses("price"), "price", split={"by": ["street"]})
    assert by.folder.read("split.json", dict)["definition"]["by"] == ["street"]
    time = trained(houses("price"), "price", split={"time": "year", "test": 20})
    assert time.summary.rows.test > 0
    held = pq.read_table(time.path / "out_of_fold.parquet").to_pydict()
    assert len(held["row"]) < time.summary.rows.train  # the first period is never judged


def test_weights_are_repetitions(trained, houses):
    table = houses("price")
    times = np.random.default_rng(0).integers(0, 4, 240)
    heavy = trained(table | {"w": times}, "price", weight="w", penalty={"path": [0.01]})
    repeated = trained(
        {name: np.repeat(np.asarray(values), times) for name, values in table.items()},
        "price",
        penalty={"path": [0.01]},
    )
    np.testing.assert_allclose(heavy.model.predict(table), repeated.model.predict(table), rtol=1e-4)
    assert heavy.summary.validation.value == pytest.approx(repeated.summary.validation.value, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"price": [1.0] * 240}, ColumnError, "one value"),
        ({"price": [None] * 240}, ColumnError, "without a value"),
    ],
)
def test_targets_that_cannot_be_learned(trained, houses, change, error, said):
    with pytest.raises(error, match=said):
        trained(houses("price") | change, "price")


def test_choices_that_cannot_be(trained, houses):
    with pytest.raises(ColumnError, match="'prise'.*price"):
        trained(houses("price"), "prise")
    with pytest.raises(RecipeError, match="loss"):
        trained(houses("sold"), "sold", loss="squared")
    with pytest.raises(RecipeError, match="family"):
        trained(houses("sold"), "sold", family="forest")
    with pytest.raises(RecipeError, match="no target"):
        trained(houses("sold"), "")


def test_a_single_class_left_to_train_on(trained, houses):
    table = houses("sold")
    table["w"] = [float(s == "yes") for s in table["sold"]]
    with pytest.raises((TrainingError, ColumnError)):
        trained(table, "sold", weight="w")


@pytest.mark.parametrize("rows", [2, 3, 5, 8, 10])
def test_tiny_tables(trained, rows):
    x = np.arange(rows) * 1.0
    run = trained({"x": x, "y": 3 * x + 1 + x % 2}, "y", task="regression")
    assert np.isfinite(run.model.predict({"x": x})).all()
    assert run.summary.rows.train == rows


def test_a_family_that_nobody_made_known_is_refused_before_the_rows_are_read(tmp_path):
    with pytest.raises(RecipeError, match="neural"):
        train_recipe(Recipe(target="y", table="none.csv", family="neurall"), out=tmp_path)


@pytest.mark.parametrize(
    ("change", "held"),
    [({}, True), ({"features": {"hold": False}}, False), ({"split": {"time": "t"}, "drop": ["t"]}, False)],
)
def test_a_line_ends_where_the_training_rows_end(tmp_path, change, held):
    """Beyond them it goes on only where that is asked for, or was judged by a split in time."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 10, 300)
    rows = {"x": x.tolist(), "y": (2 * x + rng.normal(0, 0.01, 300)).tolist(), "t": list(range(300))}
    change = {"drop": ["t"]} | change
    run = justright.train(rows, target="y", family="linear", baseline=False, out=tmp_path, **change)
    at = [float(x.min()) - 5.0, float(x.min()), float(x.max()), float(x.max()) + 5.0]
    low, first, last, high = run.model.predict({"x": at})
    assert (low == first and high == last) if held else (low < first - 9.0 and high > last + 9.0)
    if held:
        batch = pa.RecordBatch.from_pydict({"x": at})
        told = Explainer(run.model).explain_batch(batch).terms
        np.testing.assert_allclose(told[[0, 3]], told[[1, 2]], rtol=1e-12)
