import pyarrow as pa
import pyarrow.feather
import pytest

from justright.errors import TableError
from justright.source import open_source

TABLE = pa.table({"a": list(range(70_000)), "b": ["x"] * 70_000})


def test_files_and_streams(tmp_path):
    pa.feather.write_feather(TABLE, tmp_path / "t.feather")
    with pa.ipc.new_stream(tmp_path / "t.arrow", TABLE.schema) as writer:
        writer.write_table(TABLE)
    for name, rows in (("t.feather", 70_000), ("t.arrow", None)):
        source = open_source(tmp_path / name)
        assert source.rows == rows
        batches = list(source.batches(["b", "a"]))
        assert max(batch.num_rows for batch in batches) <= 65_536
        assert pa.Table.from_batches(batches).column("a").to_pylist() == TABLE.column("a").to_pylist()
        assert str(source.locate([4])[0]) == f"{tmp_path / name} row 5"


def test_what_is_no_table(tmp_path, write):
    with pytest.raises(TableError, match="no Arrow file"):
        open_source(write(b"hello there", "t.arrow"))
    pa.feather.write_feather(TABLE.slice(0, 0), tmp_path / "e.feather")
    with pytest.raises(TableError, match="without rows"):
        open_source(tmp_path / "e.feather")


def test_a_cut_file_is_one_clear_error(tmp_path):
    path = tmp_path / "t.arrow"
    with pa.ipc.new_stream(path, TABLE.schema) as writer:
        writer.write_table(TABLE)
    path.write_bytes(path.read_bytes()[:300_000])
    source = open_source(path)
    with pytest.raises(TableError, match="a damaged Arrow file"):
        list(source.batches())
