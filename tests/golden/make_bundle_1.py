"""Makes `tests/golden/bundle-1` and its expected scores; run once per format, never again after a release.

Every kind of column is in it: numbers with and without missing values, a decimal comma, a date, a small
vocabulary, a hashed one, a boolean, text. Weights are fractions of two, so that no platform rounds them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from justright.bundle.format import ModelFile, write_bundle
from justright.bundle.predictor import load
from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.features.target import TargetFeature
from justright.features.text import TextFeature
from justright.models.linear.forward import Layout
from justright.schema import Column, Schema, Target

HERE = Path(__file__).parent

AGE = Column("age", "numeric", "number", "5 different numbers")
INCOME = Column("income", "numeric", "number", "numbers with a decimal comma", decimal=",", missing=("?",))
SEEN = Column("seen", "datetime", "datetime", "ISO dates")
COLOUR = Column("colour", "categorical", "text", "3 texts")
SHOP = Column("shop", "categorical", "number", "many codes")
MEMBER = Column("member", "boolean", "boolean", "yes and no")
NOTE = Column("note", "text", "text", "sentences")
TARGET = Target(Column("buys", "categorical", "text"), "binary", ("no", "yes"), "two texts")

ROWS: list[dict[str, Any]] = [
    {
        "age": 40,
        "income": "2500,5",
        "seen": "2024-03-01",
        "colour": "red",
        "shop": "7",
        "member": True,
        "note": "A good one",
    },
    {
        "age": "30",
        "income": "?",
        "seen": "2024-03-01T18:30:00",
        "colour": " blue ",
        "shop": 7.0,
        "member": "yes",
        "note": "",
    },
    {
        "age": None,
        "income": 1e3,
        "seen": None,
        "colour": "mauve",
        "shop": 123456,
        "member": 0,
        "note": "good good bad",
    },
    {
        "age": 1e30,
        "income": None,
        "seen": "1999-12-31",
        "colour": None,
        "shop": None,
        "member": None,
        "note": None,
    },
]


def plan() -> FeaturePlan:
    """The features, as a training would have fitted them."""
    numeric = (
        NumericFeature(AGE, 40.0, 8.0, 18.0, 90.0, missing=True),
        NumericFeature(INCOME, 2048.0, 1024.0, 0.0, 9000.0, missing=True),
        NumericFeature(SEEN, 1.7e9, 2.0**24, 1.6e9, 1.8e9, part="trend"),
        NumericFeature(SEEN, 0.0, 1.0, -1.0, 1.0, part="day-sin"),
    )
    categorical = (
        CategoricalFeature(COLOUR, ("red", "blue", "green"), (1.0, 0.0, 9.0, 8.0, 7.0)),
        CategoricalFeature(SHOP, ("7", "12"), (0.0, 2.0, 30.0, 20.0, 50.0), buckets=4),
        CategoricalFeature(MEMBER, ("true", "false"), (0.0, 3.0, 10.0, 9.0)),
        CategoricalFeature(SEEN, ("mon", "fri"), (9.0, 0.0, 5.0, 4.0), part="weekday"),
    )
    return FeaturePlan(PlanData(numeric, categorical, (TextFeature(NOTE, 16),), TargetFeature(TARGET)))


def parts() -> dict[str, Any]:
    """The arguments of `write_bundle` but the path."""
    fitted = plan()
    layout = Layout(4, [0, 1], [f.size for f in fitted.data.categorical], 16)
    weights = ((np.arange(layout.width) * 37 % 64 - 32) / 64.0)[:, None]
    model = ModelFile(
        schema=Schema((AGE, INCOME, SEEN, COLOUR, SHOP, MEMBER, NOTE), TARGET),
        features=fitted.to_data(),
        family="linear",
        front=layout.to_front(),
        hyperparameters={"penalty": 0.5},
        task="binary",
        outputs=1,
        link="logistic",
        threshold=0.375,
        threshold_note="a missed buyer costs more than a wasted letter",
        metrics={"roc_auc": {"value": 0.75, "low": 0.7, "high": 0.8}},
        versions={"numpy": "2.0.0"},
        created_by="tests/golden/make_bundle_1.py",
    )
    arrays = {"weights": weights, "bias": np.array([0.25])}
    return {"model": model, "arrays": arrays, "baseline": {"rows": 120}, "card": "# A golden bundle\n"}


def main() -> None:
    """Write the bundle and what it must score."""
    shutil.rmtree(HERE / "bundle-1", ignore_errors=True)
    model_id = write_bundle(HERE / "bundle-1", **parts())
    answers = load(HERE / "bundle-1").predict_rows(ROWS)
    expected = {"model_id": model_id, "rows": ROWS, "predictions": answers}
    (HERE / "bundle-1-expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
