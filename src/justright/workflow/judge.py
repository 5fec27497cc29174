"""Judge a training on held-out rows: choose the setting, measure, compare with baselines, find a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from justright.datamodule import DataModule
from justright.evaluate.intervals import interval
from justright.kinds import Profile
from justright.metrics import default_metric, metric, metrics_for
from justright.models.base import Learner, Spec
from justright.recipe import Recipe
from justright.schema import Finding, FloatArray, Member, Schema, Value
from justright.source import Source
from justright.training.loop import Trained
from justright.workflow.held_out import HeldOut, choose_setting, held_out
from justright.workflow.summary import Baselines, Rung

__all__ = ["Judgement", "judge"]


@dataclass(frozen=True)
class Judgement:
    """What held-out rows say.

    `setting` and `member` are the chosen ones; `member` is the exported one, trained on all rows.
    """

    setting: int
    member: int
    metric: str
    validation: Value
    metrics: dict[str, Value]
    baselines: Baselines
    threshold: float | None
    findings: tuple[Finding, ...]
    hyperparameters: dict[str, float | int | str]
    details: Any
    held: HeldOut

    def ladder(self, family: str, seconds: float) -> list[Rung]:
        """Return the rungs that were tried."""
        value = self.validation
        return [Rung(family, value.value, value.low, value.high, seconds, True)]


def judge(
    learner: Learner,
    spec: Spec,
    members: tuple[Member, ...],
    trained: Trained,
    data: DataModule,
    recipe: Recipe,
    schema: Schema,
    source: Source,
    profile: Profile,
) -> Judgement:
    """Judge a training."""
    target = schema.target
    assert target is not None
    validation = _last_validation(trained, len(members))
    setting = choose_setting(members, validation, trained.failed)
    member = next(place for place, m in enumerate(members) if m.fold < 0 and m.setting == setting)
    held = held_out(learner, spec, trained.state, members, data.blocks, setting)
    name = default_metric(target.task) if recipe.metric == "auto" else metric(recipe.metric, target.task).name
    names = [each.name for each in metrics_for(target.task)]
    values = {n: interval(n, held.target, held.prediction, held.weight) for n in dict.fromkeys([name, *names])}
    base = float(metric(name).function(held.target, _base_rate(held, target.task, spec.outputs), held.weight))
    findings = data.findings
    chosen = members[member]
    return Judgement(
        setting,
        member,
        name,
        values[name],
        values,
        Baselines(base, None),
        0.5 if target.task == "binary" else None,
        findings,
        {"penalty": chosen.penalty, "mix": chosen.mix, "passes": trained.history.passes},
        {},
        held,
    )


def _last_validation(trained: Trained, count: int) -> FloatArray:
    """Return each member's validation loss at its last row of history on all rows."""
    last = np.full(count, np.nan)
    for row in trained.history.rows:
        if row.validation is not None and row.share == 1.0:
            last[row.member] = row.validation
    return last


def _base_rate(held: HeldOut, task: str, outputs: int) -> FloatArray:
    """Return the prediction of a model without features."""
    n = len(held.target)
    if task == "multiclass":
        shares = np.bincount(held.target, weights=held.weight, minlength=outputs) / held.weight.sum()
        return np.tile(shares, (n, 1))
    return np.full(n, np.average(held.target, weights=held.weight))
