"""A table is known again by its bytes, wherever it lies, and a change of it is seen."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from justright.registry.tables import files_of, table_facts


def test_a_file(tmp_path: Path, monkeypatch):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    found = table_facts("t.csv", "select * from rows")
    assert (found.path, found.bytes, found.note) == (str(tmp_path / "t.csv"), 8, "")
    assert found.sha256 == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert found.sql == "select * from rows"


def test_a_folder_is_its_files_in_order(tmp_path: Path):
    for name in ("b.parquet", "a.parquet", "_SUCCESS", ".tmp.parquet"):
        (tmp_path / name).write_bytes(name.encode())
    assert [each.name for each in files_of(str(tmp_path))] == ["a.parquet", "b.parquet"]
    first = table_facts(str(tmp_path))
    assert first.bytes == 18
    assert table_facts(f"{tmp_path}/[ab].parquet").sha256 == first.sha256
    (tmp_path / "b.parquet").write_bytes(b"b.parqueT")
    assert table_facts(str(tmp_path)).sha256 != first.sha256


def test_a_table_that_was_written_after_the_training(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    os.utime(path, (1_000, 1_000))
    assert table_facts(str(path), trained=2_000.0).note == ""
    assert table_facts(str(path), trained=500.0).note == "it was written anew after the training began"


def test_a_table_that_is_gone(tmp_path: Path):
    found = table_facts(str(tmp_path / "t.csv"))
    assert (found.sha256, found.note) == ("", "it was not there when the model was registered")
