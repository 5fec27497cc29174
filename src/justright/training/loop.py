"""The Trainer: asks a Learner for passes, keeps the best state, stops, writes history and checkpoints.

It knows a Learner, Blocks, members and callbacks, and nothing else: no family, no file format of a
table, no model format.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from justright.errors import TrainingError
from justright.models.base import Learner, Progress, Spec, State
from justright.schema import Block, Member
from justright.training.callbacks import Callback, Moment, StopTraining
from justright.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from justright.training.history import History, Row, rows_of_pass

__all__ = ["Trained", "Trainer"]

_FLAT_PASSES = 3  # so many passes without change end a gradient method
_LEAST_PATIENCE = 5


@dataclass(frozen=True)
class Trained:
    """What a training ends with.

    Parameters
    ----------
    state : dict of arrays
        The best state.
    history : History
        All passes.
    failed : tuple of int
        Members that diverged.
    interrupted : bool
        Whether it was ended from outside before its own rule.
    rule : str
        Why members diverged and what would do, where any did; else the rule of the last pass.
    kept : tuple of int
        Of each member, the pass whose state is in `state`: its rows of history are those of the model.
    """

    state: State
    history: History
    failed: tuple[int, ...]
    interrupted: bool
    rule: str = ""
    kept: tuple[int, ...] = ()


class Trainer:
    """Train a population of members.

    Parameters
    ----------
    learner : Learner
        The family.
    callbacks : sequence of Callback
        Called after each pass.
    checkpoint : Path or None
        File to save to and resume from; None saves nothing.
    every : float
        Least seconds between two checkpoints.
    """

    def __init__(
        self,
        learner: Learner,
        *,
        callbacks: Sequence[Callback] = (),
        checkpoint: Path | None = None,
        every: float = 2.0,
    ) -> None:
        self.learner = learner
        self.callbacks = tuple(callbacks)
        self.checkpoint = checkpoint
        self.every = every

    def fit(
        self,
        spec: Spec,
        members: Sequence[Member],
        blocks: Sequence[Block],
        *,
        seed: int = 0,
        question: str = "",
    ) -> Trained:
        """Train until every member is done, has stopped improving, or the passes are used up.

        Parameters
        ----------
        spec : Spec
            Loss, features and settings.
        members : sequence of Member
            The population.
        blocks : sequence of Block
            The rows, none of them test rows.
        seed : int
            Seed of everything random.
        question : str
            Fingerprint of all of the above: a checkpoint of another question is not resumed.

        Raises
        ------
        TrainingError
            No member can be trained: all diverged, or there are no rows.
        """
        if not blocks:
            raise TrainingError("a table without rows to train on", allowed="at least two rows")
        course = _Course(spec, tuple(members))
        begin = time.perf_counter()
        saved = load_checkpoint(self.checkpoint, question) if self.checkpoint else None
        if saved is not None:
            state = saved.state
            course.restore(saved)
            if self.learner.resume == "replay":
                # What replays needs its rows again, even where no pass is left to make.
                self.learner.start(spec, blocks, members, seed)
        else:
            state = self.learner.start(spec, blocks, members, seed)
        interrupted, last_save = False, begin

        def save() -> None:
            if self.checkpoint is not None:
                save_checkpoint(self.checkpoint, course.checkpoint(state, question))

        try:
            while not course.ended:
                state, progress = self.learner.advance(spec, state, blocks, members, course.number)
                fresh = course.take(state, progress, keeps_best=self.learner.early_stopping)
                if time.perf_counter() - last_save >= self.every:
                    save()
                    last_save = time.perf_counter()
                self._tell(
                    Moment(course.number, course.members, tuple(fresh), course.done_count, state, save)
                )
        except StopTraining as reason:
            course.ended, interrupted = str(reason) or "stopped by a callback", True
        except KeyboardInterrupt:
            if course.number == 0:
                raise
            course.ended, interrupted = "interrupted", True
        rule = course.failure or course.rule
        if course.failed.all():
            raise TrainingError(f"a training in which all {len(members)} members diverged", where=rule)
        best = course.best or state
        history = History(tuple(course.rows), course.ended, time.perf_counter() - begin)
        return Trained(
            best, history, tuple(np.flatnonzero(course.failed).tolist()), interrupted, rule, course.kept
        )

    def _tell(self, moment: Moment) -> None:
        """Call the callbacks."""
        for callback in self.callbacks:
            callback.after_pass(moment)


class _Course:
    """Where a training stands: counters, best losses, rows of history."""

    def __init__(self, spec: Spec, members: tuple[Member, ...]) -> None:
        self.spec = spec
        self.members = members
        self.number = 0
        self.work = 0.0
        self.steps = 0
        self.rows: list[Row] = []
        self.ended = ""
        self.rule = ""
        self.failure = ""
        self.best: State = {}
        self.failed = np.zeros(len(members), bool)
        self.stopped = np.zeros(len(members), bool)
        self.done_count = 0
        settings = 1 + max(member.setting for member in members)
        self.setting = np.asarray([member.setting for member in members])
        self.judged = np.asarray([member.fold >= 0 for member in members])
        self.best_loss = [math.inf] * settings
        self.best_pass = [0] * settings
        self.flat = [0] * settings
        self.last_train = [math.inf] * settings

    @property
    def kept(self) -> tuple[int, ...]:
        """Of each member, the pass whose state is kept."""
        if not self.best:
            return (self.number,) * len(self.members)
        return tuple(self.best_pass[setting] or 1 for setting in self.setting)

    def take(self, state: State, progress: Progress, *, keeps_best: bool) -> list[Row]:
        """Note what a pass brought; sets `ended` when nothing is left to do."""
        self.number += 1
        # A pass over a sample of the rows costs its share of one: the limit counts whole passes.
        self.work += progress.curves[-1].share if progress.curves else 1.0
        self.steps += progress.steps
        if progress.failed is not None:
            self.failed = np.asarray(progress.failed, bool)
        done = progress.done | self.failed
        self.rule = progress.rule
        self.failure = progress.rule if self.failed.any() else ""
        if keeps_best:
            self._stop(state, progress)
            done = done | self.stopped
        done_progress = Progress(
            progress.curves, done, progress.norms, progress.steps, progress.rule, self.failed
        )
        progress_of = self.number / self.spec.descent.epochs
        rates = [member.rate * self.spec.schedule(progress_of) for member in self.members]
        fresh = rows_of_pass(self.number, self.steps, done_progress, self.members, rates)
        self.rows += fresh
        self.done_count = int(done.sum())
        if done.all():
            self.ended = self.rule or "every member has converged"
        elif self.work >= self.spec.descent.epochs:
            self.ended = f"all {self.spec.descent.epochs} passes are used up"
        return fresh

    def _stop(self, state: State, progress: Progress) -> None:
        """Keep the best state of each setting and stop those that no longer improve, for good."""
        curve = progress.curves[-1]
        for setting in range(len(self.best_loss)):
            of = self.setting == setting
            if self.stopped[of].all():
                continue
            judged = of & self.judged
            by = curve.validation if progress.criterion is None else progress.criterion
            held = float(np.mean(by[judged])) if judged.any() else float(np.mean(curve.train[of]))
            # Of passes that a coarse metric cannot tell apart the last one counts.
            tied = progress.criterion is not None and held == self.best_loss[setting]
            if held < self.best_loss[setting] or tied:
                self.best_loss[setting], self.best_pass[setting] = held, self.number
                self._keep(state, of)
            train = float(np.mean(curve.train[of]))
            change = abs(self.last_train[setting] - train) / max(abs(train), 1e-12)
            self.flat[setting] = self.flat[setting] + 1 if change < self.spec.descent.tolerance else 0
            self.last_train[setting] = train
            patience = max(_LEAST_PATIENCE, self.spec.descent.patience * self.number)
            waited = self.number - self.best_pass[setting] > patience
            if waited or self.flat[setting] >= _FLAT_PASSES:
                self.stopped |= of
                self.rule = "no better on validation rows" if waited else "training loss no longer changes"

    def _keep(self, state: State, of: Any) -> None:
        """Copy the members `of` into the best state; arrays have the members as their last axis."""
        if not self.best:
            self.best = {name: array.copy() for name, array in state.items()}
            return
        for name, array in state.items():
            self.best[name][..., of] = array[..., of]

    def checkpoint(self, state: State, question: str) -> Checkpoint:
        """Return everything that is needed to go on."""
        counters = {
            "best_loss": [None if math.isinf(x) else x for x in self.best_loss],
            "best_pass": self.best_pass,
            "flat": self.flat,
            "last_train": [None if math.isinf(x) else x for x in self.last_train],
            "failed": self.failed.tolist(),
            "stopped": self.stopped.tolist(),
            "failure": self.failure,
            "done_count": self.done_count,
            "work": self.work,
            "ended": self.ended,
            "rule": self.rule,
        }
        return Checkpoint(self.number, self.steps, state, self.best, counters, self.rows, question)

    def restore(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint."""
        counters = saved.counters
        self.number, self.steps, self.rows = saved.number, saved.steps, list(saved.rows)
        self.work = float(counters["work"])
        self.best_loss = [math.inf if x is None else x for x in counters["best_loss"]]
        self.last_train = [math.inf if x is None else x for x in counters["last_train"]]
        self.best_pass, self.flat = counters["best_pass"], counters["flat"]
        self.failed = np.asarray(counters["failed"], bool)
        self.stopped, self.failure = np.asarray(counters["stopped"], bool), counters["failure"]
        self.done_count, self.ended, self.rule = counters["done_count"], counters["ended"], counters["rule"]
        self.best = {name: array.copy() for name, array in saved.best.items()}
