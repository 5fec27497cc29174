"""Batches that are not alike: the rows come in an order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from justright.diagnose.curves.verdict import diagnose_curves
from justright.diagnose.evidence import Evidence

Make = Callable[..., Evidence]
STEPS = np.arange(1, 31)
CURVE = 0.3 + 0.2 * np.exp(-STEPS / 4)


def ids(evidence: Evidence) -> list[str]:
    return [each.id for each in diagnose_curves(evidence).findings]


def norms(apart: float) -> dict[str, float]:
    return {"rate": 0.01, "update": 1e-3, "dead": 0.0, "apart": apart}


def test_batches_far_apart_are_an_order(make: Make) -> None:
    verdict = diagnose_curves(make(CURVE, CURVE, share=0.4, norms=norms(25.0)))
    assert verdict.findings[0].id == "batch-order"
    assert "5 times as far apart" in verdict.findings[0].sentence


@pytest.mark.parametrize("apart", [0.6, 1.0, 2.0])
def test_batches_of_mixed_rows_are_none_whatever_the_mean_is(make: Make, apart: float) -> None:
    assert "batch-order" not in ids(make(CURVE, CURVE, share=0.4, norms=norms(apart), off=0.5))


def test_an_early_pass_of_a_high_rate_is_none(make: Make) -> None:
    own = [norms(30.0 if k < 8 else 1.0) for k in range(30)]
    assert "batch-order" not in ids(make(CURVE, CURVE, share=0.4, norms=own))


def test_where_batches_are_not_known_the_mean_says_it(make: Make) -> None:
    assert "batch-order" in ids(make(CURVE, CURVE, share=0.4, off=0.5))


def linear(apart: float, gradient: float = 0.02) -> dict[str, float]:
    return {"gradient": gradient, "step": 0.1, "targets_apart": apart}


def test_linear_models_tell_an_order_by_mean_targets(make: Make) -> None:
    verdict = diagnose_curves(make(CURVE, CURVE, family="linear", share=0.4, norms=linear(36.0)))
    assert verdict.findings[0].id == "batch-order"
    assert "mean targets of the batches of a pass are 6 times" in verdict.findings[0].sentence


def test_mean_targets_of_mixed_rows_leave_a_mean_that_is_off_alone(make: Make) -> None:
    assert "batch-order" not in ids(
        make(CURVE, CURVE, family="linear", share=0.4, norms=linear(1.3), off=0.5)
    )


@pytest.mark.parametrize("family", ["neural", "linear"])
def test_an_order_that_costs_nothing_is_not_named(make: Make, family: str) -> None:
    own = norms(25.0) | linear(36.0) if family == "linear" else norms(25.0)
    assert "batch-order" not in ids(make(CURVE, CURVE, family=family, share=0.7, norms=own))


@pytest.mark.parametrize(("family", "gradient"), [("neural", 12.0), ("linear", 0.7)])
def test_gradients_that_stay_long_say_that_it_costs_even_if_trees_are_no_better(
    make: Make, family: str, gradient: float
) -> None:
    own = (norms(25.0) if family == "neural" else linear(36.0)) | {"gradient": gradient}
    assert ids(make(CURVE, CURVE, family=family, share=0.7, norms=own))[0] == "batch-order"
