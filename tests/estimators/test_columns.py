"""X as columns: matrices are numbers, data frames keep what their types say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from justright.errors import ColumnError, RowError, TableError
from justright.estimators.columns import is_frame, of_frame, of_matrix, read_frame

ROWS = {
    "size": [1.5, None, 3.0, 4.0] * 5,
    "count": [1, 2, 3, 4] * 5,
    "flag": [True, False, True, None] * 5,
    "city": ["Oslo", "Rome", None, "Oslo"] * 5,
}


def frames() -> list[Any]:
    return [pd.DataFrame(ROWS), pl.DataFrame(ROWS), pa.table(ROWS)]


@pytest.mark.parametrize("frame", frames(), ids=["pandas", "polars", "arrow"])
def test_one_meaning_from_every_form(frame: Any) -> None:
    assert is_frame(frame)
    table = of_frame(frame, list(ROWS))
    assert {c.name: c.kind for c in table.columns} == {
        "size": "numeric",
        "count": "numeric",
        "flag": "numeric",
        "city": "categorical",
    }
    assert table.values["size"].numbers == pytest.approx([1.5, np.nan, 3, 4] * 5, nan_ok=True)
    assert table.values["count"].numbers == pytest.approx([1, 2, 3, 4] * 5)
    city = table.values["city"]
    assert [city.texts[code] for code in city.codes[:4]] == ["Oslo", "Rome", None, "Oslo"]
    assert table.rows == 20


def test_what_is_no_data_frame() -> None:
    for other in (np.zeros((2, 2)), [[1.0]], pd.Series([1.0]), pl.Series([1.0]), {"a": [1]}):
        assert not is_frame(other)


def test_types_of_numbers_and_categories() -> None:
    frame = pd.DataFrame(
        {
            "small": np.array([1, 2, 1, 2], np.int8),
            "half": np.array([1, 2, 1, 2], np.float32),
            "flag": [True, False, True, False],
            "code": pd.Categorical([7, 8, 7, 8]),
        }
    )
    table = of_frame(frame, list(frame.columns))
    assert [c.kind for c in table.columns] == ["numeric", "numeric", "numeric", "categorical"]
    assert table.values["flag"].numbers.tolist() == [1.0, 0.0, 1.0, 0.0]
    decimal = of_frame(pa.table({"price": [Decimal("1.25"), Decimal("2.50")]}), ["price"])
    assert decimal.values["price"].numbers.tolist() == [1.25, 2.5]


def test_constant_numbers_stay_and_constant_texts_go() -> None:
    table = of_frame(
        pl.DataFrame({"one": [1.0] * 9, "same": ["x"] * 9, "empty": [None] * 9}), ["one", "same", "empty"]
    )
    assert [c.name for c in table.columns] == ["one"]
    assert table.aside == ()


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(ColumnError, match="all name rows or never change"):
        of_frame(pl.DataFrame({"same": ["x"] * 9}), ["same"])
    with pytest.raises(TableError):
        of_frame(pd.DataFrame(index=range(3)), [])


def test_values_that_a_column_cannot_hold_are_named() -> None:
    with pytest.raises(RowError, match=r"x0=inf \(in row 1 of X, from 0\); allowed: a finite number"):
        of_frame(pd.DataFrame({"a": [1.0, np.inf]}), None)
    table = of_frame(pl.DataFrame({"a": [1.0, 2.0]}), ["a"])
    with pytest.raises(RowError, match="a='old'"):
        read_frame(pl.DataFrame({"a": ["1.5", "old"]}), table.columns, ["a"])
    read = read_frame(pl.DataFrame({"b": ["1.5", None]}), table.columns, ["a"])
    assert read.values["a"].numbers == pytest.approx([1.5, np.nan], nan_ok=True)


def test_matrices() -> None:
    table = of_matrix(np.arange(6.0).reshape(3, 2))
    assert [(c.name, c.kind) for c in table.columns] == [("x0", "numeric"), ("x1", "numeric")]
    assert table.names is None
    part = table.take(np.array([True, False, True]))
    assert part.rows == 2
    assert part.values["x1"].numbers.tolist() == [1.0, 5.0]
