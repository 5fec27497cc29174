"""Boosted trees that were not grown to their end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from justright.diagnose.curves.verdict import Verdict, diagnose_curves
from justright.diagnose.evidence import Evidence
from justright.recipe import Boosting, Recipe, change

Make = Callable[..., Evidence]


def verdict_of(make: Make, curve: Any, rounds: int, grown: int, share: float = 0.5) -> Verdict:
    each = [{"rounds": float(grown * (k + 1) / len(curve))} for k in range(len(curve))]
    evidence = make(curve, curve, family="boosted", norms=each, share=share)
    recipe = msgspec.structs.replace(evidence.recipe, boosting=Boosting(rounds=rounds))
    return diagnose_curves(dataclasses.replace(evidence, recipe=recipe))


def test_ten_rounds_are_too_few(make: Make) -> None:
    verdict = verdict_of(make, [0.35], 10, 10, 0.3)
    assert verdict.findings[0].id == "too-few-passes"
    assert verdict.causes[0].change == ("boosting.rounds=60",)
    assert change(Recipe(target="y"), verdict.causes[0].change).boosting.rounds == 60


def test_rounds_that_still_gain_at_their_end(make: Make) -> None:
    curve = 0.5 - 0.03 * np.arange(1, 11)
    verdict = verdict_of(make, curve, 100, 100)
    assert verdict.findings[0].id == "too-few-passes" and "still falling" in verdict.findings[0].sentence


@pytest.mark.parametrize(("rounds", "grown"), [(2000, 100), (100, 100)])
def test_trees_that_ended_or_gain_no_more_are_left_alone(make: Make, rounds: int, grown: int) -> None:
    curve = 0.2 + 0.3 * 0.5 ** np.arange(12)
    assert verdict_of(make, curve, rounds, grown, 0.7).just_right
