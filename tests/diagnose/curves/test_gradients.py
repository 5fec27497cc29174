"""Gradients that are lost on their way to the first layer, multiplied on it, or burst."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.diagnose.curves.verdict import diagnose_curves
from justright.diagnose.evidence import Evidence

Make = Callable[..., Evidence]
STEPS = np.arange(1, 31)
FLAT = np.full(30, 0.5)
DEEP = {"hidden": (32,) * 6, "activation": "relu"}


def ids(evidence: Evidence) -> list[str]:
    return [each.id for each in diagnose_curves(evidence).findings]


def norms(first: float, last: float, **more: float) -> dict[str, float]:
    return {"rate": 0.01, "gradient": 1.0, "gradient_first": first, "gradient_last": last} | more


@pytest.mark.parametrize(("first", "named"), [(1e-4, True), (0.3, False)])
def test_no_gradient_in_the_first_layer(make: Make, first: float, named: bool) -> None:
    found = ids(make(FLAT, FLAT, network=DEEP, share=0.01, norms=norms(first, 1.0)))
    assert (found[0] == "gradients-vanish") is named


def test_a_network_that_learned_all_the_same_is_left_alone(make: Make) -> None:
    assert ids(make(network=DEEP, norms=norms(1e-4, 1.0))) == ["just-right"]


def test_without_gradients_by_layer_that_is_said(make: Make) -> None:
    verdict = diagnose_curves(make(network=DEEP))
    assert any("vanishing gradients" in why for why in verdict.not_checked)


def test_a_gradient_that_is_multiplied_by_the_layers(make: Make) -> None:
    verdict = diagnose_curves(make(FLAT, FLAT, network=DEEP, share=0.01, norms=norms(200.0, 1.0)))
    assert verdict.findings[0].id == "gradients-explode"
    assert "network.clip=1" in verdict.causes[0].change
    assert ids(make(network=DEEP, norms=norms(200.0, 1.0))) == ["just-right"]


def test_a_gradient_that_bursts_with_its_loss(make: Make) -> None:
    curve = 0.3 + 0.2 * np.exp(-STEPS / 4)
    broken = curve + np.where(STEPS > 15, 0.1, 0.0)
    own: list[Any] = [norms(0.3, 1.0, gradient=80.0 if k == 15 else 1.0) for k in range(30)]
    found = ids(make(broken, broken, share=0.3, norms=own))
    assert "gradients-explode" in found
    # The same length at the very start, or without a loss that rises, is no burst.
    start = [norms(0.3, 1.0, gradient=80.0 if k == 0 else 1.0) for k in range(30)]
    assert "gradients-explode" not in ids(make(broken, broken, share=0.3, norms=start))
    assert "gradients-explode" not in ids(make(curve, curve, share=0.3, norms=own))
