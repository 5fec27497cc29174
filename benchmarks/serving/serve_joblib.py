"""A pipeline behind FastAPI as people write it, with a typed answer so that pydantic's core encodes it.

MODEL=linear.joblib uvicorn serve_joblib:app
"""

import os

import joblib
import pandas as pd
import problem
from fastapi import FastAPI
from pydantic import BaseModel

MODEL = joblib.load(os.environ["MODEL"])
COLUMNS = list(problem.NAMES)
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
    frame = pd.DataFrame(asked.instances, columns=COLUMNS)
    return Told(predictions=MODEL.predict_proba(frame).tolist())
