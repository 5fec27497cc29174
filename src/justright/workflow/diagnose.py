"""Diagnose a run from its folder, and run the next move beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from justright.diagnose.curves.columns import columns_of
from justright.diagnose.curves.losses import base_loss
from justright.diagnose.curves.verdict import Verdict, diagnose_curves
from justright.diagnose.evidence import Evidence, HeldRows, Rival
from justright.errors import RecipeError, StorageError
from justright.kinds import Profile
from justright.metrics import metric
from justright.models.registry import FAMILIES, is_network
from justright.optim.losses import loss_for
from justright.recipe import Recipe, change
from justright.schema import Schema
from justright.training.history import Row
from justright.workflow.compare import Comparison, compare
from justright.workflow.run import Run
from justright.workflow.train import train_recipe

__all__ = ["Brought", "apply_move", "diagnose_run", "evidence_of"]


@dataclass(frozen=True)
class Brought:
    """What a next move brought.

    Parameters
    ----------
    run : Run
        The new run.
    change : tuple of str
        What was changed.
    comparison : Comparison
        Old run (first) and new one (second) on the rows that both held out.
    """

    run: Run
    change: tuple[str, ...]
    comparison: Comparison


def diagnose_run(run: Run) -> Verdict:
    """Say what the curves of a run ask for.

    Raises
    ------
    StorageError
        Files of the run are missing or damaged.
    """
    return diagnose_curves(evidence_of(run))


def evidence_of(run: Run) -> Evidence:
    """Read what a diagnosis needs of a run.

    Raises
    ------
    StorageError
        Files of the run are missing or damaged.
    """
    recipe = run.folder.read("recipe.json", Recipe)
    recipe = msgspec.structs.replace(recipe, family=run.summary.family)
    profile = run.folder.read("profile.json", Profile)
    held, _ = _held(run)
    history = run.history
    loss = loss_for(recipe.loss, run.summary.task, recipe.quantile)
    classes = held.prediction.shape[1] if held.prediction.ndim == 2 else 1
    return Evidence(
        _chosen(history.rows, run),
        run.summary.task,
        run.summary.family,
        recipe,
        run.summary.rows.train - run.summary.rows.held_out,
        _planned(recipe, history.passes),
        base_loss(loss, held, classes, _scale(run)),
        held,
        _rival(run),
        columns_of(profile),
        0,
        history.ended,
        # Trees are cut at their best round as well.
        run.summary.passes is not None or run.summary.family == "boosted",
    )


def apply_move(run: Run, verdict: Verdict, out: Path, changes: Sequence[str] = ()) -> Brought:
    """Train again with the first next move that is a change of the recipe, and compare.

    Parameters
    ----------
    run : Run
        The run that was diagnosed; its table must still be where it was.
    verdict : Verdict
        Of `diagnose_run`.
    out : Path
        Folder of runs.
    changes : sequence of str, optional
        Other changes than those of the verdict.

    Raises
    ------
    RecipeError
        No move of the verdict is a change of the recipe, or the rows were in memory and are gone.
    """
    move = tuple(changes) or next((cause.change for cause in verdict.causes if cause.change), ())
    if not move:
        raise RecipeError(
            "a verdict without a change of the recipe",
            allowed="a run of which some cause names one",
            next_step="do what the finding says, then train again",
        )
    recipe = run.folder.read("recipe.json", Recipe)
    if not recipe.table:
        raise RecipeError(
            "a run whose rows were in memory",
            allowed="a run of a table that can be read again",
            next_step="train again with " + " ".join(f"--set {each}" for each in move),
        )
    if run.summary.family in FAMILIES:
        # Of a ladder, the rung that was chosen: the others are not in question.
        recipe = msgspec.structs.replace(recipe, family=run.summary.family)
    made = train_recipe(change(recipe, move), out=out)
    return Brought(made, move, compare(run.path, made.path))


def _planned(recipe: Recipe, made: int) -> int:
    """Return how many passes were planned; those that were made where the recipe leaves it open."""
    if is_network(recipe.family):
        return recipe.network.epochs or made
    return made if recipe.descent.optimizer == "exact" else recipe.descent.epochs


def _chosen(rows: Sequence[Row], run: Run) -> tuple[Row, ...]:
    """Return the rows of the setting that was chosen: the one with its penalty."""
    penalty = run.summary.hyperparameters.get("penalty", 0.0)
    own = {row.setting for row in rows if row.penalty == penalty}
    kept = [row for row in rows if row.setting in own] or list(rows)
    judged = any(row.fold >= 0 for row in kept)
    # Where no rows judge, the curve of all rows is all there is.
    return tuple(row if judged else msgspec.structs.replace(row, fold=0) for row in kept)


def _held(run: Run) -> tuple[HeldRows, Any]:
    """Read the out-of-fold predictions, and the number of each row."""
    import pyarrow.parquet as pq

    schema = run.folder.read("schema.json", Schema)
    assert schema.target is not None
    try:
        table = pq.read_table(run.path / "out_of_fold.parquet")
    except OSError as error:
        raise StorageError(f"run={str(run.path)!r}", where=f"out_of_fold.parquet: {error}") from error
    named = {name: table[name] for name in table.column_names}
    classes = schema.target.classes
    if not classes:
        target = named["target"].to_numpy()
        prediction = named["prediction"].to_numpy()
    else:
        codes = {text: number for number, text in enumerate(classes)}
        target = np.asarray([codes[str(text)] for text in named["target"].to_pylist()], np.int32)
        columns = [named[f"probability_{c}"].to_numpy() for c in classes if f"probability_{c}" in named]
        prediction = columns[0] if len(columns) == 1 else np.column_stack(columns)
    weight, fold = named["weight"].to_numpy(), named["fold"].to_numpy()
    return HeldRows(target, np.asarray(prediction, np.float64), weight, fold), named["row"].to_numpy()


def _scale(run: Run) -> float:
    """Return what the target was divided by in training."""
    from justright.bundle.format import read_bundle

    target = read_bundle(run.folder.model).model.features.get("target") or {}
    return float(target.get("scale", 1.0)) if run.summary.task == "regression" else 1.0


def _rival(run: Run) -> Rival | None:
    """Return what boosted trees reached, where they were fitted."""
    base, boosted = run.summary.baselines.base_rate, run.summary.baselines.boosted
    if base is None or boosted is None:
        return None
    judged = metric(run.summary.metric)
    ours = run.summary.validation.value
    if judged.name in ("log_loss", "rmse"):
        loss = boosted if judged.name == "log_loss" else 0.5 * (boosted / _scale(run)) ** 2
        return Rival(judged.name, base, boosted, ours, judged.greater_is_better, loss)
    return Rival(judged.name, base, boosted, ours, judged.greater_is_better)
