"""Families by name."""

from __future__ import annotations

import pytest

from justright.errors import MissingExtraError, RecipeError
from justright.models.linear.descent import DescentLinear
from justright.models.linear.exact import ExactLinear
from justright.models.registry import FAMILIES, learner_for, register
from justright.recipe import Descent, Recipe


def test_the_optimizer_chooses_the_learner():
    assert isinstance(learner_for("linear", Recipe()), ExactLinear)
    assert isinstance(learner_for("linear", Recipe(descent=Descent(optimizer="sgd"))), DescentLinear)


def test_a_family_of_ones_own(monkeypatch):
    monkeypatch.setattr("justright.models.registry.FAMILIES", dict(FAMILIES))
    made = object()
    register("mine", lambda recipe: made)
    assert learner_for("mine", Recipe()) is made


def test_an_unknown_family_names_those_there_are():
    with pytest.raises(RecipeError, match=r"family='liner'.*linear"):
        learner_for("liner", Recipe())


def test_additive_models_without_a_compiler_name_the_extra(monkeypatch):
    monkeypatch.setattr("justright.models.registry.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"justright\[train\]"):
        learner_for("crossed", Recipe())
