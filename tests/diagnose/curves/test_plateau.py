"""A loss that stands still at the base rate before it falls, or for good above trees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from justright.diagnose.curves.verdict import diagnose_curves
from justright.diagnose.evidence import Evidence

Make = Callable[..., Evidence]
STEPS = np.arange(1, 31)


def ids(evidence: Evidence) -> list[str]:
    return [each.id for each in diagnose_curves(evidence).findings]


def test_flat_at_the_base_rate_and_falling_only_then(make: Make) -> None:
    curve = np.where(STEPS < 14, 0.5, 0.16 + 0.34 * np.exp(-(STEPS - 13.0) / 3))
    verdict = diagnose_curves(make(curve, curve))
    assert verdict.findings[0].id == "plateau"
    assert verdict.findings[0].evidence["from"] == 1
    assert 12 <= verdict.findings[0].evidence["to"] <= 15
    assert verdict.causes[0].change == ("network.rate=0.03",)


def test_a_curve_that_falls_at_once_and_ends_flat_is_none(make: Make) -> None:
    curve = 0.16 + 0.34 * np.exp(-STEPS / 2)
    assert ids(make(curve, curve)) == ["just-right"]


def test_flat_for_good_far_above_trees_is_one_of_two_causes(make: Make) -> None:
    curve = 0.42 + 0.1 * np.exp(-STEPS / 1.5)
    found = ids(make(curve, curve, share=0.2))
    assert set(found) == {"under-fit", "plateau"}


def test_a_rate_that_ends_at_nothing_ends_flat(make: Make) -> None:
    curve = 0.42 + 0.1 * np.exp(-STEPS / 1.5)
    assert "plateau" not in ids(make(curve, curve, share=0.2, network={"schedule": "cosine"}))


def test_linear_models_have_none(make: Make) -> None:
    curve = np.where(STEPS < 14, 0.5, 0.16 + 0.34 * np.exp(-(STEPS - 13.0) / 3))
    assert "plateau" not in ids(make(curve, curve, family="linear"))


def test_nothing_learned_at_all_is_none(make: Make) -> None:
    flat = np.full(30, 0.5) + 0.001 * np.random.default_rng(0).normal(size=30)
    assert ids(make(flat, flat, share=1e-6, base=0.5))[0] != "plateau"
