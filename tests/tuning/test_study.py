"""The coordinator on functions that cost nothing, with an oracle for what it must do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from justright.errors import TrainingError
from justright.executors import Done, Here
from justright.recipe import Recipe
from justright.tuning.records import HeldRows, Trial, TrialFile
from justright.tuning.sampling import Sampler
from justright.tuning.space import Range, Space
from justright.tuning.study import Job, Outcome, Plan, Study

SPACE: Space = {"boosting.l2": Range(0.0, 10.0), "boosting.columns": Range(0.1, 1.0)}
RECIPE = Recipe(family="boosted")


def bowl(job: Job) -> float:
    own = job.recipe.boosting
    return (own.l2 - 7.0) ** 2 / 10.0 + (own.columns - 0.4) ** 2 + 0.5


def outcome(loss: float, *, ended: bool = False, cut: bool = False, seconds: float = 0.0) -> Outcome:
    return Outcome(HeldRows(np.full(8, loss), np.ones(8)), loss, 1, seconds, ended, cut)


def by_effort(job: Job) -> Outcome:
    """More effort brings every trial nearer to its end."""
    return outcome(bowl(job) + 0.3 * (1.0 - job.effort))


def study_in(
    folder: Path, work: Callable[[Job], Outcome] = by_effort, *, sampler: Sampler = "tpe", trials: int = 20,
    rungs: int = 3, seed: int = 0,
) -> Study:  # fmt: skip
    plan = Plan(SPACE, trials, sampler, rungs, seed)
    return Study(RECIPE, plan, TrialFile(folder, folder / "trials"), Here(lambda: work))


def lines_of(study: Study) -> list[tuple[object, ...]]:
    return [(t.number, t.rung, t.params, t.state, t.loss) for t in study.trials]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_each_sampler_comes_near_the_known_optimum(tmp_path: Path, sampler: Sampler) -> None:
    study = study_in(tmp_path, sampler=sampler, trials=40)
    study.run()
    assert study.best.loss is not None and study.best.loss < 0.75
    assert study.ended.startswith("all ")


def test_the_first_trial_is_the_default_and_the_best_is_never_worse(tmp_path: Path) -> None:
    # The default of l2 is 1, of columns 0.7: put the optimum there.
    study = study_in(tmp_path, lambda job: outcome(abs(job.recipe.boosting.l2 - 1.0)), trials=6, rungs=1)
    study.run()
    assert study.trials[0].params == {"boosting.l2": 1.0, "boosting.columns": 0.7}
    assert study.best.number == 0


def test_the_weak_are_stopped_and_the_best_goes_all_the_way(tmp_path: Path) -> None:
    """Oracle: losses keep their order on all rungs, so the best of all must be the best at the end."""
    study = study_in(tmp_path, sampler="random", trials=28)
    study.run()
    first = {t.number: t.loss for t in study.trials if t.rung == 0 and t.loss is not None}
    assert len(first) == 28
    order = sorted((number for number in first if number), key=lambda number: first[number])
    reached = {rung: {t.number for t in study.trials if t.rung == rung} for rung in range(3)}
    assert reached[2] <= reached[1] <= reached[0]
    # The best third is among those that climbed; asynchronous halving may let a few more climb early on.
    assert set(order[:9]) <= reached[1] and len(reached[1]) <= 18
    assert order[0] in reached[2] and 0 in reached[2] and len(reached[2]) <= 10
    assert study.best.number == min(first, key=lambda number: first[number])
    spent = sum(t.effort for t in study.trials)
    assert spent < 0.6 * 28


def test_what_ends_by_its_own_rule_takes_no_further_effort(tmp_path: Path) -> None:
    study = study_in(tmp_path, lambda job: outcome(bowl(job), ended=True), trials=10)
    study.run()
    assert [t.rung for t in study.trials] == [0] * 10
    assert study.compared == tuple(range(10))
    assert study.best.loss == min(t.loss for t in study.trials if t.loss is not None)


@pytest.mark.parametrize("stop", [1, 2, 5, 9, 14])
@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_a_killed_study_goes_on_as_if_it_had_not_been(tmp_path: Path, stop: int, sampler: Sampler) -> None:
    for name in ("whole", "part"):
        (tmp_path / name).mkdir()
    whole = study_in(tmp_path / "whole", sampler=sampler, trials=12)
    whole.run()

    class _KillError(BaseException):
        pass

    calls = []

    def killed(job: Job) -> Outcome:
        calls.append(job)
        if len(calls) > stop:
            raise _KillError
        return by_effort(job)

    with pytest.raises(_KillError):
        study_in(tmp_path / "part", killed, sampler=sampler, trials=12).run()
    part = study_in(tmp_path / "part", sampler=sampler, trials=12)
    assert len(part.trials) == stop
    part.run()
    assert lines_of(part) == lines_of(whole)
    assert part.best == part.last(whole.best.number)


def test_seeds_differ(tmp_path: Path) -> None:
    found = []
    for seed in (1, 1, 2):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        study = study_in(folder, trials=6, seed=seed)
        study.run()
        found.append(lines_of(study))
    assert found[0] == found[1] != found[2]


def test_a_trial_that_fails_is_written_down_and_the_study_goes_on(tmp_path: Path) -> None:
    def work(job: Job) -> Outcome:
        if job.trial == 2:
            raise TrainingError("all members diverged")
        return outcome(math.nan) if job.trial == 3 else by_effort(job)

    study = study_in(tmp_path, work, trials=8)
    study.run()
    failed = {t.number: t.why for t in study.trials if t.state == "failed"}
    assert set(failed) == {2, 3} and "diverged" in failed[2] and "no number" in failed[3]
    assert len(study.tried) == 8 and study.best.number not in failed
    assert lines_of(study_in(tmp_path, work, trials=8)) == lines_of(study)


def test_a_default_that_fails_ends_it(tmp_path: Path) -> None:
    def work(job: Job) -> Outcome:
        raise TrainingError("no rows")

    with pytest.raises(TrainingError, match="default that cannot be trained"):
        study_in(tmp_path, work).run()


def test_the_time_is_kept_and_the_winner_has_its_own(tmp_path: Path) -> None:
    def work(job: Job) -> Outcome:
        begin = time.monotonic()
        time.sleep(0.15 * job.effort)
        return outcome(bowl(job), seconds=time.monotonic() - begin)

    study = study_in(tmp_path, work, trials=1000, sampler="random")
    begin = time.monotonic()
    study.run(2.0)
    # Another training as long as the longest trial must fit.
    longest = max(t.seconds for t in study.trials)
    assert time.monotonic() - begin + longest < 2.5
    assert study.ended.startswith("the time was used up after") and 1 < len(study.tried) < 1000
    assert any(t.state == "complete" and t.number for t in study.trials)


def test_a_trial_that_the_time_cuts_is_not_judged(tmp_path: Path) -> None:
    def work(job: Job) -> Outcome:
        return outcome(0.0, cut=True) if job.trial == 3 else by_effort(job)

    study = study_in(tmp_path, work, trials=10)
    study.run()
    assert 3 not in {t.number for t in study.trials} and study.best.number != 3
    assert "the time was used up" in study.ended


def test_no_time_at_all_leaves_nothing(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    study.run(0.0)
    assert study.trials == [] and study.compared == ()
    with pytest.raises(TrainingError, match="--budget"):
        assert study.best


def test_several_workers_give_each_trial_once(tmp_path: Path) -> None:
    class Three(Here):
        size = 3  # type: ignore[misc]  # a wider pretence of the same executor

        def completed(self, timeout: float | None = None) -> Done | None:
            if len(self._waiting) > 1:
                self._waiting.rotate(1)  # the youngest first
            return super().completed(timeout)

    plan = Plan(SPACE, 15, "tpe", 3, 0)
    study = Study(RECIPE, plan, TrialFile(tmp_path, tmp_path / "t"), Three(lambda: by_effort))
    study.run()
    assert len({(t.number, t.rung) for t in study.trials}) == len(study.trials)
    assert sorted(study.tried) == list(range(15)) and 0 in study.compared
    names = [tuple(params.values()) for params in study.tried.values()]
    assert len(set(names)) == 15


def test_lines_of_the_disk_come_before_what_builds_on_them(tmp_path: Path) -> None:
    seen: list[tuple[Trial, int]] = []
    study = study_in(tmp_path, trials=4)
    study.heard = lambda trial: seen.append((trial, len(study.records.trials())))
    study.run()
    assert [count for _, count in seen] == list(range(1, len(seen) + 1))
