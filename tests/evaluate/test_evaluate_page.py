"""The example of the page runs as a reader would run it."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/reference/evaluate.md"


def test_the_example_runs():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "0.2 0.2 is best for right probabilities" in done.stdout
    assert "'leaves'" in done.stdout
