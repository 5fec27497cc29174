from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Page = Callable[[str, Path], dict[str, str]]


@pytest.fixture
def root() -> Path:
    return ROOT


def run_block(language: str, text: str, folder: Path) -> str:
    """Run a block as a reader would, with our commands on the path; Python takes warnings for errors."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-W", "error", "-c"]}[
        language
    ]
    environment = {**os.environ, "PATH": path, "COLUMNS": "120"}
    done = subprocess.run([*program, text], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def run_page() -> Page:
    """Run the `sh` and `python` blocks of a page in order; returns what each printed, by its text."""

    def run(page: str, folder: Path) -> dict[str, str]:
        pattern = r"^```(sh|python)\n(.*?)^```"
        found = re.findall(pattern, (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
        return {text: run_block(language, text, folder) for language, text in found}

    return run
