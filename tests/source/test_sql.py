import sqlite3

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import TableError
from justright.source import open_source
from justright.source.sql import SqliteSource, query_source


@pytest.fixture
def database(tmp_path):
    def _database(**tables):
        path = tmp_path / "t.sqlite"
        with sqlite3.connect(path) as connection:
            for name, rows in tables.items():
                connection.execute(f'CREATE TABLE "{name}" (a, b)')
                connection.executemany(f'INSERT INTO "{name}" VALUES (?, ?)', rows)
        connection.close()
        return path

    return _database


def test_a_query_over_text_sees_numbers_and_keeps_leading_zeros(write, read):
    path = write("zip,price,n,city\n01234,9.5,9,Rome\n98765,10.25,10,Oslo\n00001,,2,\n")
    source = open_source(
        path, sql="SELECT zip, n + 1 AS m, price FROM rows WHERE price > 9.6 OR n < 5 ORDER BY n;"
    )
    assert read(source) == {"zip": ["00001", "98765"], "m": [3, 11], "price": [None, 10.25]}
    assert source.description["typed"] is True
    assert source.description["source"]["format"] == "CSV"


def test_a_query_over_parquet_and_memory(tmp_path, read):
    pq.write_table(pa.table({"g": ["x", "y", "x"], "v": [1, 2, 3]}), tmp_path / "t.parquet")
    sql = "SELECT g, sum(v)::BIGINT AS s FROM rows GROUP BY g ORDER BY g"
    expected = {"g": ["x", "y"], "s": [4, 2]}
    assert read(open_source(tmp_path / "t.parquet", sql=sql)) == expected
    assert read(open_source({"g": ["x", "y", "x"], "v": [1, 2, 3]}, sql=sql)) == expected


def test_a_query_streams_and_can_be_read_again():
    source = open_source({"a": range(200_000)}, sql="SELECT a * 2 AS b FROM rows")
    for _ in range(2):
        batches = list(source.batches())
        assert max(batch.num_rows for batch in batches) <= 65_536
        table = pa.Table.from_batches(batches)
        assert table.column("b").to_pylist() == list(range(0, 400_000, 2))


def test_a_word_late_in_a_column_of_numbers_is_named(write):
    rows = "".join(f"{i},x\n" for i in range(20_000))
    source = open_source(write("a,b\n" + rows + "late,x\n"), sql="SELECT a + 1 AS c FROM rows")
    with pytest.raises(TableError, match="late"):
        list(source.batches())


@pytest.mark.parametrize(
    "sql",
    ["SELECT nope FROM rows", "SELECT", "CREATE TABLE x (a INT)", "SELECT 1; SELECT 2", "DROP VIEW rows"],
)
def test_wrong_queries(sql):
    with pytest.raises(TableError, match="sql="):
        query_source(open_source({"a": [1]}), sql)


def test_sqlite_values_of_any_type_are_texts(database, read):
    path = database(t=[(1, "x"), (2.5, None), ("01", b"ab")])
    source = SqliteSource(path, "")
    assert read(source) == {"a": ["1", "2.5", "01"], "b": ["x", None, "ab"]}
    assert [batch.schema.names for batch in source.batches(["b", "a"])] == [["b", "a"]]


def test_sqlite_asks_which_table(database, tmp_path):
    with pytest.raises(TableError, match="2 tables.*s, t.*SELECT \\* FROM"):
        SqliteSource(database(t=[(1, 2)], s=[(1, 2)]), "")
    with pytest.raises(TableError, match="no such column: q"):
        SqliteSource(tmp_path / "t.sqlite", "SELECT q FROM t")
    with pytest.raises(TableError, match="without rows"):
        SqliteSource(tmp_path / "t.sqlite", "SELECT * FROM t WHERE a > 5")


def test_sqlite_is_opened_for_reading_only(database, write):
    path = database(t=[(1, 2)])
    with pytest.raises(TableError, match="readonly|sql="):
        SqliteSource(path, "DELETE FROM t")
    assert SqliteSource(path, "").names == ("a", "b")
    with pytest.raises(TableError, match="no SQLite file"):
        SqliteSource(write(b"not a database" * 100, "x.sqlite"), "")
