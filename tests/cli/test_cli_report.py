from __future__ import annotations

from pathlib import Path
from typing import Any


def test_the_path_is_printed(call: Any, run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    said = call("report", run_folder, "--out", out)
    assert said == (0, f"{out}\n", "")
    assert "<html" in out.read_text()[:200]


def test_beside_the_run_by_default(call: Any, run_folder: Path) -> None:
    said = call("report", run_folder / "model")
    assert said == (0, f"{run_folder / 'report.html'}\n", "")


def test_no_run(call: Any, tmp_path: Path) -> None:
    assert call("report", tmp_path).code == 7
