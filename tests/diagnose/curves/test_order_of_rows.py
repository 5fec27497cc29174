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
