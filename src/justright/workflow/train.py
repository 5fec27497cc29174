"""The whole road: rows -> schema -> split and features -> training -> judging -> bundle."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from justright.datamodule import DataModule, prepare
from justright.diagnose.rows import check_rows
from justright.errors import ColumnError, RecipeError, TableError, TrainingError, closest
from justright.kinds import Profile, infer_schema
from justright.metrics.suitability import check_loss
from justright.models.blend import BLEND
from justright.models.registry import FAMILIES, is_network
from justright.optim.losses import Loss, loss_for
from justright.recipe import Recipe, change, from_data
from justright.runs import RunFolder, create, open_run
from justright.schema import Finding, Schema, Task
from justright.source import Source, open_source
from justright.split import SplitAudit
from justright.training.callbacks import Callback
from justright.workflow.audit import split_audit
from justright.workflow.climb import Climbed, climb
from justright.workflow.export import export_bundle
from justright.workflow.family import GLASS_BOX, LADDER, family_of
from justright.workflow.findings import findings_of, in_order
from justright.workflow.fit import Fitted, Phase, Prepared, fit, write_training
from justright.workflow.held_out import write_held_out
from justright.workflow.judge import Judgement
from justright.workflow.population import one_part
from justright.workflow.race import passes_of
from justright.workflow.run import Run, load_run
from justright.workflow.summary import Rows, Seconds, Summary
from justright.workflow.terms import TERMS, crosses_of, reading_of
from justright.workflow.trained_on import write_table, write_trained_on
from justright.workflow.verdict import verdict

__all__ = ["Phase", "train", "train_recipe"]

# Rows up to which folds are repeated: there the luck of one cut into folds moves the choice.
_SMALL: Final = 1_000
_REPEATS: Final = 3


def train(
    table: object,
    *,
    target: str,
    out: str | Path = "runs",
    recipe: Recipe | None = None,
    callbacks: Sequence[Callback] = (),
    **choices: Any,
) -> Run:
    """Train, judge and save a model of a table.

    Parameters
    ----------
    table : path, data frame, Arrow table, dict of columns, ...
        The rows; see `justright.source.open_source`.
    target : str
        Column to predict.
    out : str or Path, default "runs"
        Folder that holds runs; a new one is made in it.
    recipe : Recipe, optional
        Choices to start from; default: none, which needs no tuning.
    callbacks : sequence of Callback
        Called after each pass.
    **choices
        Single choices of the Recipe by name (`family="linear"`, `seed=3`, `split={"folds": 10}`).

    Returns
    -------
    Run
        With `.summary`, `.history`, `.findings`, `.model`.

    Raises
    ------
    JustrightError
        Of the kind that fits: the table, a column, the recipe, the training or the disk.

    Examples
    --------
    >>> import tempfile
    >>> size = [float(i % 37) for i in range(200)]
    >>> rows = {"size": size, "price": [3.0 * x + i % 2 for i, x in enumerate(size)]}
    >>> run = train(rows, target="price", out=tempfile.mkdtemp(), baseline=False)
    >>> round(run.summary.metrics["r2"].value, 2)
    1.0
    """
    data: dict[str, Any] = msgspec.to_builtins(recipe or Recipe())
    for name, value in choices.items():
        inner = data.get(name)
        data[name] = {**inner, **value} if isinstance(inner, dict) and isinstance(value, Mapping) else value
    data["target"] = target
    if isinstance(table, str | Path):
        data["table"] = str(table)
    return train_recipe(from_data(data), table=table, out=Path(out), callbacks=callbacks)


def train_recipe(
    recipe: Recipe,
    *,
    table: object = None,
    out: Path,
    callbacks: Sequence[Callback] = (),
    resume: Path | None = None,
    on_phase: Callable[[Phase, Path], None] = lambda phase, run: None,
) -> Run:
    """Run a recipe from its rows to its model; with `resume`, go on with a run that was killed.

    Parameters
    ----------
    recipe : Recipe
        Every choice.
    table : object, optional
        The rows where `recipe.table` names none.
    out : Path
        Folder of runs.
    callbacks : sequence of Callback
        Called after each pass.
    resume : Path, optional
        Folder of a run that has not ended; its recipe is used.
    on_phase : callable, optional
        Hears each phase as it begins, with the run folder.

    Notes
    -----
    An interrupt (KeyboardInterrupt) after the first pass of the training ends in a model. Any other one
    leaves the run folder where there is a checkpoint to go on with, and nothing where there is none.
    """
    begin = time.perf_counter()
    if resume is not None:
        recipe = open_run(resume).read("recipe.json", Recipe)
        if open_run(resume).ended:
            return load_run(resume)
    recipe = _checked(recipe)
    source = open_source(table if table is not None else recipe.table, sql=recipe.sql)
    schema, profile = _read(source, recipe)
    target = schema.target
    assert target is not None
    check_loss(target.task, recipe.loss, recipe.metric)
    _check_preset(recipe, target.task)
    loss = loss_for(recipe.loss, target.task, recipe.quantile)
    read = time.perf_counter()
    recipe = _repeated(recipe, profile.rows)
    with _opened(recipe, out, resume) as folder:
        on_phase("preparing", folder.path)
        data = _prepare(folder, source, schema, recipe, loss, keep=resume is not None)
        report = split_audit(data, schema, recipe)
        encoded = time.perf_counter()
        prepared = Prepared(source, schema, profile, loss, data, folder, begin, on_phase)
        rungs = _rungs(recipe, family_of(recipe, data.plan, data.rows))
        climbed = climb(prepared, rungs, callbacks) if rungs else None
        fitted = climbed.fitted if climbed else fit(prepared, recipe, folder.checkpoint, callbacks)
        write_training(folder, fitted.trained)
        trained_at = time.perf_counter() if climbed else fitted.trained_at
        return _finished(
            prepared, fitted, report, (read - begin, encoded - read, trained_at - encoded), climbed
        )


def _check_preset(recipe: Recipe, task: Task) -> None:
    """Refuse a floor of recall or precision where there are not two classes."""
    if recipe.preset != "cost" and task != "binary":
        raise RecipeError(
            f"preset={recipe.preset!r} with a {task} target",
            allowed="a target of two classes",
            next_step="leave --preset out",
        )


def _repeated(recipe: Recipe, rows: int) -> Recipe:
    """Return a recipe that repeats the folds of a small table, where families are to be compared on them."""
    if recipe.family not in ("auto", LADDER) or recipe.split.time or rows > _SMALL:
        return recipe
    return change(recipe, [f"split.repeats={max(recipe.split.repeats, _REPEATS)}"])


def _rungs(recipe: Recipe, family: str) -> Recipe | None:
    """Return the ladder that a recipe asks for: of all, of one family within a budget, or none."""
    if family == LADDER:
        return recipe
    if not recipe.ladder.budget:
        return None
    return msgspec.structs.replace(recipe, ladder=msgspec.structs.replace(recipe.ladder, rungs=(family,)))


def _checked(recipe: Recipe) -> Recipe:
    """Return a recipe that can be run; RecipeError else."""
    families = ("auto", LADDER, GLASS_BOX, *FAMILIES)
    if recipe.family not in families:
        raise RecipeError(f"family={recipe.family!r}", allowed=closest(recipe.family, families))
    for name in recipe.ladder.rungs:
        if name not in (*FAMILIES, BLEND):
            raise RecipeError(f"ladder.rungs with {name!r:.60}", allowed=closest(name, (*FAMILIES, BLEND)))
    if not recipe.target:
        raise RecipeError("no target", allowed="the column to predict", next_step="--target COLUMN")
    if is_network(recipe.family) and recipe.network.cv:
        return change(recipe, [f"split.folds={recipe.network.cv}"])
    return recipe


def _finished(
    prepared: Prepared,
    fitted: Fitted,
    report: SplitAudit,
    times: tuple[float, float, float],
    climbed: Climbed | None,
) -> Run:
    """Write the model and all that a run leaves."""
    folder, schema, judgement, trained = prepared.folder, prepared.schema, fitted.judgement, fitted.trained
    target = schema.target
    assert target is not None
    findings = findings_of(
        prepared.source, schema, prepared.profile, fitted.recipe, fitted.data, trained, judgement,
        report.findings, fitted.spec,
    )  # fmt: skip
    findings = in_order([*findings, *_of_rows(prepared, judgement), *(climbed.findings if climbed else ())])
    reading = reading_of(
        fitted.learner, fitted.spec, trained, fitted.members, judgement.member, fitted.data.blocks,
        fitted.family, fitted.recipe,
    )  # fmt: skip
    model_id = export_bundle(prepared, fitted, findings, reading)
    write_held_out(folder.path / "out_of_fold.parquet", judgement.held, target)
    write_trained_on(folder, fitted.data)
    write_table(folder, fitted.recipe)
    seconds = Seconds(*times, time.perf_counter() - prepared.begin)
    summary = _summary(folder, model_id, judgement, fitted.data, schema, fitted.recipe, seconds)
    if is_network(fitted.family):
        summary = _of_network(summary, fitted)
    if one_part(fitted.recipe, fitted.family, fitted.data.rows):
        held_out = fitted.data.rows - fitted.data.trained
        rows = msgspec.structs.replace(summary.rows, held_out=held_out)
        summary = msgspec.structs.replace(summary, rows=rows)
    if climbed is not None:
        said = f"{summary.verdict} {climbed.why}".strip()
        summary = msgspec.structs.replace(summary, ladder=list(climbed.rungs), verdict=said)
    crosses = crosses_of(reading, getattr(fitted.learner, "search_seconds", 0.0))
    summary = msgspec.structs.replace(
        summary, findings=findings, interrupted=trained.interrupted, crosses=crosses
    )
    if reading is not None:
        folder.write_bytes(TERMS, msgspec.json.encode(reading) + b"\n")
    files = {
        "schema": schema,
        "profile": prepared.profile,
        "split": report,
        "evaluation": judgement.evaluation,
    }
    return _ended(folder, files, summary)


def _of_rows(prepared: Prepared, judgement: Judgement) -> list[Finding]:
    """Return what the rows are that a training takes for granted that they are not."""
    held = judgement.held
    return check_rows(
        prepared.data,
        prepared.schema,
        metric=judgement.metric,
        place=held.place,
        prediction=held.prediction,
        target=held.target,
        weight=held.weight,
        source=prepared.source,
    )


def _ended(folder: RunFolder, files: Mapping[str, Any], summary: Summary) -> Run:
    """Write what a run leaves, the summary last: it says that the run has ended."""
    for name, value in files.items():
        folder.write(f"{name}.json", value)
    folder.write("run.json", summary)
    folder.clean()
    return Run(folder, summary)


def _summary(
    folder: RunFolder,
    model_id: str,
    judgement: Judgement,
    data: DataModule,
    schema: Schema,
    recipe: Recipe,
    seconds: Seconds,
) -> Summary:
    """Put together what `train --json` prints, findings apart."""
    target = schema.target
    assert target is not None
    family = family_of(recipe, data.plan, data.rows)
    return Summary(
        run=str(folder.path),
        model=str(folder.model),
        model_id=model_id,
        task=target.task,
        family=family,
        target=target.column.name,
        rows=Rows(data.rows, data.test_rows),
        folds=recipe.split.folds,
        metric=judgement.metric,
        validation=judgement.validation,
        metrics=judgement.evaluation.metrics,
        baselines=judgement.baselines,
        ladder=judgement.ladder(family, seconds.train),
        threshold=judgement.threshold.value if judgement.threshold else None,
        seconds=seconds,
        verdict=verdict(judgement, schema, family),
        findings=[],
        hyperparameters=judgement.hyperparameters,
    )


def _of_network(summary: Summary, fitted: Fitted) -> Summary:
    """Add what only networks have: how their passes went."""
    seconds = getattr(fitted.learner, "compile_seconds", None)
    passes = passes_of(fitted.trained, fitted.judgement.member, seconds)
    return msgspec.structs.replace(summary, passes=passes)


@contextmanager
def _opened(recipe: Recipe, out: Path, resume: Path | None) -> Iterator[RunFolder]:
    """Yield a new run folder, or the one to resume without what a killed run may have left half done.

    An interrupt removes a new folder that has no checkpoint: there is nothing to go on with.
    """
    if resume is not None:
        folder = open_run(resume)
        folder.clear_unfinished()
        yield folder
        return
    folder = create(out)
    try:
        folder.write("recipe.json", recipe)
        yield folder
    except KeyboardInterrupt:
        if not folder.checkpoints and not folder.ended:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _prepare(
    folder: RunFolder, source: Source, schema: Schema, recipe: Recipe, loss: Loss, *, keep: bool
) -> DataModule:
    """Encode the rows; rows that cannot be trained on leave no run behind."""
    try:
        return prepare(source, schema, recipe, loss=loss.name, folder=folder.scratch)
    except (RecipeError, ColumnError, TableError, TrainingError):
        if not keep:
            shutil.rmtree(folder.path, ignore_errors=True)
        raise


def _read(source: Source, recipe: Recipe) -> tuple[Schema, Profile]:
    """Infer the schema."""
    return infer_schema(
        source,
        target=recipe.target,
        task=recipe.task,
        kinds=recipe.kinds,
        drop=recipe.drop,
        weight=recipe.weight,
    )
