"""The page of the metrics says what the registry says, and its example runs."""

import re
import subprocess
import sys
from pathlib import Path

from justright.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text()


def test_every_metric_has_its_line():
    for each in METRICS.values():
        better = "high" if each.greater_is_better else "low"
        ends = f"{each.low:g} to {each.high:g}".replace("inf", "infinity")
        tasks = ", ".join(each.tasks)
        assert f"| `{each.name}` | {tasks} | {better} | {ends} | {each.needs} | {each.meaning} |" in PAGE
    assert len(re.findall(r"^\| `", PAGE, re.MULTILINE)) == len(METRICS)


def test_the_example_runs():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    subprocess.run([sys.executable, "-W", "error", "-c", block], check=True)
