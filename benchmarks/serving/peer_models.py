"""The peers' models, fitted to the table that ours are trained on. Runs in the environment `plain`.

    python peer_models.py FOLDER

reads table.csv and asked.json of FOLDER. For each of linear, boosted and blend it writes MODEL.joblib (a
scikit-learn pipeline that takes a frame), MODEL.onnx (the same pipeline, converted; inputs `numbers` and
`categories`) and MODEL.json: the probabilities of the asked rows by scikit-learn and by onnxruntime.

    linear   numbers scaled, categories as indicators, LogisticRegression
    boosted  numbers as they are, categories as indicators, LightGBM of 200 trees with 31 leaves
    blend    the mean of both
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pandas as pd
import problem
from lightgbm import LGBMClassifier
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def pipelines() -> dict[str, Any]:
    """Return the three models, not fitted. Columns go by position, so that ONNX may have two inputs."""
    first = list(range(len(problem.NUMBERS)))
    rest = list(range(len(first), len(problem.NAMES)))

    def encoded(numbers: Any) -> Any:
        indicators = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        return ColumnTransformer([("numbers", numbers, first), ("categories", indicators, rest)])

    def linear() -> Any:
        return make_pipeline(encoded(StandardScaler()), LogisticRegression(max_iter=1_000))

    def boosted() -> Any:
        trees = LGBMClassifier(
            n_estimators=200, num_leaves=31, learning_rate=0.05, n_jobs=1, random_state=1, verbose=-1
        )
        return make_pipeline(encoded("passthrough"), trees)

    parts = [("linear", linear()), ("boosted", boosted())]
    blend = VotingClassifier(parts, voting="soft", flatten_transform=False)
    return {"linear": linear(), "boosted": boosted(), "blend": blend}


def converted(model: Any) -> bytes:
    """Return a fitted pipeline as ONNX, probabilities as one array."""
    update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False]},
    )
    inputs = [
        ("numbers", FloatTensorType([None, len(problem.NUMBERS)])),
        ("categories", StringTensorType([None, len(problem.CATEGORIES)])),
    ]
    made = convert_sklearn(
        model,
        initial_types=inputs,
        options={id(model): {"zipmap": False}},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )
    return bytes(made.SerializeToString())


def by_onnx(content: bytes, rows: problem.Rows) -> list[float]:
    """Return the probabilities of `yes` as onnxruntime gives them."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    numbers = np.asarray([[row[name] for name in problem.NUMBERS] for row in rows], np.float32)
    texts = np.asarray([[row[name] for name in problem.CATEGORIES] for row in rows], object)
    shares = session.run(["probabilities"], {"numbers": numbers, "categories": texts})[0]
    found: list[float] = np.asarray(shares)[:, 1].astype(float).tolist()
    return found


def main() -> None:
    """Fit, convert, answer and write."""
    warnings.filterwarnings("ignore")
    folder = Path(sys.argv[1])
    table = pd.read_csv(folder / "table.csv")
    rows = json.loads((folder / "asked.json").read_text())
    for name, model in pipelines().items():
        model.fit(table[list(problem.NAMES)], table[problem.TARGET])
        joblib.dump(model, folder / f"{name}.joblib")
        own = model.predict_proba(pd.DataFrame(rows)[list(problem.NAMES)])[:, 1].tolist()
        content = converted(model)
        (folder / f"{name}.onnx").write_bytes(content)
        told = by_onnx(content, rows)
        apart = float(np.abs(np.subtract(own, told)).max())
        (folder / f"{name}.json").write_text(json.dumps({"sklearn": own, "onnx": told, "apart": apart}))
        print(
            f"{name}: fitted and converted; ONNX differs from scikit-learn by at most {apart:.1g}", flush=True
        )


if __name__ == "__main__":
    main()
