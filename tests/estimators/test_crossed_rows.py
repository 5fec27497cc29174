"""Rows of the additive models: canonical order, repetitions, columns that say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from justright.errors import ColumnError, JustrightWarning
from justright.estimators.columns import Table, of_frame, of_matrix
from justright.estimators.crossed_rows import Rows, collapse, keys_in_order, telling


def ordered(X: npt.NDArray[Any]) -> Table:
    return telling(of_matrix(X), np.ones(len(X)))


def test_columns_are_ordered_by_content() -> None:
    X = np.random.default_rng(0).normal(size=(50, 4))
    X[:, 3] = 1.0
    names = [column.name for column in ordered(X).columns]
    turned = [column.name for column in ordered(X[:, [3, 2, 0, 1]]).columns]
    assert len(names) == 3 and "x3" not in names
    assert [{"x0": "x2", "x1": "x3", "x2": "x1"}[name] for name in names] == turned
    np.testing.assert_array_equal(keys_in_order(ordered(X)), keys_in_order(ordered(X[:, [3, 2, 0, 1]])))


def test_a_gap_tells_rows_apart_and_one_column_always_stays() -> None:
    X = np.ones((6, 3))
    X[2, 1] = np.nan
    assert [column.name for column in ordered(X).columns] == ["x1"]
    assert [column.name for column in ordered(np.ones((6, 3))).columns] == ["x0"]
    assert [column.name for column in ordered(np.full((6, 2), np.nan)).columns] == ["x0"]


def test_equal_rows_become_one() -> None:
    X = np.array([[1.0], [2.0], [1.0], [1.0], [3.0]])
    table = of_matrix(X)
    encoded = np.array([0.5, 0.5, 0.5, -0.5, 0.5], np.float32)
    rows = Rows(
        table, encoded, np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.full(5, -2, np.int8), keys_in_order(table)
    )
    made = collapse(rows)
    numbers = made.table.values["x0"].numbers
    assert numbers is not None
    found = sorted(zip(numbers.tolist(), made.encoded.tolist(), made.weight.tolist(), strict=True))
    assert found == [(1.0, -0.5, 4.0), (1.0, 0.5, 4.0), (2.0, 0.5, 2.0), (3.0, 0.5, 5.0)]
    other = collapse(
        Rows(table.take(np.arange(5)[::-1]), encoded[::-1], rows.weight[::-1], rows.fold, rows.key[::-1])
    )
    np.testing.assert_array_equal(made.weight, other.weight)
    np.testing.assert_array_equal(made.key, other.key)


def test_rows_of_different_folds_stay_apart() -> None:
    table = of_matrix(np.ones((4, 1)))
    fold = np.array([0, 0, 1, 1], np.int8)
    made = collapse(Rows(table, np.zeros(4, np.int32), np.ones(4), fold, keys_in_order(table)))
    assert sorted(made.fold.tolist()) == [0, 1] and made.weight.tolist() == [2.0, 2.0]


def test_what_names_rows_or_is_text_is_set_aside() -> None:
    pd = pytest.importorskip("pandas")
    words = [
        "good house near the old sea",
        "bad flat far from any town at all",
        "a large one with some rooms",
    ]
    text = [f"{words[i % 3]} number {i} of {i * i}" for i in range(300)]
    frame = pd.DataFrame({"note": text, "size": np.arange(300.0)})
    table = of_frame(frame, ["note", "size"])
    with pytest.warns(JustrightWarning, match="note"):
        assert [column.name for column in telling(table, np.ones(300)).columns] == ["size"]
    only = Table(tuple(c for c in table.columns if c.name == "note"), {}, 300, ("note",))
    if only.columns:
        with pytest.raises(ColumnError, match="LinearRegressor"):
            telling(only, np.ones(300))
