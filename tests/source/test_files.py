import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import StorageError, TableError
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


def test_a_pattern(tmp_path, read):
    _parquet(tmp_path / "x1.parquet", a=[1])
    _parquet(tmp_path / "x2.parquet", a=[2])
    _parquet(tmp_path / "y.parquet", b=[2])
    assert read(open_source(str(tmp_path / "x*.parquet"))) == {"a": [1, 2]}
    with pytest.raises(StorageError, match="no file matches"):
        open_source(str(tmp_path / "z*.parquet"))


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


def test_what_is_no_table(tmp_path, write):
    with pytest.raises(TableError, match="a folder of .parquet files"):
        open_source(tmp_path)
    with pytest.raises(TableError, match="ending '.docx'"):
        open_source(write(b"hello", "t.docx"))
    with pytest.raises(TableError, match="not a Parquet file, or a cut one"):
        open_source(write(b"PAR1 but not really", "t.parquet"))
    with pytest.raises(TableError, match="without rows"):
        open_source(_parquet(tmp_path / "e.parquet", x=pa.array([], pa.int64())))
    write("a\n1\n", "one.csv")
    write("a\n1\n", "two.csv")
    with pytest.raises(TableError, match="2 text files.*several files only of Parquet"):
        open_source(str(tmp_path / "*.csv"))
    with pytest.raises(TableError, match="files of several forms: parquet, text"):
        open_source(str(tmp_path / "[eo]*.*"))


def test_a_damaged_page_is_one_clear_error(tmp_path):
    path = _parquet(tmp_path / "a.parquet", x=list(range(10_000)))
    data = bytearray(path.read_bytes())
    data[200:4000] = bytes(3800)
    path.write_bytes(bytes(data))
    with pytest.raises(TableError, match=r"a damaged Parquet file.*a.parquet"):
        list(open_source(path).batches())


def test_a_form_is_known_by_its_first_bytes_where_the_name_says_nothing(tmp_path, read):
    path = _parquet(tmp_path / "table.parquet", x=[1])
    assert read(open_source(path.rename(tmp_path / "table"))) == {"x": [1]}
