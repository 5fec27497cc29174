"""What the checks share."""

from __future__ import annotations

import numpy as np
import pytest


def test_gain_is_r2_on_the_judged_rows(made):
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    look = made({"x": x, "y": 3.0 * x + rng.normal(size=500)}).look
    sample = look.sample
    away = sample.target - sample.target.mean()
    error = sample.target - look.additive[:, 0]
    assert look.gain(look.additive) == pytest.approx(1.0 - (error @ error) / (away @ away))


def test_best_is_the_better_of_model_and_cheap_one(made):
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    look = made({"x": x, "y": 3.0 * x + rng.normal(size=500)}).look
    worse = look.additive + 5.0
    assert look.gain(look.best) >= look.gain(worse)


def test_parts_of_a_date_are_siblings(made):
    days = [str(day) for day in np.datetime64("2021-01-01") + np.arange(500)]
    rng = np.random.default_rng(0)
    look = made({"day": days, "x": rng.normal(size=500), "y": rng.normal(size=500)}).look
    own = look.siblings(0)
    assert {look.sample.features[i].column for i in own} == {look.sample.features[0].column}
    assert len({f.column for f in look.sample.features}) == 2
