"""Made tables, prepared for training, with held-out predictions of a stand-in for the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from justright.datamodule import DataModule, prepare
from justright.diagnose.rows import check_rows
from justright.diagnose.rows.look import Look, look_at
from justright.diagnose.rows.sample import Judged, Sample, take_rows
from justright.kernels.blas import one_blas_thread
from justright.kinds import infer_schema
from justright.recipe import from_data
from justright.schema import Finding, Schema
from justright.source import Source, open_source


@dataclass(frozen=True)
class Made:
    """A made table on its way through the checks; the cheap model stands for the model."""

    data: DataModule
    schema: Schema
    source: Source
    judged: Judged
    sample: Sample
    look: Look

    def findings(self, metric: str = "") -> list[Finding]:
        """Return what all checks say."""
        assert self.schema.target is not None
        task = self.schema.target.task
        name = metric or {"regression": "rmse", "binary": "roc_auc", "multiclass": "log_loss"}[task]
        judged = self.judged
        return check_rows(
            self.data,
            self.schema,
            metric=name,
            place=judged.place,
            prediction=judged.prediction,
            target=judged.target,
            weight=judged.weight,
            source=self.source,
        )

    def ids(self) -> set[str]:
        """Return the codes of what all checks say."""
        return {finding.id for finding in self.findings()}


@pytest.fixture(scope="session")
def made() -> Callable[..., Made]:
    """Return a table whose target is `y`; `choices` as in a recipe."""

    def make(table: dict[str, object], **choices: object) -> Made:
        recipe = from_data({"target": "y", **choices})
        source = open_source(table)
        schema, _ = infer_schema(source, target="y", task=recipe.task, kinds=recipe.kinds, drop=recipe.drop)
        assert schema.target is not None
        task = schema.target.task
        loss = "squared" if task == "regression" else "logistic"
        data = prepare(source, schema, recipe, loss=loss, folder=None)
        with one_blas_thread():
            return judged_by_the_cheap_model(data, schema, source)

    return make


def judged_by_the_cheap_model(data: DataModule, schema: Schema, source: Source) -> Made:
    """Let the cheap model stand for the model."""
    assert schema.target is not None
    task = schema.target.task
    places = np.arange(data.rows)
    plain = take_rows(data, None, places)
    look = look_at(plain, "y")
    prediction = look.additive
    if task != "regression":
        prediction = np.clip(prediction, 1e-3, 1.0 - 1e-3)
    if task == "multiclass":
        prediction = prediction / prediction.sum(axis=1, keepdims=True)
    shaped = prediction if task == "multiclass" else prediction[:, 0]
    target = plain.target if task == "regression" else plain.target.astype(np.int64)
    judged = Judged(places, shaped, target, plain.weight)
    sample = take_rows(data, judged, places)
    return Made(data, schema, source, judged, sample, look_at(sample, "y"))
