"""A golden bundle of each format loads and scores equally for ever."""

import json
from pathlib import Path

import pytest

from justright.bundle.format import FORMAT
from justright.bundle.predictor import load

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_golden_bundle_scores_as_on_its_first_day(number):
    expected = json.loads((GOLDEN / f"bundle-{number}-expected.json").read_text(encoding="utf-8"))
    model = load(GOLDEN / f"bundle-{number}")
    assert model.model_id == expected["model_id"]
    for found, answer in zip(model.predict_rows(expected["rows"]), expected["predictions"], strict=True):
        assert found["label"] == answer["label"]
        assert found["probabilities"] == pytest.approx(answer["probabilities"], rel=1e-12)
