"""Two models on the rows that were set apart: the difference is that of the metric on these rows."""

from __future__ import annotations

import numpy as np
import pytest

from justright.bundle.predictor import load
from justright.metrics import log_loss, rmse
from justright.recipe import Recipe
from justright.source import open_source
from justright.workflow import train
from justright.workflow.challenge import challenged
from justright.workflow.set_apart import Apart

SIZES = np.random.default_rng(4).uniform(0.0, 10.0, 400)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    noise = np.random.default_rng(9).normal(0.0, 2.0, 400)
    tables = []
    for slope in (1.0, 3.0):
        value = slope * SIZES + noise
        label = np.where(value > 5.0 * slope, "up", "down")
        tables.append({"size": SIZES, "value": value, "label": label})
    make = {
        name: [
            train({"size": t["size"], name: t[name]}, target=name, family="linear", baseline=False, out=out)
            for t in tables
        ]
        for name in ("value", "label")
    }
    return make, tables


def apart(count: int) -> Apart:
    judges = np.arange(count) % 2 == 0
    return Apart(~judges, judges, None, 0, "")


@pytest.mark.parametrize(("name", "headline"), [("value", "r2"), ("value", "mae"), ("label", "roc_auc")])
def test_the_metrics_are_those_of_the_rows_that_judge(runs, name, headline):
    make, tables = runs
    one, other = (load(run.path) for run in make[name])
    rows = apart(400)
    found = challenged(one, other, open_source(tables[1]), rows, Recipe(target=name), headline)
    decides = {"r2": "rmse", "mae": "mae", "roc_auc": "log_loss"}[headline]
    assert found[0].metric == decides
    assert headline in {each.metric for each in found}
    x = {"size": SIZES[rows.judges]}
    by_name = {each.metric: each for each in found}
    if name == "value":
        want = [rmse(tables[1]["value"][rows.judges], model.predict(x)) for model in (one, other)]
        assert [by_name["rmse"].first, by_name["rmse"].second] == pytest.approx(want)
        assert by_name["rmse"].better == "second"
    else:
        truth = (tables[1]["label"][rows.judges] == "up").astype(int)
        want = [log_loss(truth, model.predict_proba(x)[:, 1]) for model in (one, other)]
        assert [by_name["log_loss"].first, by_name["log_loss"].second] == pytest.approx(want)


def test_a_model_is_as_good_as_itself(runs):
    make, tables = runs
    model = load(make["value"][0].path)
    found = challenged(model, model, open_source(tables[0]), apart(400), Recipe(target="value"), "rmse")
    assert all(each.difference.value == 0.0 and each.better == "neither" for each in found)
