"""One family on prepared rows: the question, the training, what held-out rows say of it."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np

from justright.datamodule import DataModule
from justright.errors import TrainingError
from justright.kinds import Profile
from justright.models.base import Learner, Spec
from justright.models.boosted import BOOSTED
from justright.models.linear import LINEAR
from justright.models.neural.defaults import epochs_of
from justright.models.registry import is_network, learner_for
from justright.optim.losses import Loss
from justright.optim.schedules import schedule_for
from justright.recipe import Descent, Recipe
from justright.runs import RunFolder
from justright.schema import Member, Schema
from justright.source import Source
from justright.training.callbacks import Callback
from justright.training.history import history_bytes
from justright.training.loop import Trained, Trainer
from justright.workflow.balance import balanced
from justright.workflow.family import family_of
from justright.workflow.judge import Judgement, judge
from justright.workflow.population import ONE_PART_FROM, one_part, population
from justright.workflow.race import RACE, race_of

_TREES: Final = 0.1  # rounds without a better one that are borne, as a share of those so far

__all__ = ["Fitted", "Phase", "Prepared", "fit", "write_training"]

Phase: TypeAlias = Literal["reading", "preparing", "training", "judging"]
"""Where on the road a run is; `reading` comes before it has a folder."""


@dataclass(frozen=True)
class Prepared:
    """Rows that are ready to be trained on.

    Parameters
    ----------
    source, schema, profile
        The table and what its columns are.
    loss : Loss
        What is minimised.
    data : DataModule
        The rows, encoded and in folds.
    folder : RunFolder
        Where the run lies.
    begin : float
        When it began, by `time.perf_counter`.
    on_phase : callable
        Hears each phase as it begins, with the run folder.
    """

    source: Source
    schema: Schema
    profile: Profile
    loss: Loss
    data: DataModule
    folder: RunFolder
    begin: float
    on_phase: Callable[[Phase, Path], None] = lambda phase, run: None


@dataclass(frozen=True)
class Fitted:
    """A family that was trained and judged.

    Parameters
    ----------
    recipe : Recipe
        With the family that was trained.
    family : str
        Its name.
    data : DataModule
        The rows in the folds that judged.
    learner, spec, members, trained
        The training.
    judgement : Judgement
        What held-out rows say.
    trained_at : float
        When the training ended, by `time.perf_counter`.
    """

    recipe: Recipe
    family: str
    data: DataModule
    learner: Learner
    spec: Spec
    members: tuple[Member, ...]
    trained: Trained
    judgement: Judgement
    trained_at: float


def fit(prepared: Prepared, recipe: Recipe, checkpoint: Path, callbacks: Sequence[Callback] = ()) -> Fitted:
    """Train a family and judge it.

    Parameters
    ----------
    prepared : Prepared
        The rows.
    recipe : Recipe
        Every choice; `auto` as `family_of` says.
    checkpoint : Path
        Where the state is kept, for a training that goes on.
    callbacks : sequence of Callback
        Called after each pass.
    """
    data, schema = prepared.data, prepared.schema
    family = family_of(recipe, data.plan, data.rows)
    _require_columns(family, data)
    if one_part(recipe, family, data.rows):
        # Rows of a group stay together, and a period is whole.
        parted = data.rows > ONE_PART_FROM and not recipe.split.by and not recipe.split.time
        data = data.one_part(half=parted)
    target = schema.target
    assert target is not None
    even = balanced(data, recipe, target)
    training = even.data if even else data
    learner, spec, members = _question(recipe, training, prepared, family)
    prepared.on_phase("training", prepared.folder.path)
    trainer = Trainer(learner, callbacks=callbacks, checkpoint=checkpoint)
    trained = trainer.fit(
        spec, members, training.blocks, seed=recipe.seed, question=_fingerprint(recipe, data, members)
    )
    prepared.on_phase("judging", prepared.folder.path)
    trained_at = time.perf_counter()
    judgement = judge(
        learner, spec, members, trained, data, recipe, schema, trained_at - prepared.begin,
        offset=even.offset if even else None,
        # The loss of rows that are weighted otherwise says nothing of these.
        train_loss=math.nan if even else None,
    )  # fmt: skip
    return Fitted(recipe, family, data, learner, spec, members, trained, judgement, trained_at)


def _require_columns(family: str, data: DataModule) -> None:
    """Refuse a table of nothing but text, for a family that reads none."""
    plan = data.plan.data
    if family in (LINEAR, BOOSTED) or plan.numeric or plan.categorical:
        return
    names = ", ".join(feature.column.name for feature in plan.text[:5])
    raise TrainingError(
        f"columns of text alone ({names}) for the family {family}, which does not read text",
        allowed="a number, a category or a date among the columns",
        next_step="--family linear, or --family boosted",
    )


def write_training(folder: RunFolder, trained: Trained) -> None:
    """Write how a training went: history, its end, and the race for the rate."""
    folder.write_bytes("history.jsonl", history_bytes(trained.history.rows))
    folder.write("training.json", {"ended": trained.history.ended, "seconds": trained.history.seconds})
    race = race_of(trained)
    if race is not None:
        folder.write(RACE, race)


def _question(
    recipe: Recipe, data: DataModule, prepared: Prepared, family: str
) -> tuple[Learner, Spec, tuple[Member, ...]]:
    """Return who learns, what it is told, and the population."""
    target, loss = prepared.schema.target, prepared.loss
    assert target is not None
    learner = learner_for(family, recipe)
    outputs = len(target.classes) if loss.link == "softmax" else 1
    schedule = schedule_for(recipe.descent.schedule)
    descent = recipe.descent
    if is_network(family):
        passes = epochs_of(recipe.network, data.rows if recipe.network.cv else data.trained)
        descent = Descent("sgd", epochs=passes, patience=recipe.network.patience, tolerance=0.0)
    if family == BOOSTED:
        descent = Descent("sgd", epochs=recipe.boosting.rounds, patience=_TREES, tolerance=0.0)
    features, scratch = recipe.features, prepared.folder.scratch
    # A split by time judges how lines go on beyond the rows that trained them: there they may.
    hold = features.hold and not recipe.split.time
    spec = Spec(loss, outputs, data.plan, descent, schedule, data.rows, features.clip, hold, scratch)
    exact = loss.name == "squared" and recipe.descent.optimizer == "exact"
    return learner, spec, population(recipe, data, exact_sums=exact)


def _fingerprint(recipe: Recipe, data: DataModule, members: tuple[Member, ...]) -> str:
    """Return a fingerprint of what is trained: a checkpoint of anything else is not resumed."""
    sha = hashlib.sha256(msgspec.json.encode([recipe, members, data.plan.data]))
    for block in data.blocks:
        sha.update(np.ascontiguousarray(block.key).data)
    return sha.hexdigest()
