"""From rows to an additive model: folds, members, crosses by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from justright.errors import ColumnError
from justright.estimators import CrossedRegressor
from justright.estimators.crossed_fitting import columns_of, crosses_of
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.schema import Column

PLAN = FeaturePlan(
    PlanData(
        tuple(
            NumericFeature(Column(name, "numeric", "number"), 0.0, 1.0, -1.0, 1.0) for name in ("x0", "x2")
        ),
        (),
        (),
        None,
    )
)
NAMES = ["x0", "x1", "x2"]  # x1 tells no rows apart: the plan lacks it


def test_a_fixed_penalty_searches_nothing() -> None:
    assert crosses_of(CrossedRegressor(), PLAN, NAMES).search
    assert not crosses_of(CrossedRegressor(penalty=1.0), PLAN, NAMES).search
    assert not crosses_of(CrossedRegressor(crosses=None), PLAN, NAMES).search
    assert not crosses_of(CrossedRegressor(crosses=[(0, 2)]), PLAN, NAMES).search


@pytest.mark.parametrize("pairs", [[(0, 2)], [(2, 0)], [("x2", 0)], [(0, 2), (2, 0)], [(0, 2), (0, 1)]])
def test_pairs_by_name_or_number_each_once(pairs: Any) -> None:
    assert crosses_of(CrossedRegressor(crosses=pairs), PLAN, NAMES).pairs == (("x0", "x2"),)


def test_columns_that_are_not_there_are_refused() -> None:
    for pairs in ([(0, 3)], [(-1, 0)], [("x0", "x9")]):
        with pytest.raises(ColumnError, match="allowed"):
            crosses_of(CrossedRegressor(crosses=pairs), PLAN, NAMES)
        with pytest.raises(ColumnError, match="allowed"):
            crosses_of(CrossedRegressor(products=pairs), PLAN, NAMES)


def test_a_product_with_itself_is_a_square() -> None:
    assert crosses_of(CrossedRegressor(products=[(0, 0)]), PLAN, NAMES).products == (("x0", "x0"),)


def test_members_follow_the_folds() -> None:
    X = np.random.default_rng(0).normal(size=(200, 2))
    model = CrossedRegressor(cv=3, crosses=None).fit(X, X[:, 0])
    assert sorted({row.member for row in model.history_.rows}) == [0, 1, 2, 3]
    assert columns_of(model, None) == ["x0", "x1"] and columns_of(model, ("a", "b")) == ["a", "b"]
    other = CrossedRegressor(cv=3, crosses=None, random_state=1).fit(X, X[:, 0])
    assert other.history_.rows[1].validation != model.history_.rows[1].validation


def test_every_fold_of_many_is_judged() -> None:
    X = np.random.default_rng(1).normal(size=(500, 1))
    model = CrossedRegressor(cv=60, max_iter=2, crosses=None)
    with pytest.warns(UserWarning, match="max_iter"):
        model.fit(X, X[:, 0])
    judged = [row.validation for row in model.history_.rows if row.member > 0]
    assert len(judged) >= 60 and all(value is not None and np.isfinite(value) for value in judged)
