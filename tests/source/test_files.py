import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import StorageError, TableError
from justright.source import open_source


def _parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def test_a_pattern(tmp_path, read):
    _parquet(tmp_path / "x1.parquet", a=[1])
    _parquet(tmp_path / "x2.parquet", a=[2])
    _parquet(tmp_path / "y.parquet", b=[2])
    assert read(open_source(str(tmp_path / "x*.parquet"))) == {"a": [1, 2]}
    with pytest.raises(StorageError, match="no file matches"):
        open_source(str(tmp_path / "z*.parquet"))


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


def test_a_form_is_known_by_its_first_bytes_where_the_name_says_nothing(tmp_path, read):
    path = _parquet(tmp_path / "table.parquet", x=[1])
    assert read(open_source(path.rename(tmp_path / "table"))) == {"x": [1]}
