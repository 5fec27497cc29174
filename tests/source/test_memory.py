import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from justright.errors import TableError
from justright.source import open_source


def test_pandas(read):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "int": [1, 2, 3],
            "float": [0.5, np.nan, 1.0],
            "str": ["a", None, "c"],
            "nullable": pandas.array([1, None, 3], dtype="Int64"),
            "flag": pandas.array([True, None, False], dtype="boolean"),
            "category": pandas.Categorical(["u", None, "u"], categories=["z", "u"]),
            "object": pandas.Series(["1", 2, None], dtype=object),
            "when": pandas.to_datetime(["2024-01-31", None, "2024-02-01"]),
            7: [1, 2, 3],
        }
    )
    source = open_source(frame)
    assert source.names[-1] == "7"
    assert source.description == {"format": "pandas data frame", "typed": True}
    found = read(source)
    assert found["float"] == [0.5, None, 1.0]
    assert found["str"] == ["a", None, "c"]
    assert found["nullable"] == [1, None, 3]
    assert found["flag"] == [True, None, False]
    assert found["category"] == ["u", None, "u"]
    assert found["object"] == ["1", "2", None]
    assert found["when"] == [dt.datetime(2024, 1, 31), None, dt.datetime(2024, 2, 1)]


def test_a_pandas_index_is_no_column():
    pandas = pytest.importorskip("pandas")
    assert open_source(pandas.DataFrame({"a": [1, 2]}, index=["x", "y"])).names == ("a",)
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(TableError, match="'a' twice"):
        open_source(twice)


def test_polars_is_read_without_a_copy(read):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": np.arange(5.0), "b": ["x", None, "y", "x", "z"]})
    frame = frame.with_columns(polars.col("b").cast(polars.Categorical).alias("c"))
    source = open_source(frame)
    assert read(source)["b"] == read(source)["c"] == ["x", None, "y", "x", "z"]
    (batch,) = source.batches(["a"])
    mine = np.frombuffer(batch.column(0).buffers()[1], np.float64)
    assert mine.ctypes.data == frame["a"].to_numpy().ctypes.data
    with pytest.raises(TableError, match="collect"):
        open_source(frame.lazy())


def test_arrow_in_all_its_forms(read):
    table = pa.table({"a": [1, 2, 3]})
    batch = table.to_batches()[0]
    for form in (table, batch, pa.RecordBatchReader.from_batches(table.schema, [batch])):
        source = open_source(form)
        assert source.rows == 3
        assert read(source) == read(source) == {"a": [1, 2, 3]}


def test_anything_with_the_arrow_interface(read):
    class Foreign:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table({"a": ["x"]}).__arrow_c_stream__(requested_schema)

    assert read(open_source(Foreign())) == {"a": ["x"]}


def test_numpy(read):
    assert read(open_source(np.arange(4).reshape(2, 2))) == {"x0": [0, 2], "x1": [1, 3]}
    records = np.array([(1, "a"), (2, "b")], dtype=[("n", "i8"), ("s", "U1")])
    assert read(open_source(records)) == {"n": [1, 2], "s": ["a", "b"]}
    assert read(open_source(np.array([["a", 1], ["b", 2]], object))) == {"x0": ["a", "b"], "x1": [1, 2]}
    with pytest.raises(TableError, match=r"shape \(3,\)"):
        open_source(np.arange(3))


def test_rows_as_dicts_have_all_names_in_order_of_appearance(read):
    rows = [{"a": 1, "b": "x"}, {"b": None, "c": dt.date(2024, 1, 31)}, {"a": 2.5}]
    assert read(open_source(rows)) == {
        "a": [1.0, None, 2.5],
        "b": ["x", None, None],
        "c": [None, dt.date(2024, 1, 31), None],
    }


def test_columns_of_mixed_values_are_their_texts(read):
    found = read(open_source({"a": [1, "01", None, 2.0, True], "b": [2**70, 1, 2, 3, 4]}))
    assert found == {"a": ["1", "01", None, "2", "true"], "b": [str(2**70), "1", "2", "3", "4"]}
    assert read(open_source({"a": [Decimal("1.50"), None]})) == {"a": [Decimal("1.50"), None]}


def test_a_time_of_day_is_not_cut_off_by_a_date_before_it(read):
    values = [dt.date(2024, 1, 31), dt.datetime(2024, 2, 1, 8, 30), None]
    assert read(open_source({"d": values}))["d"][1] == values[1]
    pandas = pytest.importorskip("pandas")
    assert read(open_source(pandas.DataFrame({"d": values}, dtype=object)))["d"][1] == values[1]


def test_types_of_pandas_that_arrow_does_not_have(read):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "period": pandas.period_range("2024-01", periods=3, freq="M"),
            "interval": pandas.IntervalIndex.from_breaks(range(4)),
            "sparse": pandas.arrays.SparseArray([0, 0, 2]),
            "complex": [1j, 2j, 3j],
        }
    )
    assert read(open_source(frame)) == {
        "period": ["2024-01", "2024-02", "2024-03"],
        "interval": ["(0, 1]", "(1, 2]", "(2, 3]"],
        "sparse": [0, 0, 2],
        "complex": ["1j", "2j", "3j"],
    }


def test_types_of_polars_that_arrow_does_not_have():
    polars = pytest.importorskip("polars")
    with pytest.raises(TableError, match=r"a column that Arrow cannot hold.*polars DataFrame"):
        open_source(polars.DataFrame({"a": polars.Series([2**100], dtype=polars.Int128)}))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (5, r"table of type builtins.int; allowed: a path, a data frame"),
        (None, "table of type builtins.NoneType"),
        ({"a": [1], "b": [1, 2]}, r"columns of different lengths: \{'a': 1, 'b': 2\}"),
        ([], "without columns"),
        ({}, "without columns"),
        ({"a": []}, "without rows"),
        ([1, 2], "row 1 of type int"),
        ({"": [1]}, "a blank name"),
    ],
)
def test_what_is_no_table(table, message):
    with pytest.raises(TableError, match=message):
        open_source(table)
