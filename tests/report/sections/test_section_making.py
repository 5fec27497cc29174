"""Recipe, times and versions."""

from __future__ import annotations

from dataclasses import replace

from justright.recipe import change
from justright.report.facts import Facts
from justright.report.sections.making import making


def test_only_own_choices_stand_out(binary: Facts) -> None:
    assert binary.recipe is not None
    recipe = change(binary.recipe, ["family=linear", "penalty.kind=l1"])
    section = making(replace(binary, recipe=recipe))
    own = dict(section.tables[0].rows)
    assert own["penalty.kind"] == "l1"
    assert own["cost_fn"] == "3.0"
    assert "descent.rate" not in own
    assert "descent.rate" in dict(section.folded[0].rows)


def test_versions_and_times(binary: Facts) -> None:
    captions = [table.caption for table in making(binary).tables]
    assert captions == ["Choices that are not the default", "Time", "Chosen by measurement", "Versions"]


def test_without_a_recipe(binary: Facts) -> None:
    section = making(replace(binary, recipe=None, bundle=None))
    assert "Left out" in section.lede[0]
    assert [table.caption for table in section.tables] == ["Time", "Chosen by measurement"]
