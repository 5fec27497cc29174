"""Which family `auto` and `glass-box` are, asked once: what trains is what the summary names."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from justright.features.plan import FeaturePlan, PlanData
from justright.recipe import Descent, Penalty, Recipe
from justright.workflow.family import family_of

PLAN = FeaturePlan(PlanData((), (), (), None))


@pytest.mark.parametrize(
    "recipe",
    [
        *(Recipe(descent=Descent(optimizer=name)) for name in ("sgd", "momentum", "ftrl", "rprop")),
        Recipe(penalty=Penalty(kind="l1")),
        Recipe(penalty=Penalty(kind="elastic")),
        Recipe(penalty=Penalty(path=(1.0,))),
    ],
)
def test_choices_of_a_linear_model_ask_for_one(recipe):
    assert family_of(recipe, PLAN, 10_000) == "linear"
    assert family_of(msgspec.structs.replace(recipe, family="glass-box"), PLAN, 10_000) == "linear"


@pytest.mark.parametrize(
    ("rows", "family"), [(1, "linear"), (499, "linear"), (500, "crossed"), (10**9, "crossed")]
)
def test_few_rows_are_for_a_line(rows, family):
    assert family_of(Recipe(family="glass-box"), PLAN, rows) == family


def test_no_choice_at_all_asks_for_the_ladder():
    assert family_of(Recipe(), PLAN, 3) == family_of(Recipe(), PLAN, 10_000) == "ladder"


@pytest.mark.parametrize("family", ["linear", "crossed"])
@pytest.mark.parametrize("rows", [3, 10_000])
def test_what_is_asked_for_is_taken(family, rows):
    assert family_of(Recipe(family=family, penalty=Penalty(kind="l2")), PLAN, rows) == family


def _notes(rows=260):
    rng = np.random.default_rng(0)
    words = np.array(["warm", "cold", "wet", "dry", "late", "early", "old", "new"])
    picked = rng.integers(0, len(words), (rows, 6))
    return {
        "note": [f"{' '.join(words[row])} {number}" for number, row in enumerate(picked)],
        "x": rng.normal(size=rows),
        "y": (picked == 0).sum(axis=1) + rng.normal(0, 0.1, rows),
    }


def test_text_is_read_by_the_linear_family_and_said_to_be_unread_by_the_other(trained):
    table = _notes()
    run = trained(table, "y", kinds={"note": "text"})
    assert run.summary.family == "linear" and run.summary.metrics["r2"].value > 0.7
    assert "text-not-read" not in [finding.id for finding in run.findings]
    crossed = trained(table, "y", kinds={"note": "text"}, family="crossed")
    (found,) = [finding for finding in crossed.findings if finding.id == "text-not-read"]
    assert crossed.summary.family == "crossed" and "--family linear" in found.next


def test_what_trains_is_what_is_named(trained, houses):
    for rows, family in ((400, "linear"), (600, "crossed")):
        run = trained(houses("price", rows=rows), "price")
        assert run.summary.family == family
        assert run.summary.verdict.startswith(f"A {family} model of price")
        assert run.folder.read("recipe.json", dict)["family"] == "glass-box"
