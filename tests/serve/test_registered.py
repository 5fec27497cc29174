"""Versions of a registry in service: what answers different questions is never one model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from justright.bundle.format import ModelFile, write_bundle
from justright.errors import RecipeError
from justright.registry import open_registry
from justright.schema import Column, Schema, Target
from justright.serve.dataplane import DataPlane
from justright.serve.registered import Reloader, Wanted, load_group


def write(path: Path, target: str) -> Path:
    """Write a model without columns that says 0 of a target."""
    schema = Schema((), Target(Column(target, "numeric", "number"), "regression"))
    plan = {"numeric": [], "categorical": [], "text": [], "target": None}
    front = {"numeric": 0, "indicators": [], "sizes": [], "tokens": 0}
    link = {"task": "regression", "outputs": 1, "link": "identity"}
    model = ModelFile(schema=schema, features=plan, family="linear", front=front, **link)
    write_bundle(path, model, {"weights": np.zeros((0, 1)), "bias": np.zeros(1)}, {}, "# Card")
    return path


@pytest.fixture
def mixed(tmp_path: Path):
    """A registry that holds a version of another target under one name, as older ones may."""
    registry = open_registry(tmp_path / "models")
    registry.register(write(tmp_path / "price", "price"), "house")
    registry.register(write(tmp_path / "rent", "rent"), "rents")
    (registry.root / "rents" / "versions" / "1").rename(registry.root / "house" / "versions" / "2")
    registry.move("house", "champion", 1)
    return registry


def test_shares_of_versions_that_predict_different_things_are_refused(mixed):
    with pytest.raises(RecipeError, match=r"regression of 'price' and a regression of 'rent'"):
        load_group(mixed, Wanted("house", traffic={"1": 50, "2": 50}))
    assert list(load_group(mixed, Wanted("house", traffic={"1": 100})).served) == ["1"]


def test_an_alias_that_moves_to_another_target_changes_nothing_in_service(mixed):
    wanted, told = Wanted("house", ("champion",)), []
    plane = DataPlane({"house": load_group(mixed, wanted)})
    reloader = Reloader(plane, mixed.root, [wanted], tell=told.append)
    mixed.move("house", "champion", 2)
    asyncio.run(reloader.look(wanted))
    assert list(plane.group("house").served) == ["1"]
    assert told[0]["event"] == "reload-failed" and "regression of 'rent'" in told[0]["reason"]
