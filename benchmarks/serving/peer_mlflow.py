"""Pack the pipelines of peer_models.py as MLflow models. Runs in the environment `mlflow`.

    python peer_mlflow.py FOLDER

writes FOLDER/mlflow-MODEL with a signature; what is served is `predict_proba`.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path

import joblib
import mlflow
import pandas as pd
import problem
from mlflow.models import infer_signature


def main() -> None:
    """Pack all."""
    warnings.filterwarnings("ignore")
    folder = Path(sys.argv[1])
    rows = pd.DataFrame(json.loads((folder / "asked.json").read_text()))[list(problem.NAMES)]
    for path in sorted(folder.glob("*.joblib")):
        model = joblib.load(path)
        place = folder / f"mlflow-{path.stem}"
        shutil.rmtree(place, ignore_errors=True)
        mlflow.sklearn.save_model(
            model,
            place,
            signature=infer_signature(rows, model.predict_proba(rows)),
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn", "lightgbm"],
        )
        print(place.name, flush=True)


if __name__ == "__main__":
    main()
