"""Run the benchmarks one after the other; each writes a dated file into its own results/.

    python benchmarks/run.py [--all]

Without --all those that end within minutes. The rest needs the real tables (`linear`, from --data of its
own), rivals that take minutes a table, or half an hour (`scale`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SHORT = ("start/start.py", "source/read.py", "split/fingerprint.py", "serving/scoring.py")
LONG = (
    "linear/sklearn_compare.py",
    "linear/glassbox.py",
    "linear/criteo_like.py",
    "linear/dense.py",
    "linear/path.py",
    "linear/guard.py",
    "linear/growth.py",
    "quality/quality.py",
    "quality/planted.py",
    "quality/covered.py",
    "drift/power.py",
    "drift/real.py",
    "scoring/predict.py",
    "serving/throughput.py",
    "serving/stress.py",
    "scale/large_csv.py",
    "scale/large_csv.py --binary",
)


def main() -> None:
    """Run them; end at the first that fails."""
    for each in SHORT + (LONG if "--all" in sys.argv[1:] else ()):
        script, *arguments = each.split()
        print(f"benchmarks/{each}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


if __name__ == "__main__":
    main()
