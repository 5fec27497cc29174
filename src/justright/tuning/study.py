"""The coordinator of a study: one loop that asks what to try, hands it out, hears, and writes it down.

With one worker and without a limit of time the trials are a function of recipe, space and seed: what comes
next is read off what is known, and what is known is on the disk. A study that was killed reads its lines and
goes on; the trial that it was at is begun again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from justright.errors import TrainingError
from justright.executors import Done, Executor
from justright.recipe import Recipe
from justright.tuning.halving import DEFAULT, Climb, climbs, efforts
from justright.tuning.records import HeldRows, Records, State, Trial
from justright.tuning.sampling import Known, Sampler, proposed
from justright.tuning.space import Params, Space, applied, values_in

__all__ = ["Job", "Outcome", "Plan", "Study"]

_AGAIN: Final = 1.3  # times the longest trial, for the training of the winner


class Plan(msgspec.Struct, frozen=True):
    """What a study is to do.

    Parameters
    ----------
    space : dict
        What is searched.
    trials : int
        How many, the default among them.
    sampler : {"tpe", "random", "grid"}
        Who proposes.
    rungs : int
        Rungs of effort; 1 = all effort for each.
    seed : int
        Of the proposals.
    """

    space: Space
    trials: int = 30
    sampler: Sampler = "tpe"
    rungs: int = 3
    seed: int = 0


@dataclass(frozen=True)
class Job:
    """A trial on a rung, as a worker gets it.

    Parameters
    ----------
    trial, rung : int
        Which.
    effort : float
        Share of all effort that it may have made at its end, above 0 to 1.
    recipe : Recipe
        What is trained.
    until : float
        When it must end, by `time.monotonic`; inf = whenever.
    """

    trial: int
    rung: int
    effort: float
    recipe: Recipe
    until: float = math.inf


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Parameters
    ----------
    rows : HeldRows
        Losses of the held-out rows.
    metric : float or None
        The headline metric on them.
    passes : int
        Of the training, from its beginning.
    seconds : float
        Of this job.
    ended : bool
        The training came to its end by its own rule.
    cut : bool
        It was ended by `Job.until`: it says nothing about this rung.
    """

    rows: HeldRows
    metric: float | None = None
    passes: int = 0
    seconds: float = 0.0
    ended: bool = False
    cut: bool = False


@dataclass
class Study:
    """A search.

    Parameters
    ----------
    recipe : Recipe
        The default: trial 0, and what all others are changes of.
    plan : Plan
        What to do.
    records : Records
        What is known so far, and where to write what comes to be known.
    executor : Executor
        Takes a `Job`, gives an `Outcome`.
    heard : callable
        Hears of each line that is written.

    Examples
    --------
    >>> from justright.executors import Here
    >>> from justright.tuning.space import Range
    >>> import numpy as np
    >>> def fit(job):
    ...     loss = np.full(4, (job.recipe.boosting.l2 - 3.0) ** 2)
    ...     return Outcome(HeldRows(loss, np.ones(4)), ended=True)
    >>> class Memory(list):
    ...     def trials(self): return self
    ...     def keep(self, number, rows): pass
    >>> plan = Plan({"boosting.l2": Range(0.0, 10.0)}, trials=11, sampler="grid")
    >>> study = Study(Recipe(), plan, Memory(), Here(lambda: fit))
    >>> study.run()
    >>> study.best.params
    {'boosting.l2': 3.0}
    """

    recipe: Recipe
    plan: Plan
    records: Records
    executor: Executor
    heard: Callable[[Trial], None] = lambda trial: None
    ended: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.efforts = efforts(self.plan.rungs)
        self.climb = Climb(self.plan.rungs)
        self.tried: dict[int, Params] = {}
        self.trials: list[Trial] = []
        self._at_work: dict[int, Job] = {}
        self._exhausted = self._closing = False
        self._begin, self._first = time.monotonic(), 1.0
        for trial in self.records.trials():
            self._take(trial)
        self.spent = max((trial.at for trial in self.trials), default=0.0)

    def run(self, budget: float = math.inf, *, aside: float = 0.0, first: float = 0.45) -> None:
        """Search until the trials or the time are used up; sets `ended`.

        Parameters
        ----------
        budget : float
            Seconds for all: what an earlier process spent counts, and the training of the winner does.
        aside : float
            Seconds of that training that are none of it, such as reading the table again.
        first : float
            Share of the time that the default may take: it, or another as long, is trained once more.

        Raises
        ------
        TrainingError
            The default itself cannot be trained.
        """
        self._begin = time.monotonic() - self.spent
        end = self._begin + budget - aside
        self._first = first
        while True:
            while len(self._at_work) < self.executor.size:
                job = self._next(end)
                if job is None:
                    break
                number = job.trial * self.plan.rungs + job.rung
                self._at_work[number] = job
                self.executor.submit(number, job)
            done = self.executor.completed()
            if done is None:
                break
            self._hear(done, self._at_work.pop(done.number))
        if not self.ended:
            known = len(self.tried)
            self.ended = (
                f"the time was used up after {known} of {self.plan.trials} trials"
                if self._closing
                else f"all {known} settings of the space have been tried"
                if self._exhausted
                else f"all {known} trials have been made"
            )

    @property
    def best(self) -> Trial:
        """The trial with the least loss of those that were not stopped before their end."""
        whole = [self.last(number) for number in self.compared]
        if not whole:
            raise TrainingError("a study in which no trial came to its end", next_step="more time: --budget")
        return min(whole, key=lambda trial: (trial.loss, trial.number))

    def last(self, number: int) -> Trial:
        """Return the last line of a trial."""
        return next(trial for trial in reversed(self.trials) if trial.number == number)

    def seconds(self, number: int) -> float:
        """Return the seconds that a trial took on all rungs."""
        return sum(each.seconds for each in self.trials if each.number == number)

    @property
    def compared(self) -> tuple[int, ...]:
        """Numbers of the trials among which the best is chosen: those that were not stopped early."""
        return tuple(sorted(trial.number for trial in self.trials if trial.state in ("ended", "complete")))

    def _next(self, end: float) -> Job | None:
        """Return what is to be done next; None where nothing is, or no time is left for it."""
        last = self._closing or self._exhausted or len(self.tried) >= self.plan.trials
        self.climb.settle(last=last)
        busy = {job.trial for job in self._at_work.values()}
        if DEFAULT not in self.tried:
            return self._job(DEFAULT, 0, values_in(self.recipe, self.plan.space), end)
        for trial, rung in climbs(self.climb, busy, last=last):
            return self._job(trial, rung, self.tried[trial], end)
        if last:
            return None
        if self._left(end) < self._cost(0) + self._to_the_top():
            self._closing = True
            return self._next(end)
        plan = self.plan
        number = len(self.tried)
        params = proposed(
            plan.space, self._known(), sampler=plan.sampler, seed=plan.seed, number=number,
            trials=plan.trials,
        )  # fmt: skip
        if params is None:
            self._exhausted = True
            return self._next(end)
        return self._job(number, 0, params, end)

    def _job(self, trial: int, rung: int, params: Params, end: float) -> Job | None:
        """Return a job, or None where its time is not left."""
        if self._left(end) <= (0.0 if trial == DEFAULT else self._cost(rung)):
            self._closing = True
            return None
        self.tried[trial] = params
        recipe = self.recipe if trial == DEFAULT else applied(self.recipe, params)
        return Job(trial, rung, self.efforts[rung], recipe, time.monotonic() + self._left(end))

    def _left(self, end: float) -> float:
        """Return the seconds that are left for trials: what the winner takes is not."""
        top = self.climb.top
        if DEFAULT not in top:
            # Until the default has ended nothing is known of what a training takes.
            return self._begin + self._first * (end - self._begin) - time.monotonic()
        longest = max(self.seconds(number) for number in top)
        return end - _AGAIN * longest - time.monotonic()

    def _cost(self, rung: int) -> float:
        """Return the mean seconds of a trial on a rung; 0 where nobody knows."""
        seen = [each.seconds for each in self.trials if each.rung == rung and each.state != "failed"]
        return sum(seen) / len(seen) if seen else 0.0

    def _to_the_top(self) -> float:
        """Return the seconds that it takes one trial to climb, where none but the default has."""
        if len(self.climb.top) > 1:
            return 0.0
        return sum(self._cost(rung) for rung in range(1, self.plan.rungs))

    def _known(self) -> list[Known]:
        """Return what the sampler is told."""
        found = []
        for number in sorted(self.tried):
            rung = self.climb.highest(number)
            loss = self.climb.losses[rung][number] if rung >= 0 else None
            found.append(Known(self.tried[number], loss, max(rung, 0), rung == self.plan.rungs - 1))
        return found

    def _hear(self, done: Done, job: Job) -> None:
        """Write down what became of a job."""
        at = time.monotonic() - self._begin
        params, outcome = self.tried[job.trial], done.result
        if isinstance(outcome, Outcome) and outcome.cut:
            self._closing = True
            if self.climb.highest(job.trial) < 0:
                del self.tried[job.trial]
            return
        if not isinstance(outcome, Outcome) or not math.isfinite(outcome.rows.mean):
            why = done.failure or "its held-out loss is no number"
            if job.trial == DEFAULT:
                raise TrainingError(f"a default that cannot be trained: {why}", next_step="justright train")
            self._write(Trial(job.trial, job.rung, job.effort, params, "failed", at=at, why=why))
            return
        top = job.rung == self.plan.rungs - 1
        state: State = "complete" if top else "ended" if outcome.ended else "paused"
        if state != "paused":
            self.records.keep(job.trial, outcome.rows)
        rows = outcome.rows
        self._write(
            Trial(
                job.trial, job.rung, job.effort, params, state, rows.mean, rows.error, outcome.metric,
                outcome.passes, outcome.seconds, at,
            )
        )  # fmt: skip

    def _write(self, trial: Trial) -> None:
        """Write a line, then build on it."""
        self.records.append(trial)
        self._take(trial)
        self.heard(trial)

    def _take(self, trial: Trial) -> None:
        """Build on a line."""
        self.trials.append(trial)
        self.tried[trial.number] = trial.params
        if trial.loss is None:
            self.climb.failed.add(trial.number)
        else:
            self.climb.take(trial.number, trial.rung, trial.loss, ended=trial.state == "ended")
