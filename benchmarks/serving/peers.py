"""The environments of the peers: `.venv-rivals-serving-NAME` in the repository, each made on first use.

    python benchmarks/serving/peers.py

makes them all, about 3 GB. They cannot share one: MLServer needs an older FastAPI than MLflow. scikit-learn
and LightGBM are of one version in all, so that one fitted pipeline is what every peer serves.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
MODEL: Final = ("scikit-learn==1.7.2", "lightgbm==4.6.0", "pandas<3", "joblib")
PACKAGES: Final = {
    "plain": ("fastapi", "uvicorn[standard]", "onnxruntime", "onnx", "skl2onnx", "onnxmltools"),
    "mlserver": ("mlserver", "mlserver-sklearn", "fastapi<0.116"),
    "bentoml": ("bentoml",),
    "mlflow": ("mlflow",),
}
NEEDED: Final = {
    "plain": "fastapi, uvicorn, httptools, uvloop, onnxruntime, skl2onnx, onnxmltools, lightgbm, sklearn",
    "mlserver": "mlserver, mlserver_sklearn, lightgbm",
    "bentoml": "bentoml, lightgbm, sklearn, pandas",
    "mlflow": "mlflow, lightgbm, sklearn",
}
_VERSIONS: Final = """
from importlib.metadata import version
for name in {names!r}:
    print(name, version(name))
"""


@cache
def peer_python(name: str) -> Path:
    """Return the interpreter of an environment with all it needs; makes what is missing."""
    folder = ROOT / f".venv-rivals-serving-{name}"
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    known = subprocess.run([str(python), "-c", f"import {NEEDED[name]}"], capture_output=True, check=False)
    if known.returncode:
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES[name], *MODEL], check=True)
    return python


def versions(name: str, packages: tuple[str, ...]) -> str:
    """Return which versions of some packages an environment holds, in words; without a name ours."""
    python = str(peer_python(name)) if name else sys.executable
    code = _VERSIONS.format(names=packages)
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.split("\n")[: len(packages)])


if __name__ == "__main__":
    for each in PACKAGES:
        print(peer_python(each), flush=True)
