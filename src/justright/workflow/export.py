"""Write the chosen model as a bundle of plain data."""

from __future__ import annotations

import platform
import sys
from typing import Any

import numpy as np

from justright.bundle.format import ModelFile, write_bundle
from justright.datamodule import DataModule
from justright.models.base import Learner, Spec
from justright.models.linear import LINEAR
from justright.recipe import Recipe
from justright.runs import RunFolder
from justright.schema import Schema
from justright.training.loop import Trained
from justright.workflow.judge import Judgement

__all__ = ["export_bundle"]


def export_bundle(
    folder: RunFolder,
    learner: Learner,
    spec: Spec,
    trained: Trained,
    judgement: Judgement,
    data: DataModule,
    schema: Schema,
    recipe: Recipe,
) -> str:
    """Write `model/` into the run folder and return the model's id."""
    target = schema.target
    assert target is not None
    front, arrays = learner.export(spec, trained.state, judgement.member)
    model = ModelFile(
        schema=schema,
        features=data.plan.to_data(),
        family=LINEAR,
        front=front,
        hyperparameters=dict(judgement.hyperparameters),
        task=target.task,
        outputs=spec.outputs,
        link=spec.loss.link,  # type: ignore[arg-type]
        threshold=judgement.threshold,
        threshold_note="",
        missing_seen=tuple(f.column.name for f in data.plan.data.numeric if f.missing),
        metrics={name: [value.value, value.low, value.high] for name, value in judgement.metrics.items()},
        versions=_versions(),
        created_by="justright",
    )
    return write_bundle(folder.model, model, arrays, {}, "# Card\n")


def _versions() -> dict[str, str]:
    """Return the versions that made the model."""
    return {"python": platform.python_version(), "numpy": np.__version__, "justright": "0.1.0"}
