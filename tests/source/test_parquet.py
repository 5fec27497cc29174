import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import TableError
from justright.kinds import infer_schema
from justright.schema import BLOCK_ROWS
from justright.source import open_source


def _parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def test_a_folder_is_read_in_the_order_of_names(tmp_path, read):
    _parquet(tmp_path / "b.parquet", x=[3], y=["c"])
    _parquet(tmp_path / "a.parquet", x=[1, 2], y=["a", "b"])
    _parquet(tmp_path / "sub" / "c.pq", y=["d"], x=[4])
    _parquet(tmp_path / "_temporary" / "d.parquet", z=[1])
    (tmp_path / "_SUCCESS").write_text("")
    source = open_source(tmp_path)
    assert source.rows == 4
    assert read(source) == {"x": [1, 2, 3, 4], "y": ["a", "b", "c", "d"]}
    assert [str(place) for place in source.locate([1, 2])] == [
        f"{tmp_path / 'a.parquet'} row 2",
        f"{tmp_path / 'b.parquet'} row 1",
    ]
    assert "differences" not in source.description


def test_numbers_of_another_width_are_widened_and_said(tmp_path, read):
    _parquet(tmp_path / "a.parquet", x=pa.array([1], pa.int32()))
    _parquet(tmp_path / "b.parquet", x=pa.array([2.5], pa.float64()))
    source = open_source(tmp_path)
    assert read(source) == {"x": [1.0, 2.5]}
    (said,) = source.description["differences"]
    assert "b.parquet: x is double, not int32; read as double" in said


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"x": ["a"]}, r"column 'x' of type string, which is int64 in .*a.parquet"),
        ({"y": [1]}, r"missing \['x'\], more \['y'\] \(in .*b.parquet\)"),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path, other, message):
    _parquet(tmp_path / "a.parquet", x=[1])
    _parquet(tmp_path / "b.parquet", **other)
    with pytest.raises(TableError, match=message):
        open_source(tmp_path)


def test_batches_are_small_whatever_the_row_groups(tmp_path):
    _parquet(tmp_path / "a.parquet", x=range(BLOCK_ROWS + 10), y=range(BLOCK_ROWS + 10))
    batches = list(open_source(tmp_path / "a.parquet").batches(["y", "x"]))
    assert max(batch.num_rows for batch in batches) <= BLOCK_ROWS
    assert batches[0].schema.names == ["y", "x"]
    assert sum(batch.num_rows for batch in batches) == BLOCK_ROWS + 10


TEXTS = ["b", None, "a", "", "b ", "caf\u00e9", "none"]


@pytest.mark.parametrize("groups", [1, 7, 70, 1000])
def test_text_stays_encoded_and_is_what_was_written(tmp_path, groups):
    columns = {"x": list(range(500)), "c": (TEXTS * 72)[:500], "d": [f"v{i % 61}" for i in range(500)]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=groups)
    (batch,) = open_source(tmp_path / "a.parquet").batches(["c", "x", "d"])
    assert [pa.types.is_dictionary(column.type) for column in batch.columns] == [True, False, True]
    assert batch.to_pydict() == columns
    assert set(batch.column("c").dictionary.to_pylist()) <= {text for text in TEXTS if text is not None}


@pytest.mark.parametrize("groups", [1000, BLOCK_ROWS, BLOCK_ROWS + 7, 3 * BLOCK_ROWS])
def test_batches_are_cut_alike_whatever_the_row_groups(tmp_path, groups):
    rows = 2 * BLOCK_ROWS + 11
    texts = [f"t{i % 997}" if i % 5 else None for i in range(rows)]
    pq.write_table(pa.table({"x": range(rows), "c": texts}), tmp_path / "a.parquet", row_group_size=groups)
    batches = list(open_source(tmp_path / "a.parquet").batches())
    assert [batch.num_rows for batch in batches] == [BLOCK_ROWS, BLOCK_ROWS, 11]
    assert [value for batch in batches for value in batch.column("c").to_pylist()] == texts
    assert [value for batch in batches for value in batch.column("x").to_pylist()] == list(range(rows))


def test_a_file_whose_text_is_all_missing_is_text_too(tmp_path, read):
    _parquet(tmp_path / "a.parquet", x=[1, 2], c=["a", "b"])
    _parquet(tmp_path / "b.parquet", x=[3], c=pa.nulls(1))
    assert read(open_source(tmp_path)) == {"x": [1, 2, 3], "c": ["a", "b", None]}
    assert len({batch.schema for batch in open_source(tmp_path).batches()}) == 1
    (column,) = [c for c in infer_schema(open_source(tmp_path), target="x")[0].columns if c.name == "c"]
    assert column.form == "text"


def test_a_damaged_page_is_one_clear_error(tmp_path):
    path = _parquet(tmp_path / "a.parquet", x=list(range(10_000)))
    data = bytearray(path.read_bytes())
    data[200:4000] = bytes(3800)
    path.write_bytes(bytes(data))
    with pytest.raises(TableError, match=r"a damaged Parquet file.*a.parquet"):
        list(open_source(path).batches())


def test_folders_that_name_a_value_are_columns(tmp_path, read):
    _parquet(tmp_path / "year=2023" / "city=S%C3%A3o%20Paulo" / "a.parquet", x=[1, 2])
    _parquet(tmp_path / "year=2024" / "city=__HIVE_DEFAULT_PARTITION__" / "b.parquet", x=[3])
    expected = {"x": [1, 2, 3], "year": [2023, 2023, 2024], "city": ["S\u00e3o Paulo"] * 2 + [None]}
    for form in (tmp_path, str(tmp_path / "year=*" / "*" / "*.parquet")):
        source = open_source(form)
        assert read(source) == expected
        assert source.description["folders"] == ["year", "city"]
        assert [b.to_pydict() for b in source.batches(["city", "x"])][1] == {"city": [None], "x": [3]}
        assert sum(b.num_rows for b in source.batches(["year"])) == 3
    assert open_source(tmp_path / "year=2024" / "city=__HIVE_DEFAULT_PARTITION__" / "b.parquet").names == (
        "x",
    )
    _parquet(tmp_path / "c.parquet", x=[4])
    with pytest.raises(TableError, match=r"folders that name \['city', 'year'\], where .*c.parquet has \[\]"):
        open_source(tmp_path)


def test_a_stored_column_is_not_replaced_by_a_folder(tmp_path, read):
    _parquet(tmp_path / "x=9" / "a.parquet", x=[1])
    assert read(open_source(tmp_path)) == {"x": [1]}


def test_leading_zeros_of_folders_stay(tmp_path, read):
    _parquet(tmp_path / "month=01" / "a.parquet", x=[1])
    _parquet(tmp_path / "month=12" / "a.parquet", x=[1])
    assert read(open_source(tmp_path))["month"] == ["01", "12"]


def test_what_was_read_of_a_file_is_let_go_of(tmp_path):
    rng = np.random.default_rng(0)
    table = pa.table({f"x{i}": rng.random(65_536) for i in range(8)})
    with pq.ParquetWriter(tmp_path / "large.parquet", table.schema, compression="none") as writer:
        for _ in range(12):
            writer.write_table(table)
    most, size = 0, table.nbytes
    before = pa.total_allocated_bytes()
    for batch in open_source(str(tmp_path / "large.parquet")).batches():
        most = max(most, pa.total_allocated_bytes() - before)
        del batch
    assert most < 4 * size  # the file is 12 times as large
