"""Which members answer a recipe."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from justright.features.plan import FeaturePlan, PlanData
from justright.recipe import Descent, Penalty, Recipe, Split
from justright.workflow.population import penalty_path, population

PLAN = FeaturePlan(PlanData((), (), (), None))
DATA = SimpleNamespace(rows=1000, forward=False, plan=PLAN)
LINEAR = Recipe(family="linear")


@pytest.mark.parametrize("kind", ["l2", "l1", "elastic"])
@pytest.mark.parametrize("rows", [2, 1000, 10**9])
def test_a_path_falls_evenly_from_strong_to_weak(kind, rows):
    path = penalty_path(rows, kind, 2)
    steps = [a / b for a, b in zip(path, path[1:], strict=False)]
    assert steps == pytest.approx([10**0.5] * len(steps))
    assert path[0] == (10.0 if kind == "l2" else 1.0)
    assert 1e-9 <= path[-1] <= 1e-3


def test_every_setting_has_a_member_on_all_rows_and_one_a_fold():
    recipe = Recipe(split=Split(folds=3, repeats=2), penalty=Penalty(path=(1.0, 0.1)))
    members = population(recipe, DATA, exact_sums=True)
    assert len(members) == (1 + 2 * 3) * 2
    for setting, penalty in enumerate((1.0, 0.1)):
        own = [(m.repeat, m.fold) for m in members if m.setting == setting]
        assert own == [(0, -1), (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
        assert {m.penalty for m in members if m.setting == setting} == {penalty}


def test_members_of_the_same_rows_are_neighbours():
    members = population(LINEAR, DATA, exact_sums=False)
    rows = [(m.repeat, m.fold) for m in members]
    assert len(set(rows)) == 1 + sum(a != b for a, b in zip(rows, rows[1:], strict=False))


@pytest.mark.parametrize(("kind", "mix"), [("l2", 0.0), ("l1", 1.0), ("elastic", 0.25)])
def test_the_kind_of_penalty_is_its_mix(kind, mix):
    recipe = Recipe(family="linear", penalty=Penalty(kind=kind, mix=0.25))
    assert {m.mix for m in population(recipe, DATA, exact_sums=False)} == {mix}


def test_only_gradient_methods_have_a_rate():
    assert {m.rate for m in population(LINEAR, DATA, exact_sums=False)} == {0.0}
    steps = Recipe(descent=Descent(optimizer="sgd", rate=0.3))
    assert {m.rate for m in population(steps, DATA, exact_sums=False)} == {0.3}


def test_periods_make_forward_members():
    members = population(Recipe(), SimpleNamespace(rows=100, forward=True, plan=PLAN), exact_sums=False)
    assert all(m.forward for m in members)


def test_an_additive_model_has_one_member_a_fold_for_it_finds_its_own_penalties():
    recipe = Recipe(family="crossed", split=Split(folds=3, repeats=2))
    members = population(recipe, DATA, exact_sums=False)
    assert [(m.repeat, m.fold) for m in members] == [(0, -1), (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert {(m.setting, m.penalty) for m in members} == {(0, 1.0)}
    path = population(Recipe(family="crossed", penalty=Penalty(path=(3.0, 1.0))), DATA, exact_sums=False)
    assert {m.penalty for m in path} == {3.0, 1.0}


def test_of_many_rows_trees_are_judged_on_one_tenth(tmp_path, monkeypatch):
    """The limit is lowered: 3,000 rows stand for 600,000."""
    from justright import train
    from justright.workflow import fit, population

    for module in (fit, population):
        monkeypatch.setattr(module, "ONE_PART_FROM", 2_000)
    rng = np.random.default_rng(5)
    rows = {name: rng.normal(size=3_000).tolist() for name in ("a", "b")}
    rows["y"] = (np.sin(3 * np.asarray(rows["a"])) + rng.normal(0, 0.1, 3_000)).tolist()
    wide = {"boosting": {"rounds": 60, "rate": 0.2}, "baseline": False, "out": tmp_path}
    run = train(rows, target="y", family="boosted", **wide)
    held = run.summary.rows.held_out
    assert held == pytest.approx(300, abs=50) and run.summary.judged_by == "one held-out tenth"
    assert f"{3_000 - held} of 3000 rows trained it" in (run.path / "model" / "card.md").read_text()
    # The very model that was judged leaves.
    place, said = _held_out(run)
    assert len(place) == held
    whole = run.model.predict({name: np.asarray(rows[name])[place].tolist() for name in ("a", "b")})
    np.testing.assert_allclose(whole, said, rtol=1e-5, atol=1e-6)
    # Folds that were asked for are kept, as are groups.
    own = train(rows, target="y", family="boosted", split={"folds": 3}, **wide)
    assert own.summary.rows.held_out == 0 and own.summary.judged_by == "3 folds"
    rows["g"] = [f"g{k % 300}" for k in range(3_000)]
    grouped = train(rows, target="y", family="boosted", split={"by": ["g"]}, **wide)
    place, _ = _held_out(grouped)
    judged = {rows["g"][k] for k in place}
    assert grouped.summary.judged_by == "one held-out fifth"
    assert sum(group in judged for group in rows["g"]) == len(place)


def _held_out(run):
    """Rows and predictions of the held-out rows."""
    import pyarrow.parquet as pq

    table = pq.read_table(run.path / "out_of_fold.parquet")
    return table["row"].to_numpy(), table["prediction"].to_numpy()
