"""What a linear model says agrees with its contributions and its standard errors."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.linear.contributions import contributions
from justright.models.linear.describe import describe_linear
from justright.models.linear.exact import ExactLinear, parameters
from justright.models.linear.sandwich import standard_errors


def told(problem, minimised, members_of, *, exact=True, **given):
    spec, blocks = problem(**given)
    members = members_of((0.5, 0.01))
    state, _ = minimised(spec, blocks, members)
    weights, bias = parameters(state)
    reading = describe_linear(spec, weights, bias, blocks, members, 1, exact=exact)
    return reading, spec, blocks, state


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax"])
def test_importance_is_the_mean_size_of_the_contributions(problem, minimised, members_of, loss):
    given = {"p": 2, "fields": (4,), "slots": 6, "loss": loss, "outputs": 3 if loss == "softmax" else 1}
    reading, spec, blocks, state = told(problem, minimised, members_of, missing=True, weighted=True, **given)
    front, arrays = ExactLinear().export(spec, state, 1)
    weight = np.concatenate([block.weight for block in blocks]).astype(float)
    parts = np.concatenate([contributions(front, arrays, spec.plan, block)[0] for block in blocks])
    wanted = (weight @ np.abs(parts).mean(axis=2)) / weight.sum()
    by_name = {term.name: term.importance for term in reading.terms}
    assert by_name["x0"].value == pytest.approx(wanted[0], rel=1e-4)
    assert by_name["t"].value == pytest.approx(wanted[3], rel=1e-4)
    assert all(one.low <= one.value <= one.high for one in by_name.values())
    assert len(reading.classes) in (0, 3)


def test_errors_are_those_of_the_covariance(problem, minimised, members_of):
    reading, spec, blocks, state = told(problem, minimised, members_of, p=2, fields=(4,), loss="logistic")
    weights, bias = parameters(state)
    found = standard_errors(spec, blocks, weights[:, :, 1], bias[:, 1], 0.01)
    terms = {term.name: term for term in reading.terms}
    for place in (0, 1):
        (one,) = terms[f"x{place}"].coefficients
        assert one.value == pytest.approx(weights[place, 0, 1], rel=1e-6)
        assert one.error == pytest.approx(np.sqrt(found.covariance[0, place, 0, place]), rel=1e-6)
        assert one.high - one.low == pytest.approx(2 * 1.97 * one.error, rel=0.01)
    share = np.bincount(np.concatenate([b.codes[:, 0] for b in blocks]), minlength=4) / 240
    contrast = np.zeros(len(weights))
    contrast[2:6] = -share
    contrast[2 + 3] += 1.0
    (level,) = [level for level in terms["c0"].levels if level.label == "b"]
    assert level.values[0] == pytest.approx(contrast @ weights[:, 0, 1], rel=1e-4)
    error = np.sqrt(contrast @ found.covariance[0, :, 0] @ contrast)
    assert level.high[0] - level.low[0] == pytest.approx(2 * 1.97 * error, rel=0.01)


def test_no_errors_away_from_the_optimum(problem, minimised, members_of):
    reading, *_ = told(problem, minimised, members_of, exact=False)
    assert not any(term.coefficients for term in reading.terms)
    assert all(level.low == level.high for term in reading.terms for level in term.levels)
