"""Tuning: trials on rows that are prepared once, the winner against the default, and its training to the end.

    study.json     what is to be done: recipe, space, sampler, budget
    trials.jsonl   a line for each trial and rung, on the disk before anything builds on it
    tuning.json    what came of it
    trials/        states and losses, until the run has ended

All else is the run of the winner, as `train` leaves it.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from justright.errors import JustrightError, RecipeError, closest
from justright.evaluate.paired import Difference, paired_differences
from justright.evaluate.selection import luck
from justright.executors import Executor, Here, Processes
from justright.kinds import infer_schema
from justright.ladder import Tried, budget_for, standings
from justright.models.registry import FAMILIES, is_network
from justright.recipe import Recipe
from justright.runs import RunFolder, create, open_run
from justright.schema import FloatArray, Schema, Target
from justright.source import open_source
from justright.training.callbacks import Moment, StopTraining
from justright.tuning.halving import DEFAULT
from justright.tuning.importance import Importance, importance
from justright.tuning.records import Trial, TrialFile
from justright.tuning.sampling import Sampler, require_sampler
from justright.tuning.space import Space, applied, default_space
from justright.tuning.study import Plan, Study
from justright.values import figure
from justright.workflow.run import Run, load_run
from justright.workflow.train import train_recipe
from justright.workflow.trial import Begin, by_passes

__all__ = ["TUNING", "Tuned", "Tuning", "tune"]

TUNING: Final = "tuning.json"
"""The file of a run that says what its tuning found."""

_STUDY: Final = "study.json"
_LOSSES: Final = "trials"
_ROWS_A_RUNG: Final = 2_000  # rows of the lowest rung, for families that have no passes to share out
_RUNGS: Final = 3
_EXPORT: Final = 3.0  # seconds to judge the rows, to explain the model and to write it


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What tuning found.

    Parameters
    ----------
    family : str
        What was tuned.
    space : dict
        What was searched.
    sampler : str
        Who proposed.
    tried : int
        Trials, the default among them.
    ended : str
        Why no more.
    default_loss, best_loss : float or None
        Mean held-out losses; None where the default did not come to its end.
    best : int
        The trial with the least loss.
    chosen : {"default", "best"}
        What was trained to the end.
    params : dict
        Settings of the best trial.
    gap, error : float
        Mean difference of the default's losses to the best one's on the same rows, and its standard error.
    flattered : float
        By how much the least of so many losses is too low on average.
    difference : Difference or None
        The headline metric of default (first) and winner (second) on the same held-out rows; None where the
        default won.
    importance : tuple of Importance
        Which keys mattered, the most first.
    sentence : str
        The result in plain words.
    seconds : float
        Of all.
    """

    family: str
    space: Space
    sampler: Sampler
    tried: int
    ended: str
    default_loss: float | None
    best_loss: float | None
    best: int
    chosen: str
    params: dict[str, Any]
    gap: float
    error: float
    flattered: float
    difference: Difference | None = None
    importance: tuple[Importance, ...] = ()
    sentence: str = ""
    seconds: float = 0.0


class _Asked(msgspec.Struct, frozen=True):
    """What is in `study.json`."""

    recipe: Recipe
    plan: Plan
    budget: float | None
    workers: int


@dataclass(frozen=True)
class Tuned:
    """A tuned run: the run of the winner, what tuning found, and all trials."""

    run: Run
    tuning: Tuning
    trials: tuple[Trial, ...]


def tune(
    recipe: Recipe,
    *,
    out: Path,
    space: Space | None = None,
    trials: int = 30,
    budget: float | None = None,
    sampler: Sampler = "tpe",
    workers: int = 1,
    resume: Path | None = None,
    heard: Callable[[Trial], None] = lambda trial: None,
    on_run: Callable[[Path], None] = lambda run: None,
) -> Tuned:
    """Search for better settings of a family, and train the winner.

    Parameters
    ----------
    recipe : Recipe
        The default, which is the first trial; its table must be a path, its family one that can be tuned.
    out : Path
        Folder of runs.
    space : dict, optional
        What is searched; default: the family's own.
    trials : int, default 30
        At most so many, the default among them.
    budget : float, optional
        Seconds for everything, the training of the winner too; 0 = by the size of the table; None = no limit.
    sampler : {"tpe", "random", "grid"}
        Who proposes.
    workers : int, default 1
        Processes; each has its share of the cores.
    resume : Path, optional
        Folder of a tuning that was ended from outside; all else but `out` is taken from there.
    heard : callable, optional
        Hears of each trial and rung that is done.
    on_run : callable, optional
        Hears of the run folder before the first trial.

    Raises
    ------
    JustrightError
        Of the kind that fits: the table, a column, the recipe, the training, a library, the disk.

    Notes
    -----
    With one worker and without a limit of time the result is a function of table, recipe, space and seed,
    also where the process was killed and resumed. An interrupt ends the search; the best so far is trained.

    Examples
    --------
    >>> import tempfile
    >>> from justright.recipe import Recipe
    >>> folder = Path(tempfile.mkdtemp())
    >>> rows = "".join(f"{k % 7},{k % 5},{(k % 7) * (k % 5 - 2)}\\n" for k in range(120))
    >>> _ = (folder / "rows.csv").write_text("a,b,y\\n" + rows)
    >>> recipe = Recipe(table=str(folder / "rows.csv"), target="y", family="linear", baseline=False)
    >>> tuned = tune(recipe, out=folder / "runs", trials=2, sampler="grid")
    >>> [trial.state for trial in tuned.trials], tuned.run.summary.family
    (['complete', 'complete'], 'linear')
    """
    begin = time.monotonic()
    if resume is not None:
        folder = open_run(resume)
        asked = folder.read(_STUDY, _Asked)
        if folder.ended and (folder.path / TUNING).exists():
            return _read(folder)
    else:
        _check(recipe, trials, budget, workers)
        plan = Plan(space or default_space(recipe.family), trials, sampler, _RUNGS, recipe.seed)
        asked = _Asked(recipe, plan, budget, workers)
    require_sampler(asked.plan.sampler)
    schema, rows = _table(asked.recipe)
    if resume is None:
        asked = _sized(asked, rows)
        folder = create(out)
        folder.write("recipe.json", asked.recipe)
        folder.write(_STUDY, asked)
    on_run(folder.path)
    spent = time.monotonic() - begin
    study = _searched(folder, asked, heard, spent=spent, new=resume is None)
    return _finished(folder, asked, study, schema, begin)


def _check(recipe: Recipe, trials: int, budget: float | None, workers: int) -> None:
    """Refuse what cannot be tuned."""
    if recipe.family not in FAMILIES:
        raise RecipeError(
            f"family={recipe.family!r}",
            allowed=f"a single family, {closest(recipe.family, FAMILIES)}",
            next_step="--family boosted",
        )
    rules = (
        (bool(recipe.table), "no table", "a file of rows", "justright tune TABLE --target COL"),
        (bool(recipe.target), "no target", "the column to predict", "--target COLUMN"),
        (trials >= 1, f"trials={trials}", "1 and more", "--trials 30"),
        (budget is None or 0 <= budget < math.inf, f"budget={budget}", "seconds, above 0", "--budget 5m"),
        (workers >= 1, f"workers={workers}", "1 and more", "--workers 1"),
    )
    for holds, received, allowed, move in rules:
        if not holds:
            raise RecipeError(received, allowed=allowed, next_step=move)


def _table(recipe: Recipe) -> tuple[Schema, int]:
    """Look at the table: what its columns are, and how many rows it has."""
    source = open_source(recipe.table, sql=recipe.sql)
    schema, profile = infer_schema(
        source, target=recipe.target, task=recipe.task, kinds=recipe.kinds, drop=recipe.drop,
        weight=recipe.weight,
    )  # fmt: skip
    return schema, profile.rows


def _sized(asked: _Asked, rows: int) -> _Asked:
    """Return what is asked with what depends on the size of the table."""
    plan = asked.plan
    if not by_passes(asked.recipe.family):
        many = sum(rows / 3**rung >= _ROWS_A_RUNG for rung in range(1, _RUNGS))
        plan = msgspec.structs.replace(plan, rungs=1 + many)
    budget = budget_for(rows) if asked.budget == 0 else asked.budget
    return msgspec.structs.replace(asked, plan=plan, budget=budget)


def _searched(
    folder: RunFolder, asked: _Asked, heard: Callable[[Trial], None], *, spent: float, new: bool
) -> Study:
    """Make the trials; a study that cannot begin leaves no folder behind."""
    begin = Begin(asked.recipe, folder.path / _LOSSES)
    records = TrialFile(folder.path, folder.path / _LOSSES)
    budget = math.inf if asked.budget is None else asked.budget
    executor: Executor | None = None
    try:
        executor = Here(begin) if asked.workers == 1 else Processes(begin, asked.workers)
        study = Study(asked.recipe, asked.plan, records, executor, heard)
        try:
            # A network is compiled once, in its first trial: the winner's training is shorter.
            first = 0.6 if is_network(asked.recipe.family) else 0.45
            study.run(budget - spent, aside=spent + _EXPORT, first=first)
        except KeyboardInterrupt:
            if not study.compared:
                raise
            study.ended = f"interrupted after {len(study.tried)} trials"
    except (JustrightError, KeyboardInterrupt):
        if new and not records.trials():
            shutil.rmtree(folder.path, ignore_errors=True)
        raise
    finally:
        if executor is not None:
            executor.close()
    return study


def _finished(folder: RunFolder, asked: _Asked, study: Study, schema: Schema, begin: float) -> Tuned:
    """Choose, train the winner to the end, compare it with the default, and write down what was found."""
    found = _chosen(asked, study)
    recipe = asked.recipe if found.chosen == "default" else applied(asked.recipe, found.params)
    left = math.inf if asked.budget is None else asked.budget - study.spent - (time.monotonic() - begin)
    left -= _EXPORT
    if study.compared:
        # A training that was made once is made again, whatever the clock says.
        left = max(left, 1.2 * study.seconds(found.best) + _EXPORT)
    if not study.compared and is_network(recipe.family) and math.isfinite(left):
        # The default was cut short: its passes are planned so that they fit this time.
        network = msgspec.structs.replace(recipe.network, seconds=max(0.8 * left, 1.0))
        recipe = msgspec.structs.replace(recipe, network=network)
    if not folder.ended:
        folder.write("recipe.json", recipe)
        run = train_recipe(recipe, out=folder.path.parent, callbacks=(_Until(left),), resume=folder.path)
    else:
        run = load_run(folder.path)
    target = schema.target
    assert target is not None
    if found.chosen == "best":
        found = msgspec.structs.replace(found, difference=_difference(folder, run, target))
    found = msgspec.structs.replace(
        found, sentence=_sentence(found, run, len(study.compared)), seconds=time.monotonic() - begin
    )
    if found.sentence not in run.summary.verdict:
        said = f"{run.summary.verdict} {found.sentence}"
        run = Run(folder, msgspec.structs.replace(run.summary, verdict=said))
        folder.write("run.json", run.summary)
    folder.write(TUNING, found)
    shutil.rmtree(folder.path / _LOSSES, ignore_errors=True)
    return Tuned(run, found, tuple(study.trials))


class _Until:
    """A callback that ends the last training when the time is over."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def after_pass(self, moment: Moment) -> None:
        """End the training, where it is time."""
        if time.monotonic() > self.at:
            raise StopTraining("the budget is used up")


def _chosen(asked: _Asked, study: Study) -> Tuning:
    """Compare the best trial with the default by their losses on the same rows, and choose."""
    plan = asked.plan
    common: dict[str, Any] = {
        "family": asked.recipe.family,
        "space": plan.space,
        "sampler": plan.sampler,
        "tried": len(study.tried),
        "ended": study.ended,
        "importance": importance(plan.space, study.trials, plan.seed),
    }
    if DEFAULT not in study.compared:
        return Tuning(
            **common, default_loss=None, best_loss=None, best=DEFAULT, chosen="default", params={},
            gap=0.0, error=0.0, flattered=0.0,
        )  # fmt: skip
    best = study.best
    rows = {number: study.records.kept(number) for number in study.compared}
    weight = np.asarray(rows[DEFAULT].weight, np.float64)
    place = np.arange(len(weight))
    own, winner = (np.asarray(rows[number].loss, np.float64) for number in (DEFAULT, best.number))
    folds = asked.recipe.split.folds
    judged = 1 if is_network(asked.recipe.family) and not asked.recipe.network.cv else folds
    # Which row is of which fold does not matter to the error, only how many folds judged.
    fold = (place % judged).astype(np.int8)
    found = standings(
        [Tried(name, place, loss, weight, fold, folds) for name, loss in (("default", own), ("best", winner))]
    )
    flattered = _flattered([rows[number].loss for number in study.compared], weight, best.number, study)
    better = found[0].gap - flattered > found[0].error or asked.recipe.ladder.choose == "best"
    return Tuning(
        **common,
        default_loss=found[0].loss,
        best_loss=found[1].loss,
        best=best.number,
        chosen="best" if better and best.number != DEFAULT else "default",
        params=best.params,
        gap=found[0].gap,
        error=found[0].error,
        flattered=flattered,
    )


def _flattered(every: Sequence[Any], weight: FloatArray, best: int, study: Study) -> float:
    """Return by how much the least of these mean losses is too low on average."""
    losses = np.stack([np.asarray(each, np.float64) for each in every], axis=1)
    means = np.average(losses, axis=0, weights=weight)
    away = (losses - means) * (weight / weight.sum())[:, None]
    return luck(means, away.T @ away, study.compared.index(best), study.plan.seed)


def _difference(folder: RunFolder, run: Run, target: Target) -> Difference | None:
    """Compare the winner's held-out predictions with those of the default."""
    default = folder.path / _LOSSES / "default.parquet"
    ours, theirs = _predicted(folder.path / "out_of_fold.parquet", target), _predicted(default, target)
    both, second, first = np.intersect1d(ours["row"], theirs["row"], assume_unique=True, return_indices=True)
    if not len(both):
        return None
    at = 0.5 if run.summary.threshold is None else run.summary.threshold
    recipe = folder.read("recipe.json", Recipe)
    found = paired_differences(
        [run.summary.metric],
        theirs["target"][first],
        theirs["prediction"][first],
        ours["prediction"][second],
        theirs["weight"][first],
        theirs["fold"][first],
        folds=run.summary.folds,
        thresholds=(at, at),
        quantile=recipe.quantile,
    )
    return found[0] if found else None


def _predicted(path: Path, target: Target) -> dict[str, Any]:
    """Read held-out predictions; targets as class numbers or values."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    found = {name: table[name].to_numpy() for name in ("row", "fold", "weight", "target")}
    if not target.classes:
        return {**found, "prediction": table["prediction"].to_numpy()}
    codes = {name: number for number, name in enumerate(target.classes)}
    found["target"] = np.asarray([codes[str(name)] for name in table["target"].to_pylist()], np.int64)
    wanted = target.classes if target.task == "multiclass" else target.classes[1:2]
    columns = [table[f"probability_{name}"].to_numpy() for name in wanted]
    found["prediction"] = np.column_stack(columns) if target.task == "multiclass" else columns[0]
    return found


def _sentence(found: Tuning, run: Run, compared: int) -> str:
    """Say what tuning brought."""
    if found.default_loss is None:
        return f"Nothing was tuned: {found.ended}, before the default had come to its end."
    many = f"{found.tried} settings tried ({found.ended})"
    if found.tried == 1:
        return f"Nothing was tuned: {found.ended}."
    if found.best == DEFAULT:
        return f"Of {many} the default has the least held-out loss."
    flattered = f"the least of {compared} losses is too low by about {figure(found.flattered, 2)} a row"
    if found.chosen == "default":
        return (
            f"Of {many} the default is as good: the held-out loss of the best one, trial {found.best}, is"
            f" lower by {figure(found.gap, 3)} a row, its standard error is {figure(found.error, 2)}, and"
            f" {flattered}."
        )
    said = f"Of {many} trial {found.best} was taken: "
    shown = found.difference
    if shown is None:
        said += f"its held-out loss is lower by {figure(found.gap, 3)} a row"
    else:
        gap = shown.difference
        way = "higher" if gap.value > 0 else "lower"
        ends = (gap.low, gap.high) if gap.value > 0 else (-gap.high, -gap.low)
        said += (
            f"its {shown.metric} is {way} than the default's by {figure(abs(gap.value))} (95 % interval"
            f" {figure(ends[0])} to {figure(ends[1])}) on the same held-out rows"
        )
        said += ", which may be chance" if shown.better == "neither" else ""
    share = min(found.flattered / found.gap, 1.0) if found.gap > 0 else 1.0
    return f"{said}; but {flattered}, {figure(100 * share, 2)} % of the gain."


def _read(folder: RunFolder) -> Tuned:
    """Read a tuning that has ended."""
    from justright.tuning.records import read_trials

    return Tuned(load_run(folder.path), folder.read(TUNING, Tuning), read_trials(folder.path))
