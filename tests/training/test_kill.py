"""A training that is killed at any moment and resumed ends in the weights of one that was not, to the bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training" / "kill.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks its trainings")
def test_killed_and_resumed_is_equal_to_the_bit():
    options = ["--moments", "6", "--rows", "1000", "--optimizers", "exact", "ftrl", "--json"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr or done.stdout
    found = json.loads(done.stdout)
    assert [row["equal"] for row in found] == [True] * 6
    assert sum(row["killed"] for row in found) >= 3
    # At least one kill fell into a training under way, which went on where it was.
    assert any((row["resumed_at_pass"] or 0) > 1 for row in found), found
