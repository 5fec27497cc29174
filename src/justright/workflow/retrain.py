"""The loop closed: a challenger by the champion's own recipe, and the alias moves only if harm is excluded.

    old rows + new rows, less those set apart -> challenger;  both on the rows set apart -> difference

Harm is excluded where the interval of the paired difference of the loss ends below `margin` per cent of the
champion's loss. It is a test of "not worse", not of "better": a challenger that has seen newer rows and is as
good is the one to have; one that is better by luck on few rows is not shown to be: its interval is wide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from justright.bundle.predictor import Predictor, load
from justright.errors import RecipeError, StorageError
from justright.evaluate.paired import Difference
from justright.metrics import metric
from justright.recipe import Recipe, change, from_data
from justright.registry import Entry, Record, Registry, Table, read_reference
from justright.registry.reference import CHAMPION
from justright.registry.tables import table_facts
from justright.source import Source, open_source
from justright.training.callbacks import Callback
from justright.values import figure
from justright.workflow.challenge import challenged
from justright.workflow.logged import is_log, labelled_rows
from justright.workflow.run import Run
from justright.workflow.set_apart import Apart, known_rows, set_apart
from justright.workflow.train import Phase, train_recipe

__all__ = ["JudgedRows", "Retrained", "retrain"]


_FAR: Final = 2.0  # widths of its interval by which the champion is worse than in training


class JudgedRows(msgspec.Struct, frozen=True):
    """Rows of a retraining: old ones, new ones, new ones that were old, and what became of the others."""

    old: int
    new: int
    already: int
    trained: int
    judged: int


class Retrained(msgspec.Struct, frozen=True, kw_only=True):
    """What a retraining found and did.

    Parameters
    ----------
    name, alias : str
        The model, and the alias that may move.
    champion, challenger : int
        Versions; equal where the training gave the same model again.
    run : str
        Folder of the challenger's run.
    family : str
        Its family.
    rows : JudgedRows
        How many rows did what.
    judged_by : str
        How the judging rows were chosen.
    metric : str
        The loss that decides.
    level : float
        Of the intervals.
    margin : float
        Harm that must be excluded, per cent of the champion's loss.
    harm : float
        The same in the unit of the metric.
    not_worse : bool
        Whether the interval excludes that harm.
    promoted : bool
        Whether the alias was moved.
    differences : tuple of Difference
        `challenger - champion` of each metric, the one that decides first.
    sentence : str
        The result in plain words.
    caution : str
        Where the champion is far worse on the judging rows than it was in training; empty else.
    next : str
        The next command.
    """

    name: str
    alias: str
    champion: int
    challenger: int
    run: str
    family: str
    rows: JudgedRows
    judged_by: str
    metric: str
    level: float
    margin: float
    harm: float
    not_worse: bool
    promoted: bool
    differences: tuple[Difference, ...]
    sentence: str
    caution: str
    next: str


@dataclass(frozen=True)
class _Ready:
    """All that is settled before the training."""

    entry: Entry
    record: Record
    alias: str
    champion: Predictor
    recipe: Recipe
    tables: tuple[Table, ...]
    old: tuple[Source, ...]
    new: Source
    apart: Apart
    old_rows: int


def retrain(
    text: str,
    new: str,
    *,
    registry: Registry,
    out: Path,
    promote: bool = False,
    judge: float = 30.0,
    margin: float = 1.0,
    old: str = "",
    level: float = 0.95,
    callbacks: Sequence[Callback] = (),
    on_phase: Callable[[Phase, Path], None] = lambda phase, run: None,
) -> Retrained:
    """Train a challenger on old and new rows, judge it beside the champion, register it.

    Parameters
    ----------
    text : str
        `churn`, which means its champion, or `churn@alias`.
    new : str
        Path of the new rows, with the target; or the log of a server, whose rows with labels are written to
        `out` as a table first. Rows of the old table in it are left out.
    registry : Registry
        Where the model is.
    out : Path
        Folder of runs, for that of the challenger.
    promote : bool, default False
        Move the alias where harm is excluded.
    judge : float, default 30
        Per cent of the new rows that judge and do not train: the latest in time where the recipe has a time
        column.
    margin : float, default 1
        Harm that the interval must exclude, per cent of the champion's loss; 0 = better beyond noise.
    old : str, optional
        Where the old table lies now, if not where it was.
    level : float, default 0.95
        Of the intervals.
    callbacks, on_phase
        As in `train_recipe`.

    Returns
    -------
    Retrained
        Also written into the history of the model, as the reason.

    Raises
    ------
    StorageError
        No such model or alias; the old table is gone or has changed.
    RecipeError
        The champion was registered without its run, or a share or margin that is none.
    TableError, ColumnError
        The new table does not fit, or leaves too few rows to judge on.

    Notes
    -----
    The time of a training, and two readings of each table.
    """
    if not 0.0 <= margin < 100.0:
        raise RecipeError(f"--margin {margin:g}", allowed="per cent, 0 or more", next_step="--margin 1")
    if is_log(new):
        champion, _ = _champion(text, registry)
        new = str(labelled_rows(new, load(champion.path), champion.name, out))
    ready = _prepare(text, new, registry, judge, old)
    recipe = change(ready.recipe, [f"task={ready.champion.task}"])
    # The rows of the run are several tables: it names none, so that nobody takes one of them for all.
    recipe = msgspec.structs.replace(recipe, table="", sql="")
    run = train_recipe(recipe, table=_joined(ready), out=out, callbacks=callbacks, on_phase=on_phase)
    if run.summary.interrupted:
        raise KeyboardInterrupt(f"the challenger was not registered; its run: {run.path}")
    found = challenged(
        ready.champion, run.model, ready.new, ready.apart, ready.recipe, run.summary.metric, level=level
    )
    entry = registry.register(
        run.path, ready.entry.name, why=f"challenger of {ready.entry.name}@{ready.entry.version}, with {new}",
        tables=(*ready.tables, table_facts(new, ready.recipe.sql)),
    )  # fmt: skip
    made = _decided(ready, run, found, entry, promote=promote, margin=margin, level=level, new=new)
    if made.promoted:
        registry.move(made.name, made.alias, made.challenger, made.sentence, expected=made.champion)
    else:
        registry.note(made.name, made.challenger, made.sentence)
    return made


def _prepare(text: str, new: str, registry: Registry, judge: float, old: str) -> _Ready:
    """Find the champion, its recipe and its rows, and set the judging rows apart."""
    entry, alias = _champion(text, registry)
    record = registry.record(entry)
    if not record.recipe:
        raise RecipeError(
            f"{entry.name}@{entry.version}, which was registered without its run",
            allowed="a model with a recipe",
            next_step=f"justright register RUN --name {entry.name} --alias {alias}",
        )
    recipe = from_data(record.recipe)
    tables = _tables(entry, record, old)
    champion = load(entry.path)
    sources = tuple(open_source(table.path, sql=table.sql) for table in tables)
    source = open_source(new, sql=tables[-1].sql)
    fresh = known_rows(source, champion.schema, recipe)
    known = [known_rows(each, champion.schema, recipe) for each in sources]
    apart = set_apart(known, fresh, recipe, judge)
    count = sum(len(each.row) for each in known)
    return _Ready(entry, record, alias, champion, recipe, tables, sources, source, apart, count)


def _champion(text: str, registry: Registry) -> tuple[Entry, str]:
    """Return the version that is to be beaten, and the alias that points to it."""
    asked = read_reference(text)
    if asked.version:
        raise RecipeError(
            f"model={text!r}, a version", allowed="NAME or NAME@ALIAS: an alias is what may move",
            next_step=f"justright retrain {asked.name} --with NEW",
        )  # fmt: skip
    alias = asked.alias or CHAMPION
    return registry.resolve(f"{asked.name}@{alias}"), alias


def _tables(entry: Entry, record: Record, old: str) -> tuple[Table, ...]:
    """Return the tables that trained a model, after checking that they are as they were."""
    model = f"{entry.name}@{entry.version}"
    if not record.tables:
        raise StorageError(
            f"{model}, whose rows were given in memory",
            allowed="a model that was trained on a table on disk",
            next_step="train on a file, and register that run",
        )
    if old and len(record.tables) > 1:
        raise RecipeError(
            f"--old for the {len(record.tables)} tables of {model}", allowed="a model of one table"
        )
    return tuple(_table(model, table, old) for table in record.tables)


def _table(model: str, table: Table, old: str) -> Table:
    """Return a table where it lies now; StorageError where it is gone or has changed."""
    found = table_facts(old or table.path, table.sql)
    if not found.sha256:
        raise StorageError(
            f"the table of {model}, which is gone", where=found.path, allowed="the rows that trained it",
            next_step="--old TABLE, where it lies now",
        )  # fmt: skip
    if table.note and not old:
        raise StorageError(
            f"the table of {model}, which cannot be relied upon: {table.note}", where=table.path,
            next_step="--old TABLE, if you have the rows that trained it",
        )  # fmt: skip
    if table.sha256 and not table.note and found.sha256 != table.sha256:
        raise StorageError(
            f"the table of {model}, which has changed: sha256 {found.sha256[:12]}...", where=found.path,
            allowed=f"{table.bytes:,} bytes with sha256 {table.sha256[:12]}...",
            next_step="--old TABLE, if you have the rows that trained it",
        )  # fmt: skip
    return found


def _joined(ready: _Ready) -> Source:
    """Return the rows of the challenger: old ones, and new ones that do not judge."""
    from justright.source.joined import JoinedSource

    return JoinedSource([*ready.old, ready.new], [*(None for _ in ready.old), ready.apart.trains])


def _decided(
    ready: _Ready,
    run: Run,
    found: tuple[Difference, ...],
    challenger: Entry,
    *,
    promote: bool,
    margin: float,
    level: float,
    new: str,
) -> Retrained:
    """Say whether harm is excluded, and what follows."""
    first, name, apart = found[0], ready.entry.name, ready.apart
    harm = margin / 100.0 * abs(first.first)
    same = challenger.model_id == ready.entry.model_id
    not_worse = not same and first.difference.high <= harm
    promoted = promote and not_worse
    back = f"justright register {name}@{ready.alias} --rollback"
    ahead = f"justright register {name}@{challenger.version} --alias {ready.alias}"
    said = _sentence(ready, challenger, first, harm, margin, level, not_worse=not_worse, promoted=promoted)
    rows = JudgedRows(
        ready.old_rows, len(apart.trains), apart.already, run.summary.rows.train, int(apart.judges.sum())
    )
    return Retrained(
        name=name,
        alias=ready.alias,
        champion=ready.entry.version,
        challenger=challenger.version,
        run=str(run.path),
        family=run.summary.family,
        rows=rows,
        judged_by=apart.sentence,
        metric=first.metric,
        level=level,
        margin=margin,
        harm=harm,
        not_worse=not_worse,
        promoted=promoted,
        differences=found,
        sentence=said,
        caution=_caution(ready.record, found, rows.judged),
        next=back
        if promoted
        else ahead
        if not_worse
        else f"justright register {name}@{challenger.version} --alias challenger",
    )


def _sentence(
    ready: _Ready,
    challenger: Entry,
    first: Difference,
    harm: float,
    margin: float,
    level: float,
    *,
    not_worse: bool,
    promoted: bool,
) -> str:
    """The result in plain words."""
    name, alias = ready.entry.name, ready.alias
    if challenger.model_id == ready.entry.model_id:
        return f"The training gave {name}@{challenger.version} again: {alias} stays where it is."
    gap = first.difference
    measured = (
        f"{first.metric} of {name}@{challenger.version} less that of {name}@{ready.entry.version} ({alias}) "
        f"is {figure(gap.value)} ({100 * level:.4g} % interval {figure(gap.low)} to {figure(gap.high)}) on "
        f"{ready.apart.sentence}"
    )
    if not not_worse:
        return (
            f"Harm is not excluded: {measured}; an upper end of at most {figure(harm)}, {margin:g} % of "
            f"the loss of {alias}, would exclude it. {alias} stays at version {ready.entry.version}."
        )
    what = f"{margin:g} % ({figure(harm)})" if margin else "none at all"
    moved = f"{alias} now points to version {challenger.version}" if promoted else f"{alias} was not moved"
    better = "It is better" if first.better == "second" else "It is not worse"
    return f"{better}: {measured}, which excludes a harm above {what}. {moved}."


def _caution(record: Record, found: tuple[Difference, ...], judged: int) -> str:
    """Say that the champion is far worse on these rows than in training: then the rows want a look first."""
    name, before = record.metric, record.validation
    now = next((each.first for each in found if each.metric == name), None)
    if now is None or not {"value", "low", "high"} <= set(before):
        return ""
    worse = now - before["value"] if not metric(name).greater_is_better else before["value"] - now
    # The interval of before is that of all training rows; that of the judging rows is wider, by their number.
    wide = (
        (before["high"] - before["low"]) / 2.0 * math.sqrt(1.0 + record.rows.get("train", 0) / max(judged, 1))
    )
    if not worse > _FAR * wide:
        return ""
    ends = f"{figure(before['low'])} to {figure(before['high'])}"
    return (
        f"{name} of the champion is {figure(now)} on these rows, and was {figure(before['value'])} ({ends}) "
        "in training: look at the new rows before you trust a model that has learned them."
    )
