"""The examples of docs/extending.md: they run as they stand, do what they say, and are those on the page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extending.md"
SAID = {
    "own_loss": r"^slope (2\.9|3\.0), in spite of the wrong rows\n$",
    "own_schedule": r"^rate 0\.20, 0\.40, 0\.\d\d \.\.\. 0\.00\n$",
    "own_callback": r"(pass \d+: 0\.\d+\n)+a loss of 0\.00\d+ is good enough\n$",
    "own_learner": r"^one pass is all it takes; held-out loss 0\.2\d\n$",
}


def test_every_example_is_here():
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", SAID)
def test_runs_and_says_what_it_should(name, tmp_path):
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.search(SAID[name], done.stdout), done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SAID)
def test_stands_on_the_page_word_for_word(name):
    assert (ROOT / "examples" / f"{name}.py").read_text() in PAGE.read_text()
