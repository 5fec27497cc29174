"""Content keys: equal rows and only those are equal, whatever the order of columns and the batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import ColumnError
from justright.split import content_key

NUMBER = st.one_of(st.sampled_from([0.0, -0.0, 1.0, np.nan]), st.floats(allow_infinity=False))
TEXT = st.one_of(st.none(), st.sampled_from(["", "a", "b"]), st.text("abc", max_size=3))
ROWS = st.lists(st.tuples(NUMBER, NUMBER, TEXT, TEXT), min_size=1, max_size=20)


def coded(texts):
    distinct = list(dict.fromkeys(texts))
    return np.array([distinct.index(t) for t in texts], np.int32), distinct


def table(rows):
    x, y, a, b = zip(*rows, strict=True)
    return {"x": np.array(x), "y": np.array(y), "a": coded(a), "b": coded(b)}


def same(row):
    """What makes rows equal: NaN equals NaN and -0.0 equals 0.0."""
    return tuple("nan" if v != v else v for v in row)


@given(ROWS)
def test_equal_keys_exactly_for_equal_rows(rows):
    keys = content_key(table(rows)).tolist()
    assert len(set(zip(keys, map(same, rows), strict=True))) == len(set(keys)) == len(set(map(same, rows)))


@given(ROWS, st.permutations(["x", "y", "a", "b"]), st.integers(0, 20))
def test_column_order_and_batch_borders_do_not_matter(rows, order, cut):
    whole = content_key(table(rows))
    columns = table(rows)
    assert np.array_equal(content_key({name: columns[name] for name in order}), whole)
    parts = [content_key(table(part)) for part in (rows[:cut], rows[cut:]) if part]
    assert np.array_equal(np.concatenate(parts), whole)


def test_values_in_swapped_columns_are_other_rows():
    one, two = np.array([1.0]), np.array([2.0])
    keys = [
        content_key({"x": one, "y": two})[0],
        content_key({"x": two, "y": one})[0],
        content_key({"x": one, "z": two})[0],
        content_key({"x": one})[0],
        content_key({"x": one, "y": np.array([np.nan])})[0],
        content_key({"x": coded(["1"]), "y": two})[0],
    ]
    assert len(set(keys)) == len(keys)


def test_equal_columns_do_not_cancel():
    keys = content_key({"x": np.arange(100.0), "y": np.arange(100.0)})
    assert np.unique(keys).shape == (100,)


def test_missing_text_differs_from_the_empty_one():
    keys = content_key({"a": coded([None, ""])})
    assert keys[0] != keys[1]


def test_many_rows_do_not_collide():
    grid = np.meshgrid(np.arange(500.0), np.arange(400.0))
    assert np.unique(content_key({"x": grid[0].ravel(), "y": grid[1].ravel()})).shape == (200_000,)


def test_the_numbers_given_are_not_written():
    numbers = np.array([-0.0, np.nan, 2.0])
    content_key({"x": numbers})
    assert np.signbit(numbers[0])
    assert np.isnan(numbers[1])


def test_the_definition_is_fixed():
    # A change of these words would move rows between the parts and folds of stored runs.
    keys = content_key({"x": np.array([1.5, np.nan]), "a": coded(["p", None])})
    assert keys.tolist() == [6556229064726218607, 18072037447492378411]


def test_errors():
    with pytest.raises(ColumnError, match="without columns"):
        content_key({})
    with pytest.raises(ColumnError, match="2 values in column 'y'"):
        content_key({"x": np.zeros(3), "y": np.zeros(2)})
