"""Networks on the whole road: train, judge, save, load, die and go on, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from justright.errors import JustrightError, RecipeError, TrainingError
from justright.recipe import Recipe
from justright.workflow import Run, train_recipe

pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

TINY = {"hidden": (8,), "epochs": 6, "batch": 64, "rate": 0.1, "dropout": 0.1}
TASKS = [("price", "regression", "rmse"), ("sold", "binary", "roc_auc"), ("kind", "multiclass", "log_loss")]


class After:
    """A callback that raises after some passes."""

    def __init__(self, number: int, error: BaseException) -> None:
        self.number = number
        self.error = error

    def after_pass(self, moment: Any) -> None:
        moment.save()
        if moment.number == self.number:
            raise self.error


@pytest.fixture
def network(trained: Any) -> Any:
    """Train a small network, with some settings changed."""

    def make(table: object, target: str, family: str = "neural", **choices: Any) -> Run:
        settings = {
            name: choices.pop(name) for name in list(choices) if name in Recipe().network.__struct_fields__
        }
        run: Run = trained(table, target, family=family, network={**TINY, **settings}, **choices)
        return run

    return make


def files(run: Run) -> dict[str, bytes]:
    """Return the files of the model."""
    return {path.name: path.read_bytes() for path in (run.path / "model").iterdir()}


@pytest.mark.parametrize(("target", "task", "metric"), TASKS)
def test_every_task_ends_in_a_model_that_predicts_as_it_was_judged(target, task, metric, network, houses):
    table = houses(target)
    run = network(table, target, epochs=20)
    assert (run.summary.task, run.summary.family, run.summary.metric) == (task, "neural", metric)
    assert run.history.passes <= 20
    held = pq.read_table(run.path / "out_of_fold.parquet").to_pydict()
    assert 0 < len(held[next(iter(held))]) < 240, "one part was held out"
    first = run.model.predict(table)
    assert len(first) == 240
    if task == "regression":
        assert run.summary.metrics["r2"].value > 0.7
        low, high = np.min(table[target]), np.max(table[target])
        assert (np.asarray(first) >= low - 1e-3).all()
        assert (np.asarray(first) <= high + 1e-3).all()
    else:
        base = run.summary.baselines.base_rate
        value = run.summary.metrics[metric].value
        assert value > 0.75 if metric == "roc_auc" else value < base


def test_the_race_finds_a_rate_takes_its_share_of_steps_and_leaves_its_picture(network, houses):
    run = network(houses("price"), "price", rate=0.0, batch=16, epochs=48)
    assert run.summary.metrics["r2"].value > 0.8
    race = json.loads((run.path / "race.json").read_bytes())
    ran = [one for one in race["candidates"] if one["end"] is not None]
    assert race["chosen"] in [one["rate"] for one in ran]
    assert 3 <= len(ran) <= 4
    steps = 48 * -(-run.summary.rows.train // 16)
    assert 0 < race["steps"] <= 0.15 * steps


def test_folds_train_beside_the_model(network, houses):
    run = network(houses("sold"), "sold", cv=3)
    assert run.summary.folds == 3
    held = pq.read_table(run.path / "out_of_fold.parquet").to_pydict()
    assert len(held[next(iter(held))]) == 240, "every row was judged"


def test_a_training_that_dies_goes_on_to_the_same_bits(network, houses, tmp_path):
    table, settings = houses("sold"), {"optimizer": "lion", "rate": 0.01}
    whole = network(table, "sold", **settings)
    with pytest.raises(RuntimeError, match="died"):
        network(
            table, "sold", out=tmp_path / "killed", callbacks=[After(2, RuntimeError("died"))], **settings
        )
    (folder,) = (tmp_path / "killed").iterdir()
    run = train_recipe(Recipe(), table=table, out=tmp_path, resume=folder)
    assert files(run) == files(whole)
    assert run.history.rows == whole.history.rows
    assert run.summary.metrics == whole.summary.metrics


def test_a_training_ended_by_hand_ends_in_a_model(network, houses):
    run = network(houses("price"), "price", callbacks=[After(2, KeyboardInterrupt())])
    assert run.summary.interrupted
    assert len(run.model.predict(houses("price"))) == 240


@pytest.mark.parametrize("batch", [16, 10**6])
def test_a_rate_far_too_large_ends_in_finite_numbers_or_in_one_clear_sentence(batch, network, houses):
    table = houses("price")
    try:
        run = network(table, "price", rate=1e5, batch=batch)
    except TrainingError as error:
        assert "rate" in str(error)
    else:
        assert np.isfinite(run.model.predict(table)).all()
        assert np.isfinite(run.summary.metrics["rmse"].value)


def test_columns_without_information_gaps_and_new_categories_are_borne(network, houses):
    table = houses("price")
    rng = np.random.default_rng(0)
    table["same"] = [5.0] * 240
    table["gaps"] = np.where(rng.random(240) < 0.5, np.nan, rng.normal(size=240))
    table["empty"] = [None] * 240
    run = network(table, "price")
    rows = {name: list(values[:3]) for name, values in table.items() if name != "price"}
    rows["colour"] = ["purple", None, "red"]
    rows["street"] = ["nowhere", None, "street 1"]
    rows["size"] = [1e30, -1e30, None]
    assert np.isfinite(run.model.predict(rows)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.0}, "network.dropout=1.0"),
        ({"dropout": -0.1}, "network.dropout=-0.1"),
        ({"rate": -1.0}, "network.rate=-1.0"),
        ({"rate": 1e9}, "network.rate=1000000000.0"),
        ({"rate": float("nan")}, "network.rate=nan"),
        ({"batch": -1}, "network.batch=-1"),
        ({"epochs": -1}, "network.epochs=-1"),
        ({"hidden": (0,)}, "network.hidden"),
        ({"hidden": (10**6,)}, "network.hidden"),
        ({"hidden": (8,) * 2_000}, "network.hidden"),
        ({"ensemble": 0}, "network.ensemble=0"),
        ({"ensemble": 65}, "network.ensemble=65"),
        ({"patience": 0.0}, "network.patience=0.0"),
        ({"average": 1.0}, "network.average=1.0"),
        ({"smoothing": 1.0}, "network.smoothing=1.0"),
        ({"decay": -1.0}, "network.decay=-1.0"),
        ({"clip": float("inf")}, "network.clip=inf"),
        ({"cv": 1}, "network.cv=1"),
        ({"numbers": "waves"}, "numbers"),
        ({"normalise": "group"}, "normalise"),
        ({"optimizer": "adma"}, "adma.*adam"),
        ({"schedule": "cosin"}, "cosin.*cosine"),
        ({"activation": "rellu"}, "rellu.*relu"),
        ({"options": {"b9": 1.0}}, "b9=1.0"),
    ],
)
def test_settings_out_of_range_are_refused_by_name_before_the_first_pass(
    settings, message, network, houses, tmp_path
):
    with pytest.raises(RecipeError, match=message):
        network(houses("price", rows=40), "price", callbacks=[After(1, AssertionError("a pass"))], **settings)
    left = list((tmp_path / "runs").iterdir()) if (tmp_path / "runs").exists() else []
    assert not [path for path in left if (path / "checkpoint").exists()]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_hardly_any_rows_are_trained_on_or_refused_in_one_sentence(rows, network, houses):
    table = {name: list(values[:rows]) for name, values in houses("price").items()}
    try:
        run = network(table, "price")
    except JustrightError as error:
        assert len(str(error)) < 600
    else:
        assert np.isfinite(run.model.predict(table)).all()


def test_the_model_is_served_by_a_process_without_jax(network, houses, tmp_path):
    import subprocess
    import sys

    table = houses("sold")
    run = network(table, "sold", ensemble=2, numbers="piecewise")
    wanted = np.asarray(run.model.predict_proba(table))[:5]
    code = (
        "import sys, json, justright\n"
        f"model = justright.load({str(run.path)!r})\n"
        "made = model.predict_proba(json.loads(sys.stdin.read()))\n"
        "assert not {'jax', 'optax', 'numba', 'sklearn'} & set(sys.modules)\n"
        "print(json.dumps([list(map(float, row)) for row in made]))\n"
    )
    rows = {name: np.asarray(values)[:5].tolist() for name, values in table.items() if name != "sold"}
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(rows), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(json.loads(done.stdout), wanted, rtol=1e-5)
    assert Path(run.path).exists()


def test_in_time_the_last_period_judges_and_later_rows_never_train(network):
    rng = np.random.default_rng(0)
    day = np.arange(300.0)
    table = {"day": day, "x": rng.normal(size=300), "price": rng.normal(size=300)}
    table["price"] = table["x"] + 0.1 * table["price"]
    run = network(table, "price", split={"time": "day"})
    held = pq.read_table(Path(run.summary.run) / "out_of_fold.parquet")
    assert min(held["row"].to_pylist()) >= 300 * 5 // 6 - 1
    assert run.summary.metrics["rmse"].value < 2.0
