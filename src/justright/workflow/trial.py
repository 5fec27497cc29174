"""A trial: a recipe trained on the rows of a study as far as its effort goes, and judged."""

from __future__ import annotations

import math
import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from justright.datamodule import DataModule, prepare
from justright.kernels.hashing import mix64
from justright.kinds import infer_schema
from justright.metrics.suitability import check_loss
from justright.models.boosted import BOOSTED
from justright.models.neural.defaults import epochs_of
from justright.models.registry import is_network
from justright.optim.losses import loss_for
from justright.recipe import Recipe, change
from justright.runs import RunFolder
from justright.source import open_source
from justright.training.callbacks import Moment, StopTraining
from justright.tuning.halving import DEFAULT
from justright.tuning.records import HeldRows
from justright.tuning.study import Job, Outcome
from justright.workflow.fit import Fitted, Prepared, fit
from justright.workflow.held_out import write_held_out

__all__ = ["DEFAULT_ROWS", "Begin", "by_passes"]

DEFAULT_ROWS: Final = "default.parquet"
"""Held-out predictions of the default, beside the states of the trials."""

_PAUSED: Final = "the effort of this rung is used up"
_CUT: Final = "the time of this study is used up"
_SALT: Final = np.uint64(0x9E3779B97F4A7C15)  # so that parts of the rows do not follow their folds


def by_passes(family: str) -> bool:
    """Say whether the effort of a family is its passes, which can be paused; of others it is the rows."""
    return family == BOOSTED or is_network(family)


@dataclass(frozen=True)
class Begin:
    """How a worker of a study begins: it reads and prepares the rows once.

    Parameters
    ----------
    recipe : Recipe
        The default; its table is a path.
    folder : Path
        Where states lie, shared by all workers.
    """

    recipe: Recipe
    folder: Path

    def __call__(self) -> _Work:
        """Prepare the rows."""
        own = self.folder / f"worker-{os.getpid()}"
        own.mkdir(parents=True, exist_ok=True)
        return _Work(_prepared(self.recipe, RunFolder(own)), self.folder)


def _prepared(recipe: Recipe, folder: RunFolder) -> Prepared:
    """Read and encode the rows, as `train` does."""
    begin = time.perf_counter()
    if is_network(recipe.family) and recipe.network.cv:
        recipe = change(recipe, [f"split.folds={recipe.network.cv}"])
    source = open_source(recipe.table, sql=recipe.sql)
    schema, profile = infer_schema(
        source, target=recipe.target, task=recipe.task, kinds=recipe.kinds, drop=recipe.drop,
        weight=recipe.weight,
    )  # fmt: skip
    target = schema.target
    assert target is not None
    check_loss(target.task, recipe.loss, recipe.metric)
    loss = loss_for(recipe.loss, target.task, recipe.quantile)
    data = prepare(source, schema, recipe, loss=loss.name, folder=folder.scratch)
    return Prepared(source, schema, profile, loss, data, folder, begin)


class _Work:
    """Does jobs on rows that are ready.

    Parameters
    ----------
    prepared : Prepared
        The rows.
    folder : Path
        Where states lie.
    """

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        self.prepared = prepared
        self.folder = folder
        self._parts: dict[float, Prepared] = {1.0: prepared}

    def __call__(self, job: Job) -> Outcome:
        """Train as far as the effort goes, from where the trial was, and judge."""
        begin = time.monotonic()
        recipe = msgspec.structs.replace(job.recipe, baseline=False)
        if is_network(recipe.family) and recipe.network.cv:
            recipe = change(recipe, [f"split.folds={recipe.network.cv}"])
        passes = by_passes(recipe.family)
        prepared = self.prepared if passes else self._part(job.effort)
        state = self._begun(job)
        pause = _Pause(job.effort if passes else 1.0, job.until, _planned(recipe, prepared.data))
        fitted = fit(prepared, recipe, state, [pause])
        history = fitted.trained.history
        if history.ended == "interrupted":
            raise KeyboardInterrupt
        ended = passes and not fitted.trained.interrupted
        cut = history.ended == _CUT
        if ended or job.effort == 1.0 or not passes:
            state.unlink(missing_ok=True)
        elif not cut:
            state.replace(self._paused(job.trial, job.rung))
        if not cut:
            self._tell_default(job, fitted, whole=ended or job.effort == 1.0)
        rows = _rows(fitted)
        value = fitted.judgement.validation.value
        metric = float(value) if math.isfinite(value) else None
        return Outcome(rows, metric, history.passes, time.monotonic() - begin, ended, cut)

    def _begun(self, job: Job) -> Path:
        """Return the file of the state of a training: that of the pause on the rung below, or none.

        Whatever a process that was killed on this rung has left is not used: it may be past the pause.
        """
        state = self.folder / f"trial-{job.trial}.safetensors"
        state.unlink(missing_ok=True)
        below = self._paused(job.trial, job.rung - 1)
        if below.exists():
            shutil.copyfile(below, state)
        return state

    def _paused(self, trial: int, rung: int) -> Path:
        """Return where the state of a trial lies that was paused on a rung."""
        return self.folder / f"trial-{trial}-{rung}.safetensors"

    def _tell_default(self, job: Job, fitted: Fitted, *, whole: bool) -> None:
        """Keep what the default says of held-out rows, for the comparison with the winner."""
        target = self.prepared.schema.target
        if job.trial == DEFAULT and whole and target is not None:
            write_held_out(self.folder / DEFAULT_ROWS, fitted.judgement.held, target)

    def _part(self, share: float) -> Prepared:
        """Return a share of the rows, which holds every smaller share, prepared once."""
        if share not in self._parts:
            self._parts[share] = replace(self.prepared, data=_some(self.prepared.data, share))
        return self._parts[share]


class _Pause:
    """A callback that pauses a training whose effort is used up, and ends one whose time is."""

    def __init__(self, effort: float, until: float, planned: float) -> None:
        self.effort, self.until, self.planned = effort, until, planned

    def after_pass(self, moment: Moment) -> None:
        """Look at the pass."""
        if moment.done == len(moment.members):
            return  # it ends by its own rule
        if time.monotonic() > self.until:
            raise StopTraining(_CUT)
        if self.effort < 1.0 and _made(moment) >= self.effort * self.planned:
            moment.save()
            raise StopTraining(_PAUSED)


def _made(moment: Moment) -> float:
    """Return the rounds or passes that were made."""
    rounds = [row.norms["rounds"] for row in moment.rows if "rounds" in row.norms]
    return max(rounds) if rounds else moment.number * moment.rows[-1].share


def _planned(recipe: Recipe, data: DataModule) -> float:
    """Return the rounds or passes of all effort."""
    if is_network(recipe.family):
        return float(epochs_of(recipe.network, data.rows if recipe.network.cv else data.trained))
    return float(recipe.boosting.rounds)


def _rows(fitted: Fitted) -> HeldRows:
    """Return the held-out losses of the setting that the family itself chose."""
    held = fitted.judgement.held
    column = min(fitted.judgement.setting, held.losses.shape[1] - 1)
    return HeldRows(held.losses[:, column].copy(), held.weight[held.sampled].copy())


def _some(data: DataModule, share: float) -> DataModule:
    """Return the rows of a share, by their fingerprints, in the folds that they have."""
    limit = np.uint64(share * (2.0**64 - 2048))
    blocks, kept = [], []
    for block in data.blocks:
        mine = mix64(block.key ^ _SALT) <= limit
        kept.append(mine)
        if mine.any():
            blocks.append(block.take(np.flatnonzero(mine)))
    part = data.facts.part.copy()
    trained = np.flatnonzero(part == 0)
    part[trained[~np.concatenate(kept)]] = -1
    return replace(data, blocks=blocks, facts=replace(data.facts, part=part))
