"""The control by shuffled labels: the training of a run once more, with the labels dealt anew among the rows.

Nothing can be learned then: whatever held-out rows gain over the best constant came through the folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from justright.datamodule import DataModule, prepare
from justright.diagnose.curves.losses import base_losses, held_losses
from justright.diagnose.evidence import HeldRows
from justright.diagnose.rows import shuffled
from justright.errors import StorageError, TableError
from justright.models.base import Spec
from justright.models.registry import learner_for
from justright.optim.losses import Loss, loss_for
from justright.optim.schedules import schedule_for
from justright.recipe import Recipe
from justright.schema import Finding, FloatArray, Schema
from justright.source import open_source
from justright.training.loop import Trainer
from justright.workflow.held_out import HeldOut, choose_setting, held_out
from justright.workflow.population import population
from justright.workflow.run import Run

__all__ = ["Control", "control_run"]

_CHEAP: Final = ("linear", "crossed")
_ROWS: Final = 20_000
_SECONDS: Final = 20.0
_ERRORS: Final = 4.0
_ABOVE: Final = 0.01  # of the base loss: what shuffled labels may not gain


@dataclass(frozen=True)
class Control:
    """What a control by shuffled labels found.

    Parameters
    ----------
    said : str
        In words; empty where none was made.
    why_not : str
        Why none was made; empty where one was.
    finding : Finding or None
        An error where shuffled labels can be learned.
    """

    said: str = ""
    why_not: str = ""
    finding: Finding | None = None


def control_run(run: Run, seed: int = 0) -> Control:
    """Train a run's model once more on shuffled labels, where that costs little, and judge it as the run was.

    Parameters
    ----------
    run : Run
        Of family `linear` or `crossed`; its table must still be where it was.
    seed : int, default 0
        Of the deal and of the sample.

    Notes
    -----
    At most 20,000 rows; not made where it would take longer than about 20 seconds, by what the run took.
    One deal: the gain of the held-out rows over the best constant is compared with its standard error, and
    counts above four of them and above 1 % of the loss of the constant.
    """
    summary = run.summary
    if summary.family not in _CHEAP:
        return Control(why_not=f"shuffled labels: a {summary.family} model is too dear to train again")
    share = min(_ROWS / max(summary.rows.train, 1), 1.0)
    needs = summary.seconds.read + summary.seconds.features + share * summary.seconds.train
    if needs > _SECONDS:
        return Control(why_not=f"shuffled labels: to train again would take about {needs:.0f} s")
    recipe = run.folder.read("recipe.json", Recipe)
    if not recipe.table:
        return Control(why_not="shuffled labels: the rows were in memory and are gone")
    try:
        held, loss, classes, scale = _trained(run, recipe, seed)
    except (TableError, StorageError) as error:
        return Control(why_not=f"shuffled labels: the table cannot be read any more ({error.received})")
    return _said(*_gain(held, loss, classes, scale), summary.target, held)


def _trained(run: Run, recipe: Recipe, seed: int) -> tuple[HeldOut, Loss, int, float]:
    """Return held-out predictions of a training on shuffled labels, with loss, classes and target scale."""
    schema = run.folder.read("schema.json", Schema)
    target = schema.target
    assert target is not None
    loss = loss_for(recipe.loss, target.task, recipe.quantile)
    data = prepare(open_source(recipe.table, sql=recipe.sql), schema, recipe, loss=loss.name, folder=None)
    data = _sampled(shuffled(data, seed), seed)
    exact = loss.name == "squared" and recipe.descent.optimizer == "exact"
    members = population(recipe, data, exact_sums=exact)
    outputs = len(target.classes) if loss.link == "softmax" else 1
    rows = sum(block.rows for block in data.blocks)
    schedule, clip = schedule_for(recipe.descent.schedule), recipe.features.clip
    spec = Spec(loss, outputs, data.plan, recipe.descent, schedule, rows, clip)
    learner = learner_for(run.summary.family, recipe)
    trained = Trainer(learner).fit(spec, members, data.blocks, seed=recipe.seed)
    last = {row.member: row.validation for row in trained.history.rows}
    losses = np.asarray(
        [np.nan if (v := last.get(k)) is None else v for k in range(len(members))], np.float64
    )
    setting = choose_setting(members, losses, trained.failed)
    held = held_out(learner, spec, trained.state, members, data.blocks, setting)
    feature = data.plan.data.target
    scaled = feature is not None and target.task == "regression"
    return held, loss, max(len(target.classes), 1), float(feature.scale) if feature and scaled else 1.0


def _sampled(data: DataModule, seed: int) -> DataModule:
    """Return at most so many rows, drawn by a seed."""
    rows = sum(block.rows for block in data.blocks)
    if rows <= _ROWS:
        return data
    place = np.sort(np.random.default_rng(seed).choice(rows, _ROWS, replace=False))
    fold = np.concatenate([block.fold for block in data.blocks])[place]
    return data.only(place, fold)


def _gain(held: HeldOut, loss: Loss, classes: int, scale: float) -> tuple[float, float, float]:
    """Return gain over the best constant, its standard error, and the loss of that constant."""
    rows = HeldRows(held.target, held.prediction, held.weight, held.fold)
    base = base_losses(loss, rows, classes, scale)
    gap: FloatArray = base - held_losses(loss, rows, scale)
    weight = held.weight / held.weight.sum()
    mean = float(weight @ gap)
    return mean, float(np.sqrt(np.square(weight) @ np.square(gap - mean))), float(weight @ base)


def _said(gain: float, error: float, base: float, target: str, held: HeldOut) -> Control:
    """Return what the gain means."""
    rows, unit = len(held.target), max(abs(base), 1e-300)
    level = f"{gain / unit:+.1%} of the loss of the best constant, give or take {error / unit:.1%}"
    if gain <= max(_ERRORS * error, _ABOVE * unit):
        return Control(f"trained again on {rows:,} rows with shuffled labels it gains nothing ({level})")
    sentence = (
        f"Trained again with the labels of {target} dealt anew among {rows:,} rows, the model still gains on"
        f" rows it has not seen ({level}): the folds let the answer through."
    )
    evidence = {"gain": gain, "error": error, "base": base, "rows": rows}
    move = "look for copies of rows across folds, and for columns made from the target"
    return Control(sentence, finding=Finding("labels-leak-through-folds", "error", sentence, evidence, move))
