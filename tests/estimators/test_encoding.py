"""Tables become Blocks: no column of numbers is lost, weights keep their digits."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from justright.errors import ColumnError
from justright.estimators.columns import of_frame, of_matrix
from justright.estimators.encoding import blocks_of, coefficient_names, keys_of, plan_of, scale_target
from justright.features.target import TargetFeature
from justright.schema import BLOCK_ROWS, Column, Target

TARGET = TargetFeature(Target(Column("y", "numeric", "number"), "regression"))


def test_columns_are_standardised_by_weight() -> None:
    X = np.random.default_rng(0).normal(5, 3, (50, 2))
    weight = np.random.default_rng(1).integers(1, 4, 50).astype(float)
    plan = plan_of(of_matrix(X), weight, TARGET)
    repeated = X.repeat(weight.astype(int), axis=0)
    assert [f.centre for f in plan.data.numeric] == pytest.approx(repeated.mean(axis=0))
    assert [f.scale for f in plan.data.numeric] == pytest.approx(repeated.std(axis=0))


def test_a_column_without_spread_is_zero_whatever_its_rounding() -> None:
    X = np.c_[np.full(40, 0.1), 1e9 + np.random.default_rng(0).normal(size=40) * 1e-3, np.arange(40.0)]
    table = of_matrix(X)
    plan = plan_of(table, np.ones(40), TARGET)
    assert [np.isinf(f.scale) for f in plan.data.numeric] == [True, True, False]
    (block,) = blocks_of(
        table, plan, np.zeros(40, np.float32), np.ones(40), np.zeros(40, np.int8), keys_of(table)
    )
    assert (block.numeric[:, :2] == 0).all()
    assert block.numeric[:, 2].std() == pytest.approx(1)


@pytest.mark.parametrize("factor", [1e-12, 1.0, 3.0, 1e12])
def test_weights_keep_their_ratios(factor: float) -> None:
    table = of_matrix(np.arange(6.0)[:, None])
    weight = np.array([1.0, 2, 3, 4, 5, 6]) * factor
    (block,) = blocks_of(
        table,
        plan_of(table, weight, TARGET),
        np.zeros(6, np.float32),
        weight,
        np.zeros(6, np.int8),
        keys_of(table),
    )
    assert block.weight / block.weight[0] == pytest.approx([1, 2, 3, 4, 5, 6], rel=3e-7)
    assert 0.5 <= block.weight.mean() <= 2


def test_large_tables_are_cut_into_blocks() -> None:
    rows = BLOCK_ROWS + 10
    table = of_matrix(np.arange(float(rows))[:, None])
    blocks = blocks_of(
        table,
        plan_of(table, np.ones(rows), TARGET),
        np.zeros(rows, np.float32),
        np.ones(rows),
        np.zeros(rows, np.int8),
        keys_of(table),
    )
    assert [block.rows for block in blocks] == [BLOCK_ROWS, 10]


def test_equal_rows_have_equal_keys() -> None:
    X = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [-0.0, 0.0], [0.0, -0.0]])
    key = keys_of(of_matrix(X))
    assert key[0] == key[2] != key[1]
    assert key[3] == key[4]


def test_the_target_is_scaled_but_for_counts_and_constants() -> None:
    y, one = np.array([1.0, 3.0]), np.ones(2)
    assert (scale_target(y, one, own_unit=False).centre, scale_target(y, one, own_unit=False).scale) == (
        2.0,
        1.0,
    )
    assert scale_target(y, one, own_unit=True) == TARGET
    assert scale_target(np.full(2, 7.0), one, own_unit=False).scale == 1.0
    with pytest.raises(ColumnError, match=r"y with -1e\+200"):
        scale_target(np.array([0.0, -1e200]), one, own_unit=False)


def test_every_coefficient_has_a_name() -> None:
    frame = pl.DataFrame({"size": [1.0, None, 2.0] * 6, "city": ["Oslo", "Rome", "Oslo"] * 6})
    plan = plan_of(of_frame(frame, frame.columns), np.ones(18), TARGET)
    assert coefficient_names(plan) == [
        "size",
        "size is missing",
        "city=(rare or never seen)",
        "city=(missing)",
        "city=Oslo",
        "city=Rome",
    ]
