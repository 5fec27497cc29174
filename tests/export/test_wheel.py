"""The wheel is the running program: its files, their hashes, and the command."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path

import justright
from justright.export.wheel import wheel


def test_it_holds_every_file_with_its_hash():
    name, data = wheel()
    assert name == f"justright-{justright.__version__}-py3-none-any.whl"
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    root = Path(justright.__file__).parent
    sources = {f"justright/{path.relative_to(root).as_posix()}" for path in root.rglob("*.py")}
    held = set(archive.namelist())
    assert sources <= held and not any("__pycache__" in each for each in held)
    (record,) = (each for each in held if each.endswith(".dist-info/RECORD"))
    rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
    assert {row[0] for row in rows} == held
    for path, digest, size in rows:
        if path != record:
            found = archive.read(path)
            assert int(size) == len(found)
            want = base64.urlsafe_b64encode(hashlib.sha256(found).digest()).rstrip(b"=").decode()
            assert digest == f"sha256={want}"
    assert (
        "justright = justright.cli:main"
        in archive.read(record.replace("RECORD", "entry_points.txt")).decode()
    )


def test_equal_sources_give_equal_bytes():
    assert wheel() == wheel()
