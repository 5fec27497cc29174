"""The same pipeline as ONNX behind FastAPI, without pandas.

MODEL=linear.onnx uvicorn serve_onnx:app
"""

import os

import numpy as np
import onnxruntime
import problem
from fastapi import FastAPI
from pydantic import BaseModel

OPTIONS = onnxruntime.SessionOptions()
OPTIONS.intra_op_num_threads = 1
OPTIONS.inter_op_num_threads = 1
OPTIONS.log_severity_level = 3
SESSION = onnxruntime.InferenceSession(os.environ["MODEL"], OPTIONS, providers=["CPUExecutionProvider"])
app = FastAPI()


class Asked(BaseModel):
    """Rows."""

    instances: list[dict[str, float | str]]


class Told(BaseModel):
    """Probabilities of both classes, a row each."""

    predictions: list[list[float]]


@app.post("/predict")
async def predict(asked: Asked) -> Told:
    """Answer on the loop: a thread costs more than the work."""
    rows = asked.instances
    numbers = np.array([[row[name] for name in problem.NUMBERS] for row in rows], np.float32)
    texts = np.array([[row[name] for name in problem.CATEGORIES] for row in rows], object)
    shares = SESSION.run(["probabilities"], {"numbers": numbers, "categories": texts})[0]
    return Told(predictions=shares.tolist())
