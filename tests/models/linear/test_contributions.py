"""Contributions of a linear model: they sum to the margin, and are weight times (value - mean)."""

from __future__ import annotations

import numpy as np
import pytest

from justright.features.plan import FeaturePlan
from justright.models.linear.contributions import contributions
from justright.models.linear.exact import ExactLinear
from justright.models.linear.forward import margins
from justright.schema import Member


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax", "poisson"])
def test_intercept_and_terms_are_the_margin(problem, minimised, loss):
    outputs = 3 if loss == "softmax" else 1
    spec, blocks = problem(p=2, fields=(4, 3), slots=7, loss=loss, outputs=outputs, missing=True)
    state, _ = minimised(spec, blocks, (Member(-1, 0, 0.01),))
    front, arrays = ExactLinear().export(spec, state, 0)
    plan = FeaturePlan.from_data(spec.plan.to_data())
    terms, intercept = contributions(front, arrays, plan, blocks[0])
    assert terms.shape == (blocks[0].rows, 2 + 2 + 1, outputs)
    np.testing.assert_allclose(intercept + terms.sum(axis=1), margins(front, arrays, blocks[0]), atol=1e-12)


def test_weight_times_value_less_mean(problem):
    spec, blocks = problem(p=1, fields=(4,), n=30)
    front = {"numeric": 1, "indicators": [], "sizes": [4], "tokens": 0, "centre": 5.0, "scale": 2.0}
    arrays = {"weights": np.array([[3.0], [0.0], [1.0], [2.0], [5.0]]), "bias": np.array([0.5])}
    terms, intercept = contributions(front, arrays, spec.plan, blocks[0])
    shares = spec.plan.data.categorical[0].shares()
    mean = 2.0 * float(shares @ arrays["weights"][1:, 0])
    np.testing.assert_allclose(terms[:, 0, 0], 6.0 * blocks[0].numeric[:, 0].astype(float))
    np.testing.assert_allclose(terms[:, 1, 0], 2.0 * arrays["weights"][1 + blocks[0].codes[:, 0], 0] - mean)
    assert intercept[0] == pytest.approx(5.0 + 1.0 + mean)
