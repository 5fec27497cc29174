"""The ladder on real rows: what is tried, left out and chosen, and what the run says of it."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import RecipeError, TrainingError
from justright.recipe import Recipe
from justright.workflow import train
from justright.workflow.train import train_recipe

pytest.importorskip("lightgbm", reason="trees are a rung")


def table(kind, n=360, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    truth = {
        "linear": 2.0 * x[:, 0] - x[:, 1],
        "curved": 3.0 * np.sin(2.0 * x[:, 0]),
        "random": 0.0 * x[:, 0],
    }
    y = truth[kind] + 0.5 * rng.normal(size=n)
    return {"a": x[:, 0].tolist(), "b": x[:, 1].tolist(), "c": x[:, 2].tolist(), "y": y.tolist()}


def climbed(rows, tmp_path, **ladder):
    return train(rows, target="y", out=tmp_path / "runs", family="ladder", ladder=ladder)


def finding(run, name):
    return [found for found in run.summary.findings if found.id == name]


@pytest.mark.parametrize(("kind", "family"), [("linear", "linear"), ("curved", "crossed")])
def test_the_simplest_family_that_holds_the_truth_is_chosen(kind, family, tmp_path):
    run = climbed(table(kind), tmp_path)
    assert run.summary.family == family
    tried = [rung.family for rung in run.summary.ladder]
    # A blend that is one rung alone is none.
    assert tried[:3] == ["linear", "crossed", "boosted"] and tried[3:] in ([], ["blend"])
    assert [rung.chosen for rung in run.summary.ladder] == [r == family for r in tried]
    (why,) = finding(run, "rung-chosen")
    assert why.evidence["chosen"] == family
    assert run.summary.verdict.endswith(why.sentence)
    left = finding(run, "rung-skipped")[0]
    assert "too few" in left.sentence and left.evidence["rung"] == "neural"
    assert len(run.model.predict(table(kind))) == 360
    assert not list(run.path.glob("checkpoint*"))


def test_best_takes_the_rung_of_least_loss(tmp_path):
    run = climbed(table("curved"), tmp_path, choose="best", rungs=["linear", "boosted"])
    assert run.summary.family == "boosted"
    assert run.summary.baselines.boosted == run.summary.validation.value


def test_a_rung_that_is_no_family_is_refused_before_there_is_a_run(tmp_path):
    with pytest.raises(RecipeError, match=r"ladder.rungs with 'lineer'.*linear"):
        climbed(table("linear"), tmp_path, rungs=["lineer"])
    assert not (tmp_path / "runs").exists()


def test_rows_without_a_signal_take_the_first_rung(tmp_path):
    assert climbed(table("random"), tmp_path).summary.family == "linear"


def test_a_budget_that_is_used_up_leaves_rungs_out_but_not_the_first(tmp_path):
    run = climbed(table("linear"), tmp_path, budget=1e-3)
    assert [rung.family for rung in run.summary.ladder] == ["linear"]
    assert len(finding(run, "rung-skipped")) == 3


def interrupting(monkeypatch, number):
    """Let rung `number` be interrupted before its first pass."""
    import importlib

    module, begun = importlib.import_module("justright.workflow.climb"), []
    fit = module.fit

    def interrupted(*given):
        begun.append(given)
        if len(begun) == number:
            raise KeyboardInterrupt
        return fit(*given)

    monkeypatch.setattr(module, "fit", interrupted)


def test_an_interrupt_in_a_later_rung_ends_in_the_best_of_those_before(tmp_path, monkeypatch):
    interrupting(monkeypatch, 3)
    run = climbed(table("curved"), tmp_path)
    assert [rung.family for rung in run.summary.ladder] == ["linear", "crossed"]
    assert run.summary.family == "crossed" and len(run.model.predict(table("curved"))) == 360
    (left,) = finding(run, "rung-skipped")
    assert left.evidence["rung"] == "boosted" and "interrupted" in left.sentence


def test_an_interrupt_before_the_first_pass_leaves_no_run(tmp_path, monkeypatch):
    interrupting(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        climbed(table("linear"), tmp_path)
    assert not list((tmp_path / "runs").iterdir())


def test_a_network_as_the_only_rung_is_tried_though_no_time_is_left(tmp_path):
    pytest.importorskip("jax", reason="networks train with jax")
    network = {"hidden": [4], "ensemble": 1, "epochs": 2}
    rows = table("linear")
    ladder = {"budget": 1e-3, "rungs": ["neural"]}
    run = train(rows, target="y", out=tmp_path, family="ladder", ladder=ladder, network=network)
    assert run.summary.family == "neural"


def test_a_ladder_that_was_killed_goes_on(tmp_path, monkeypatch):
    import importlib

    module = importlib.import_module("justright.workflow.train")

    def die(*given):
        raise RuntimeError("died")

    rows = table("linear")
    monkeypatch.setattr(module, "export_bundle", die)
    with pytest.raises(RuntimeError, match="died"):
        climbed(rows, tmp_path)
    monkeypatch.undo()
    (folder,) = (tmp_path / "runs").iterdir()
    run = train_recipe(Recipe(), table=rows, out=tmp_path, resume=folder)
    assert run.summary.family == "linear" and len(run.summary.ladder) >= 3


def test_every_rung_is_told_with_its_losses_and_its_difference_to_the_best(tmp_path):
    run = climbed(table("curved"), tmp_path, rungs=["linear", "crossed"])
    (why,) = finding(run, "rung-chosen")
    for rung, standing in zip(run.summary.ladder, why.evidence["rungs"], strict=True):
        told = {"loss": rung.loss, "gap": rung.gap, "error": rung.error, "rows": rung.judged}
        assert told == {name: standing[name] for name in told}
    linear, crossed = run.summary.ladder
    # The truth is a wave: half its variance is what a line leaves, on the training rows too.
    assert linear.train == pytest.approx(linear.loss, rel=0.1)
    assert crossed.train < crossed.loss < linear.train
    last = [row.train for row in run.history.rows if row.fold < 0][-1]
    assert crossed.train == last


def test_one_family_alone_is_compared_with_nothing(tmp_path):
    run = train(table("linear"), target="y", out=tmp_path, family="linear", baseline=False)
    (rung,) = run.summary.ladder
    assert (rung.loss, rung.train, rung.gap, rung.error, rung.judged) == (None, None, None, None, 0)


def test_a_network_that_the_time_left_is_too_short_for_is_not_begun(tmp_path):
    pytest.importorskip("jax", reason="a network is a rung")
    run = climbed(table("linear", n=600), tmp_path, rungs=["linear", "neural"], budget=6.2)
    (left,) = finding(run, "rung-skipped")
    assert left.evidence["rung"] == "neural" and "a network needs 6 on these rows" in left.sentence


def test_one_family_has_a_budget_for_itself_and_is_compared_with_nothing(tmp_path):
    run = train(table("curved"), target="y", out=tmp_path, family="crossed", ladder={"budget": 30.0})
    assert run.summary.family == "crossed" and [r.family for r in run.summary.ladder] == ["crossed"]
    assert not finding(run, "rung-chosen")
    assert run.summary.verdict.endswith(".") and "rungs" not in run.summary.verdict


def test_words_are_read_by_those_rungs_that_can(tmp_path):
    rng = np.random.default_rng(0)
    words = np.array(["warm", "cold", "wet", "dry", "late", "early"])
    rows = {"t": [" ".join(rng.choice(words, 5)) + f" {n}" for n in range(300)]}
    rows["y"] = ["p" if "warm" in text else "n" for text in rows["t"]]
    kinds = {"t": "text"}
    run = train(
        rows, target="y", out=tmp_path, kinds=kinds, ladder={"rungs": ["linear", "crossed", "boosted"]}
    )
    assert run.summary.family == "linear" and run.summary.validation.value > 0.95
    (left,) = finding(run, "rung-skipped")
    assert left.evidence["rung"] == "crossed" and "text" in left.sentence
    with pytest.raises(TrainingError, match=r"text alone \(t\).*--family linear"):
        train(rows, target="y", out=tmp_path / "alone", kinds=kinds, family="crossed", baseline=False)


def test_a_floor_is_for_two_classes(tmp_path):
    with pytest.raises(RecipeError, match=r"preset='recall-first' with a regression target.*--preset"):
        train(table("linear"), target="y", out=tmp_path / "runs", preset="recall-first")
    assert not (tmp_path / "runs").exists()


def test_trees_are_judged_on_one_part_where_folds_would_cost_too_much(tmp_path, monkeypatch):
    from justright.workflow import climb as module

    rows = table("linear")
    ladder = {"budget": 20.0, "rungs": ["linear", "boosted"], "choose": "best"}
    whole = train(rows, target="y", out=tmp_path / "a", ladder=ladder)
    assert [rung.judged for rung in whole.summary.ladder] == [len(rows["y"])] * 2
    monkeypatch.setattr(module, "_TREE", 1e3)  # a second a tree: 6,000 of them
    part = train(rows, target="y", out=tmp_path / "b", ladder=ladder)
    judged = {rung.family: rung.judged for rung in part.summary.ladder}
    assert judged["boosted"] == pytest.approx(0.2 * len(rows["y"]), rel=0.3)
    alone = train(rows, target="y", out=tmp_path / "c", family="boosted", boosting={"cv": False})
    assert alone.summary.judged_by == "one held-out fifth"
    assert alone.summary.rows.held_out == judged["boosted"]


def test_a_split_of_the_missing_alone_leaves_in_a_bundle(tmp_path):
    """LightGBM puts it at infinity; trees alone and in a blend, real: california_housing."""
    rng = np.random.default_rng(4)
    gone, x = rng.uniform(size=400) < 0.4, rng.normal(size=400)
    y = 5.0 * gone + np.sin(3.0 * x) + 0.1 * rng.normal(size=400)
    rows = {"x": x.tolist(), "u": [None if g else 0.5 * k for k, g in enumerate(gone)], "y": y.tolist()}
    for ladder in (["boosted"], ["linear", "boosted", "blend"]):
        run = train(
            rows, target="y", out=tmp_path, family="ladder", ladder={"rungs": ladder, "choose": "best"}
        )
        said = run.model.predict(rows)
        assert np.mean(said[gone]) - np.mean(said[~gone]) == pytest.approx(5.0, abs=0.3)
