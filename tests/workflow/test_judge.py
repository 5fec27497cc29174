"""Choice of the setting, threshold and baselines."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import MissingExtraError, RecipeError


def test_the_penalty_with_the_smallest_mean_loss_is_chosen(trained, houses):
    run = trained(houses("sold"), "sold", family="linear", descent={"tolerance": 1e-9})
    losses = {}
    for row in run.history.rows:
        if row.fold >= 0 and row.share == 1.0:
            losses.setdefault(row.penalty, {})[row.fold] = row.validation
    means = {penalty: np.mean(list(folds.values())) for penalty, folds in losses.items() if len(folds) == 5}
    assert len(means) > 3
    assert run.summary.hyperparameters["penalty"] == min(means, key=means.get)


def test_costs_move_the_threshold(trained, houses):
    even, careful, bold = (
        trained(houses("sold"), "sold", cost_fp=fp, cost_fn=fn).summary.threshold
        for fp, fn in ((1, 1), (1, 9), (9, 1))
    )
    assert careful < even < bold


@pytest.mark.parametrize(("target", "metric"), [("price", "mae"), ("sold", "log_loss"), ("kind", "accuracy")])
def test_a_metric_of_ones_own_is_the_headline(trained, houses, target, metric):
    summary = trained(houses(target), target, metric=metric).summary
    assert summary.metric == metric
    assert summary.validation == summary.metrics[metric]


def test_a_metric_of_another_task_is_refused(trained, houses):
    with pytest.raises(RecipeError, match="roc_auc"):
        trained(houses("price"), "price", metric="roc_auc")


def test_the_base_rate_is_that_of_the_rows(trained, houses):
    table = houses("price")
    summary = trained(table, "price").summary
    assert summary.baselines.base_rate == pytest.approx(np.std(table["price"]), rel=0.02)
    assert summary.baselines.boosted is None
    assert trained(houses("sold"), "sold").summary.baselines.base_rate == pytest.approx(0.5)


def test_boosted_trees_are_judged_on_the_same_scale(trained, houses):
    summary = trained(houses("price"), "price", baseline=True).summary
    assert summary.validation.value < summary.baselines.boosted < summary.baselines.base_rate


def test_without_their_library_the_boosted_trees_are_skipped_and_said(trained, houses, monkeypatch):
    def missing(*given, **options):
        raise MissingExtraError("lightgbm", next_step="pip install justright[train]")

    monkeypatch.setattr("justright.models.boosted.boosted_baseline", missing)
    run = trained(houses("price"), "price", baseline=True)
    assert run.summary.baselines.boosted is None
    (found,) = [f for f in run.findings if f.id == "baseline-skipped"]
    assert "pip install justright[train]" in found.sentence


@pytest.mark.parametrize("family", ["crossed", "linear"])
def test_the_ladder_has_the_chosen_rung(trained, houses, family):
    summary = trained(houses("sold"), "sold", family=family).summary
    (rung,) = summary.ladder
    assert (rung.family, rung.chosen, rung.value) == (family, True, summary.validation.value)
    assert rung.seconds == summary.seconds.train


def test_the_worst_slices_name_columns_of_the_table(trained):
    rng = np.random.default_rng(0)
    group = np.array(["calm", "wild"])[(np.arange(2000) % 5 == 0).astype(int)]
    x = rng.normal(size=2000)
    y = x + rng.normal(size=2000) * np.where(group == "wild", 3.0, 0.3)
    run = trained({"x": x, "g": group, "y": y}, "y")
    slices = run.folder.read("evaluation.json", dict)["slices"]
    assert (slices[0]["column"], slices[0]["value"]) == ("g", "wild")


def test_a_zero_among_the_ranges_of_a_slice_is_a_zero(trained):
    rng = np.random.default_rng(0)
    kin = rng.choice([0, 0, 0, 1, 2, 5, 8], 700)
    rows = {"kin": kin.tolist(), "x": rng.normal(size=700).tolist()}
    rows["y"] = (kin * 1.0 + rng.normal(size=700) * (1.0 + 4.0 * (kin == 0))).tolist()
    found = [
        s for s in trained(rows, "y").folder.read("evaluation.json", dict)["slices"] if s["column"] == "kin"
    ]
    assert found and not any("e-" in each["value"] for each in found)
