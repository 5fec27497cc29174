"""Rows too few to tell the model from the base rate."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.sample import Judged
from justright.diagnose.rows.small import too_small


def judged(rows, signal, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return Judged(np.arange(rows), signal * x, signal * x + rng.normal(size=rows), np.ones(rows))


def test_small_gain_on_few_rows_is_told():
    found = too_small(judged(60, 0.5), "regression", 0, "rmse")
    assert [f.id for f in found] == ["held-out-too-small"]
    evidence = found[0].evidence
    assert evidence["high"] - evidence["low"] > evidence["base_rate"] - evidence["value"]
    assert evidence["needed"] > 60


@pytest.mark.parametrize(("rows", "signal"), [(5000, 0.5), (200, 3.0)])
def test_enough_rows_or_a_large_gain_are_silent(rows, signal):
    assert too_small(judged(rows, signal), "regression", 0, "rmse") == []


def test_a_model_that_gains_nothing_is_left_to_others():
    assert too_small(judged(60, 0.0), "regression", 0, "rmse") == []


def test_areas_are_judged_from_one_half():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    label = (rng.random(60) < 1 / (1 + np.exp(-0.8 * x))).astype(np.int64)
    few = Judged(np.arange(60), 1 / (1 + np.exp(-x)), label, np.ones(60))
    assert [f.evidence["base_rate"] for f in too_small(few, "binary", 2, "roc_auc")] == [0.5]
