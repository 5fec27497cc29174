"""The README and the tutorial are executed as they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

Page = Callable[[str, Path], dict[str, str]]


def test_the_readme_runs(run_page: Page, tmp_path: Path) -> None:
    said = run_page("README.md", tmp_path)
    assert len(said) == 7
    trained = next(text for block, text in said.items() if "justright train" in block)
    # Which rung it is depends on what a busy machine has time for; that a reason is given does not.
    assert re.search(r"A \w+ model of target reaches rmse 5\d", trained) and "rungs tried" in trained
    explained = next(text for block, text in said.items() if "justright explain" in block)
    assert "A linear model of target reaches rmse 55.7" in explained
    assert "bmi" in explained and "adds" in explained
    assert "look      number 1 at this test part" in trained
    python = next(text for block, text in said.items() if "import justright" in block)
    assert re.search(r"A \w+ model of target reaches rmse", python) and "Value(value=" in python
    assert (tmp_path / "predictions.csv").read_text().count("\n") == 443
    assert len(list(tmp_path.glob("runs/*/report.html"))) == 1


def test_the_tutorial_runs(run_page: Page, tmp_path: Path) -> None:
    said = run_page("docs/tutorial.md", tmp_path)
    assert len(said) == 7
    judged = next(text for block, text in said.items() if "justright evaluate" in block)
    assert "look      number 1 at this test part" in judged
    assert (tmp_path / "predictions.parquet").is_file()
    assert "smallest loss on rows not seen" in list(said.values())[-1]
