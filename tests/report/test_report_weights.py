"""Effects are what the model does: a deviation more, another category, against the Predictor itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from justright.bundle.format import read_bundle
from justright.bundle.predictor import load
from justright.report.facts import Facts
from justright.report.weights import read_weights

BASE = {"<script>alert('x')</script>": 50.0, "size": 60.0, "place": "b&b", "holes": 0.0}


@pytest.mark.parametrize("name", ["size", "<script>alert('x')</script>", "holes"])
def test_one_deviation_more_moves_the_prediction_by_the_effect(
    linear_regression: Facts, linear_regression_run: Path, name: str
) -> None:
    assert linear_regression.bundle is not None
    weights = read_weights(linear_regression.bundle)
    assert weights is not None
    effect = next(one for one in weights.columns if one.name == name)
    assert effect.deviation is not None
    more = {**BASE, name: float(BASE[name]) + effect.deviation}  # type: ignore[arg-type]  # a number by its name
    before, after = (
        load(linear_regression_run / "model").margins({key: [BASE[key], more[key]] for key in BASE}).ravel()
    )
    assert after - before == pytest.approx(effect.effects[0], rel=1e-4)
    assert effect.strength == abs(effect.effects[0])


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_another_category_moves_the_margin_by_the_difference(
    task: str, linear_regression_run: Path, linear_multiclass_run: Path
) -> None:
    run = linear_regression_run if task == "regression" else linear_multiclass_run
    weights = read_weights(read_bundle(run / "model"))
    assert weights is not None
    effects = {one.value: one.effects for one in weights.categories if one.column == "place"}
    rows = {key: [BASE[key]] * 2 for key in BASE}
    rows["place"] = ["</style>", "plain ' \\ name"]
    before, after = load(run / "model").margins(rows)
    assert after - before == pytest.approx(effects["plain ' \\ name"] - effects["</style>"], rel=1e-6)


def test_effects_of_a_column_are_centred_on_its_rows(linear_binary: Facts) -> None:
    assert linear_binary.bundle is not None
    weights = read_weights(linear_binary.bundle)
    assert weights is not None
    place = [one for one in weights.categories if one.column == "place"]
    shares = np.array([one.share for one in place], dtype=np.float64)
    effects = np.array([one.effects[0] for one in place])
    assert shares.sum() == pytest.approx(1.0)
    assert shares @ effects == pytest.approx(0.0, abs=1e-12)
    strength = next(one.strength for one in weights.columns if one.name == "place")
    assert strength == pytest.approx(np.sqrt(shares @ effects**2))
    assert any(one.column == "holes" and one.value == "(missing)" for one in weights.categories)


def test_columns_go_by_falling_strength(linear_multiclass: Facts) -> None:
    assert linear_multiclass.bundle is not None
    weights = read_weights(linear_multiclass.bundle)
    assert weights is not None
    strengths = [one.strength for one in weights.columns]
    assert strengths == sorted(strengths, reverse=True)
    assert weights.columns[0].name == "size"


def test_a_model_without_plain_weights_has_none(linear_binary: Facts) -> None:
    assert linear_binary.bundle is not None
    other = msgspec.structs.replace(linear_binary.bundle.model, family="forest")
    assert read_weights(type(linear_binary.bundle)(other, linear_binary.bundle.arrays, {}, "", "")) is None
    front = msgspec.structs.replace(linear_binary.bundle.model, front={"numeric": 1})
    assert read_weights(type(linear_binary.bundle)(front, linear_binary.bundle.arrays, {}, "", "")) is None
