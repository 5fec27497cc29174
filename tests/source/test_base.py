import numpy as np
import pyarrow as pa
import pytest

from justright.errors import ColumnError, StorageError, TableError
from justright.schema import BLOCK_ROWS
from justright.source import Place, Source, open_source
from justright.source.base import check_names, check_request, slices

TABLE = {"a": [1, 2], "b": ["x", "y"]}


def test_every_form_fulfils_the_role(write, tmp_path):
    import sqlite3

    import pyarrow.feather
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table(TABLE), tmp_path / "t.parquet")
    pyarrow.feather.write_feather(pa.table(TABLE), tmp_path / "t.arrow")
    with sqlite3.connect(tmp_path / "t.sqlite") as connection:
        connection.execute("CREATE TABLE t (a, b)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x"), (2, "y")])
    connection.close()
    paths = [
        write("a,b\n1,x\n2,y\n"),
        write('{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', "t.jsonl"),
        tmp_path / "t.parquet",
        str(tmp_path / "t.arrow"),
        tmp_path / "t.sqlite",
    ]
    for table in [*paths, TABLE]:
        source = open_source(table)
        assert isinstance(source, Source)
        assert source.names == ("a", "b")
        assert source.rows in (None, 2)
        assert {"format", "typed"} <= set(source.description)
        for _ in range(2):
            batches = list(source.batches(["b"]))
            assert [v for batch in batches for v in batch.to_pydict()["b"]] == ["x", "y"]
        assert source.problems == ()
        assert source.n_problems == 0
        assert [place.number for place in source.locate([0, 1])][1] - source.locate([0])[0].number == 1
        with pytest.raises(ColumnError, match="column='c'"):
            list(source.batches(["c"]))
        query = open_source(table, sql="SELECT b FROM t ORDER BY b DESC" if "sqlite" in str(table) else
                            "SELECT b FROM rows ORDER BY b DESC")  # fmt: skip
        assert [b.to_pydict() for b in query.batches()] == [{"b": ["y", "x"]}]


def test_a_source_is_returned_as_it_is():
    source = open_source(TABLE)
    assert open_source(source) is source


def test_a_place_says_where():
    assert str(Place("a.csv", 3, "line")) == "a.csv line 3"
    assert str(Place("", 3, "row")) == "row 3"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "without columns"),
        (["a", " "], "a blank name for column 2 of 2"),
        (["a", "b", "a"], "the column name 'a' twice"),
    ],
)
def test_names_that_cannot_be_told_apart(names, message):
    with pytest.raises(TableError, match=message):
        check_names(names, "t")


def test_a_request_keeps_its_order_and_offers_close_names():
    assert check_request(["b", "a"], ["a", "b"], "t") == ["b", "a"]
    with pytest.raises(ColumnError, match="one of: price, size"):
        check_request(["prise"], ["size", "price"], "t")


def test_slices_are_whole_and_small():
    batch = pa.record_batch({"a": np.arange(2 * BLOCK_ROWS + 5)})
    parts = list(slices(batch))
    assert [part.num_rows for part in parts] == [BLOCK_ROWS, BLOCK_ROWS, 5]
    assert pa.Table.from_batches(parts).column("a").to_pylist()[-1] == 2 * BLOCK_ROWS + 4
    assert list(slices(batch.slice(0, 0))) == []


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "sales.csv").write_text("a\n1\n")
    with pytest.raises(StorageError, match=r"does not exist.*did you mean '.*sales.csv'"):
        open_source(tmp_path / "sale.csv")
    with pytest.raises(StorageError, match="check the folder"):
        open_source(tmp_path / "nowhere" / "t.csv")
