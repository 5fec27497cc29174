"""Tables read as one: in order, by a mask, in types that hold the values of all."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import ColumnError, TableError
from justright.source import open_source
from justright.source.base import Place, Source
from justright.source.joined import JoinedSource


def values(source: Source, name: str) -> list[object]:
    return [value for batch in source.batches([name]) for value in batch.column(0).to_pylist()]


def test_rows_follow_each_other_and_masks_choose():
    tables = [open_source({"a": [1, 2, 3]}), open_source({"a": [4, 5]}), open_source({"a": [6]})]
    assert values(JoinedSource(tables), "a") == [1, 2, 3, 4, 5, 6]
    masks = [np.array([True, False, True]), None, np.array([False])]
    both = JoinedSource(tables, masks)
    assert isinstance(both, Source)
    assert (values(both, "a"), both.rows) == ([1, 3, 4, 5], 4)
    assert values(both, "a") == [1, 3, 4, 5]


def test_a_mask_holds_over_many_batches(tmp_path):
    count = 150_000
    pq.write_table(pa.table({"a": np.arange(count)}), tmp_path / "t.parquet", row_group_size=40_000)
    mask = np.arange(count) % 3 == 0
    both = JoinedSource([open_source(tmp_path / "t.parquet")], [mask])
    assert values(both, "a") == list(range(0, count, 3))


def test_columns_are_those_of_all():
    both = JoinedSource([open_source({"b": [1], "a": [2], "c": [3]}), open_source({"a": [4], "b": [5]})])
    assert both.names == ("b", "a")
    assert values(both, "b") == [1, 5]
    with pytest.raises(ColumnError, match="column='c'"):
        list(both.batches(["c"]))
    with pytest.raises(TableError, match="without a column in common"):
        JoinedSource([open_source({"a": [1]}), open_source({"b": [1]})])


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (pa.array([1], pa.int32()), pa.array([2], pa.int64()), [1, 2]),
        (pa.array([1], pa.int64()), pa.array([2.5]), [1.0, 2.5]),
        (pa.array(["x"]), pa.array(["y"], pa.large_string()), ["x", "y"]),
        (pa.array(["x"]).dictionary_encode(), pa.array(["y"]), ["x", "y"]),
        (pa.array([None], pa.null()), pa.array([7]), [None, 7]),
    ],
)
def test_types_that_go_together(first, second, found):
    both = JoinedSource([open_source(pa.table({"a": each})) for each in (first, second)])
    assert both.description["typed"] is True
    assert values(both, "a") == found


def test_other_types_are_read_as_text(write):
    typed = pa.table(
        {"a": [7, None], "b": [0.1, 1e12], "c": [True, False], "d": [datetime.date(2026, 1, 2), None]}
    )
    texts = open_source(write("a,b,c,d\n007,x,,2026-01-03\n"))
    both = JoinedSource([open_source(typed), texts])
    assert both.description["typed"] is False
    assert values(both, "a") == ["7", None, "007"]
    assert values(both, "b") == ["0.1", "1000000000000", "x"]
    assert values(both, "c") == ["true", "false", None]
    assert values(both, "d") == ["2026-01-02", None, "2026-01-03"]


def test_the_place_of_a_row_is_that_in_its_own_table(write):
    old, new = open_source(write("a\n1\n2\n3\n", "old.csv")), open_source(write("a\n4\n5\n6\n", "new.csv"))
    both = JoinedSource([old, new], [None, np.array([False, True, True])])
    assert both.rows is None
    assert values(both, "a") == ["1", "2", "3", "5", "6"]
    places = both.locate([1, 4])
    assert [(place.number, place.unit) for place in places] == [(3, "line"), (4, "line")]
    assert [place.file.rpartition("/")[2] for place in places] == ["old.csv", "new.csv"]
    assert isinstance(places[0], Place)


def test_bad_lines_are_those_of_all(write):
    old, new = (
        open_source(write("a,b\n1,2\n3\n", "old.csv")),
        open_source(write("a,b\n4,5,6\n7,8\n", "new.csv")),
    )
    both = JoinedSource([old, new])
    assert values(both, "a") == ["1", "7"]
    assert both.n_problems == 2
    assert [bad.line for bad in both.problems] == [3, 2]
