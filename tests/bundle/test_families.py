"""What is prepared for service scores as the forward of the family does, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from justright.bundle.families import family_of
from justright.bundle.predictor import load
from justright.serve.openapi import example_row

GOLDEN = sorted(
    path for path in (Path(__file__).parents[1] / "golden").glob("*") if (path / "model.json").is_file()
)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_prepared_scores_equal_those_of_the_forward(path):
    predictor = load(path)
    model = predictor.bundle.model
    if model.family not in ("linear", "crossed", "boosted", "blend"):
        pytest.skip("a family that has no preparation")
    family = family_of(model.family, {})
    score = family.scorer(model.front, predictor.bundle.arrays)
    usual = example_row(predictor)
    rows = [usual, dict.fromkeys(usual), *({**usual, name: None} for name in usual)]
    for count in (1, 2, len(rows), 300):
        many = (rows * 300)[:count]
        block = predictor.encoder.rows(many)
        with np.errstate(all="ignore"):
            wanted = family.forward(model.front, predictor.bundle.arrays, block)
        assert score(block).tobytes() == wanted.tobytes()
