"""The environment of the rivals of quality.py: `.venv-rivals-quality`, made on first use."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "neural"))

from environment import THREADS  # noqa: E402  (a script: its neighbours are not on the path before)

RIVALS: Final = HERE.parent.parent / ".venv-rivals-quality"
# fastai brings torch, for the neural parts of AutoGluon's medium quality.
PACKAGES: Final = [
    "autogluon.tabular[lightgbm,xgboost,catboost,fastai]",
    "lightgbm",
    "optuna",
    "scikit-learn",
    "pandas",
    "pyarrow",
]
NEEDED: Final = (
    "import autogluon.tabular, catboost, fastai, lightgbm, optuna, pyarrow, sklearn, torch, xgboost"
)


@cache
def rival_python() -> Path:
    """Return the rivals' interpreter with all they need; makes what is missing."""
    python = RIVALS / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVALS)], check=True)
    environment = os.environ | THREADS
    known = subprocess.run([str(python), "-c", NEEDED], capture_output=True, check=False, env=environment)
    if known.returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python
