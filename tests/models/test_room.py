"""Where arrays lie: in memory below the limit, in files above it, and no file outlives its array."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from justright.models.room import Room

LARGE = 1 << 20


def test_small_tables_and_tables_without_a_folder_stay_in_memory(tmp_path):
    for room in (Room(tmp_path, 10, 100), Room(None, LARGE, 1 << 12)):
        made = room.array((10, 3), np.float32)
        assert not isinstance(made, np.memmap)
        assert made.shape == (10, 3)
        assert not made.any()
    assert not list(tmp_path.iterdir())


def test_large_tables_lie_in_files_that_nobody_can_leave_behind(tmp_path):
    room = Room(tmp_path / "new", LARGE, 1 << 12)
    first, second = room.array((50, 2), np.int32), room.array((50, 2), np.int32)
    assert isinstance(first, np.memmap)
    first[:] = 7
    assert not second.any()
    assert first.sum() == 700
    if sys.platform != "win32":
        assert not list((tmp_path / "new").iterdir())


def test_an_array_without_rows_needs_no_file(tmp_path):
    assert Room(tmp_path, LARGE, 1 << 12).array((0, 4), np.float32).shape == (0, 4)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_mapped_array_is_no_anonymous_memory(tmp_path):
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from justright.models.room import Room\n"
        "made = Room(Path(sys.argv[1]), 1 << 20, 1 << 12).array((64 << 20,), np.uint8); made[:] = 1\n"
        "print(next(line for line in open('/proc/self/status') if line.startswith('RssAnon')).split()[1])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 60_000  # kB; numpy and the interpreter, without the 64 MiB
