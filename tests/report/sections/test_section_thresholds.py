"""The curve of thresholds: the chosen one stands in the tables with its own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from justright.evaluate import choose_threshold
from justright.report.sections.thresholds import cost, trade
from justright.report.wording import number, percent


@pytest.mark.parametrize(("cost_fp", "cost_fn"), [(1.0, 1.0), (1.0, 5.0), (9.0, 1.0)])
def test_the_tables_tell_what_each_threshold_does(cost_fp: float, cost_fn: float) -> None:
    random = np.random.default_rng(3)
    probability = random.uniform(size=2000)
    target = (random.uniform(size=2000) < probability).astype(int)
    threshold = choose_threshold(target, probability, cost_fp=cost_fp, cost_fn=cost_fn)
    costs, finds = cost(threshold), trade(threshold)
    assert costs.table is not None
    assert finds.table is not None
    for (at, price), (same, precision, recall, flagged) in zip(
        costs.table.rows, finds.table.rows, strict=True
    ):
        assert at == same
        called = probability >= float(at) - 5e-5
        wrong = cost_fp * (called & (target == 0)).sum() + cost_fn * (~called & (target == 1)).sum()
        assert float(price.replace(",", "")) == pytest.approx(wrong / 2, rel=0.02)
        assert flagged == percent(called.mean())
        assert float(recall[:-2]) == pytest.approx(100 * called[target == 1].mean(), abs=1.0)
        assert float(precision[:-2]) == pytest.approx(100 * target[called].mean(), abs=1.0)
    assert costs.note == f"A wrongly flagged row costs {number(cost_fp)}, a missed one {number(cost_fn)}."


def test_never_flagging_is_drawn_too() -> None:
    threshold = choose_threshold([0, 0, 0, 1] * 20, [0.1] * 80, cost_fp=50.0)
    assert "<svg" in cost(threshold).drawing
    assert "<svg" in trade(threshold).drawing
