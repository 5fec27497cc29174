"""The rivals' environment, and a fresh process with two threads for each side.

`.venv-rivals-neural` beside the package is made on first use and is not in the repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RIVALS = Path(__file__).parent.parent.parent / ".venv-rivals-neural"
PACKAGES = [
    "torch",
    "pytabkit",
    "lightning",
    "skorch",
    "keras",
    "scikit-learn",
    "lightgbm",
    "pandas",
    "pyarrow",
    "jax",
]
NEEDED = "import torch, pytabkit, lightning, skorch, sklearn, lightgbm, pandas, pyarrow, jax; import keras"
KINDS = ("OMP", "MKL", "OPENBLAS", "NUMBA", "LOKY")
THREADS = {f"{kind}_NUM_THREADS": "2" for kind in KINDS} | {
    "LOKY_MAX_CPU_COUNT": "2",
    "KERAS_BACKEND": "torch",
}
# On a shared machine threads that wait by spinning burn processor seconds that no side needs: LightGBM took
# 54 s for 0.4 s of work.
SHARED = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def rival_python() -> Path:
    """Return the rivals' interpreter with all they need; makes what is missing."""
    python = RIVALS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVALS)], check=True)
    known = subprocess.run(
        [str(python), "-c", NEEDED], capture_output=True, check=False, env=os.environ | THREADS
    )
    if known.returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def call(command: list[str], limit: float, more: dict[str, str] | None = None) -> bool:
    """Run a command with two threads; say whether it ended in time, raise where it failed."""
    environment = os.environ | THREADS | (more or {})
    try:
        subprocess.run(command, check=True, env=environment, timeout=limit, stdout=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return False
    return True
