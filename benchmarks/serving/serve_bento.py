"""The same pipeline as a BentoML service of one worker.

MODEL=linear.joblib bentoml serve serve_bento:Peer
"""

import os

import bentoml
import joblib
import pandas as pd
import problem


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Peer:
    """One pipeline."""

    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])
        self.columns = list(problem.NAMES)

    @bentoml.api
    async def predict(self, instances: list[dict[str, float | str]]) -> list[list[float]]:
        """Answer on the loop: a thread costs more than the work."""
        shares: list[list[float]] = self.model.predict_proba(
            pd.DataFrame(instances, columns=self.columns)
        ).tolist()
        return shares
