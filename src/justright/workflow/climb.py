"""The ladder on prepared rows: every rung that the budget affords is trained and judged, one is chosen.

Rungs see the same rows, folds and features. A network is judged on one held-out part, the others by all
folds: two rungs are compared on the rows of both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import MissingExtraError, TrainingError
from justright.ladder import Standing, Tried, budget_for, chosen, standings
from justright.models.blend import BLEND
from justright.models.boosted import BOOSTED
from justright.models.neural.defaults import epochs_of
from justright.models.registry import is_network
from justright.recipe import Recipe, Split, change
from justright.schema import Finding
from justright.training.callbacks import Callback, StopTraining
from justright.values import figure
from justright.workflow.blend import blend
from justright.workflow.fit import Fitted, Prepared, fit
from justright.workflow.summary import Baselines, Rung

__all__ = ["Climbed", "climb"]

# What rungs promise, and cost: a rung may take its share among those that are left to try.
_SHARES: Final = {"linear": 1.0, "crossed": 3.0, "boosted": 4.0, "neural": 6.0, "wide-deep": 6.0}
_LAST: Final = (
    0.9  # of its share, for a network, which plans its passes: it has to be compiled and judged too
)
_LEAST: Final = 6.0  # seconds below which a network is not begun: it compiles first
_USUAL: Final = 4.0  # of a family of the user's own
# Trees: a thousand rounds, at milliseconds a tree and core that grow with the cells it reads (adult 3.3,
# california 1.3, letter, whose trees share their bins, 1.3).
_ROUNDS: Final = 1_000
_TREE: Final = 0.9
_CELL: Final = 5.5e-6
_CORES: Final = 2
# Rows of a pass that a member of the usual network trains in a second, on two cores.
_PACE: Final = 15_000
_WIDE: Final = 20  # columns up to which that holds
_PASSES: Final = 8  # fewer say nothing of a network
_FEW: Final = 500  # rows below which a network is not tried: its held-out part would tell nothing
_SPENT: Final = "the budget is used up"


@dataclass(frozen=True)
class Climbed:
    """What the ladder gives.

    Parameters
    ----------
    fitted : Fitted
        The chosen rung.
    rungs : tuple of Rung
        All that were tried, for the summary.
    standings : tuple of Standing
        Of each, in the same order.
    findings : tuple of Finding
        Rungs that were left out or cut, and why this one was chosen.
    why : str
        The last of these, for the verdict; empty where one rung was asked for.
    """

    fitted: Fitted
    rungs: tuple[Rung, ...]
    standings: tuple[Standing, ...]
    findings: tuple[Finding, ...]
    why: str = ""


@dataclass
class _Deadline:
    """A callback that ends a training when its time is over."""

    at: float

    def after_pass(self, moment: Any) -> None:
        """End the training, where it is time."""
        if time.perf_counter() > self.at:
            raise StopTraining(_SPENT)


def climb(prepared: Prepared, recipe: Recipe, callbacks: Sequence[Callback] = ()) -> Climbed:
    """Train the rungs from simple to complex and choose one.

    Parameters
    ----------
    prepared : Prepared
        The rows.
    recipe : Recipe
        Budget, rungs and rule of the choice in `recipe.ladder`.
    callbacks : sequence of Callback
        Called after each pass of each rung.

    Raises
    ------
    TrainingError
        No rung could be trained.
    """
    budget = recipe.ladder.budget or budget_for(prepared.data.rows)
    end = prepared.begin + budget
    made: list[Fitted] = []
    seconds: list[float] = []
    told: list[Finding] = []
    interrupted = False
    names = [rung for rung in recipe.ladder.rungs if rung != BLEND]
    for place, name in enumerate(names):
        begin = time.perf_counter()
        # The first rung is what all others are compared with: it has the whole budget.
        share = _share(name, names[place:]) if made else 1.0
        reason = _left_out(name, prepared, end - begin) if made else ""
        if reason:
            told.append(_skipped(name, reason))
            continue
        try:
            fitted = _rung(name, prepared, recipe, share * max(end - begin, 0.0), callbacks)
        except (TrainingError, MissingExtraError) as error:
            if len(recipe.ladder.rungs) == 1:
                raise
            told.append(_skipped(name, str(error)))
            continue
        except KeyboardInterrupt:
            if not made:
                raise
            # The rungs below stand: an interrupt ends the climbing, not the run.
            told.append(_skipped(name, "the run was interrupted"))
            interrupted = True
            break
        seconds.append(time.perf_counter() - begin)
        if fitted.trained.history.ended == _SPENT:
            told.append(_cut(name, seconds[-1]))
            fitted = replace(fitted, trained=replace(fitted.trained, interrupted=False))
        made.append(fitted)
        interrupted = fitted.trained.interrupted
        if interrupted:
            break
    if BLEND in recipe.ladder.rungs and len(made) > 1 and not interrupted:
        begin = time.perf_counter()
        last = blend(prepared, recipe, made)
        if isinstance(last, str):
            told.append(_skipped(BLEND, last, ""))
        else:
            made.append(last)
            seconds.append(time.perf_counter() - begin)
    if not made:
        raise TrainingError("a ladder without a rung", where="; ".join(f.sentence for f in told))
    fold = np.concatenate([block.fold[:, 0] for block in prepared.data.blocks])
    return _choice(made, seconds, recipe, told, fold)


def _share(name: str, left: Sequence[str]) -> float:
    """Return the share of the time left that a rung may take, of those left to try."""
    return _SHARES.get(name, _USUAL) / sum(_SHARES.get(later, _USUAL) for later in left)


def _rung(
    name: str, prepared: Prepared, recipe: Recipe, seconds: float, callbacks: Sequence[Callback]
) -> Fitted:
    """Train and judge one rung within its share of the budget."""
    own = msgspec.structs.replace(change(recipe, [f"family={name}"]), baseline=False)
    checkpoint = prepared.folder.checkpoint_of(name)
    if is_network(name):
        # The first rung is tried whatever is left.
        asked = own.network.seconds or float("inf")
        seconds = min(asked, max(_LAST * seconds, _LEAST))
        cv = own.network.cv or _folds_afforded(prepared, own, seconds)
        network = msgspec.structs.replace(own.network, seconds=seconds, cv=cv)
        own = msgspec.structs.replace(own, network=network, split=_once(own.split))
        return fit(prepared, own, checkpoint, callbacks)
    if name == BOOSTED and not _trees_afforded(prepared, own, seconds):
        boosting = msgspec.structs.replace(own.boosting, cv=False)
        own = msgspec.structs.replace(own, boosting=boosting, split=_once(own.split))
    deadline = _Deadline(time.perf_counter() + seconds)
    return fit(prepared, own, checkpoint, [*callbacks, deadline])


def _folds_afforded(prepared: Prepared, recipe: Recipe, seconds: float) -> int:
    """Return the folds of a network where all of them and the model itself fit into its time, else 0."""
    rows, folds = prepared.data.rows, recipe.split.folds
    work = rows * epochs_of(recipe.network, rows) * (folds + 1)
    return folds if work <= _pace(prepared) * (seconds - _LEAST) else 0


def _trees_afforded(prepared: Prepared, recipe: Recipe, seconds: float) -> bool:
    """Say whether trees for every fold and for the model itself fit into their time."""
    plan, target = prepared.data.plan.data, prepared.schema.target
    trees = len(target.classes) if target and target.task == "multiclass" else 1
    trees *= min(recipe.boosting.rounds, _ROUNDS) * (recipe.split.folds * recipe.split.repeats + 1)
    cells = prepared.data.rows * (len(plan.numeric) + len(plan.categorical))
    return trees * (_TREE + _CELL * cells) / 1000.0 / _CORES <= seconds


def _once(split: Split) -> Split:
    """Return a split whose folds are cut once."""
    return msgspec.structs.replace(split, repeats=1)


def _left_out(name: str, prepared: Prepared, left: float) -> str:
    """Say why a rung is not tried; empty where it is."""
    if left <= 0:
        return _SPENT
    if is_network(name) and prepared.data.rows < _FEW:
        return f"{prepared.data.rows} rows are too few to train and to judge a network; from {_FEW} on"
    least = _LEAST + _PASSES * prepared.data.rows / _pace(prepared)
    if is_network(name) and left < least:
        return f"{left:.0f} s of the budget are left, and a network needs {least:.0f} on these rows"
    return ""


def _pace(prepared: Prepared) -> float:
    """Return the rows of a pass that a member of the usual network trains in a second."""
    plan = prepared.data.plan.data
    return _PACE / max(1.0, (len(plan.numeric) + len(plan.categorical)) / _WIDE)


def _choice(
    made: list[Fitted],
    seconds: list[float],
    recipe: Recipe,
    told: list[Finding],
    fold: npt.NDArray[np.int8],
) -> Climbed:
    """Compare the rungs and choose; `fold` is that of each row of the table."""
    found = standings([_tried(fitted, fold, recipe.split.folds) for fitted in made])
    place = chosen(found, recipe.ladder.choose)
    rungs = tuple(
        _shown(fitted, took, found[number], number == place)
        for number, (fitted, took) in enumerate(zip(made, seconds, strict=True))
    )
    fitted = made[place]
    trees = next((rung.value for rung in rungs if rung.family == "boosted"), None)
    baselines = Baselines(fitted.judgement.baselines.base_rate, trees)
    fitted = replace(fitted, judgement=replace(fitted.judgement, baselines=baselines))
    if len(recipe.ladder.rungs) == 1:
        return Climbed(fitted, rungs, found, tuple(told))
    why = _why(found, place, recipe)
    return Climbed(fitted, rungs, found, (*told, why), why.sentence)


def _tried(fitted: Fitted, fold: npt.NDArray[np.int8], folds: int) -> Tried:
    """Return the held-out losses of a rung."""
    held, setting = fitted.judgement.held, fitted.judgement.setting
    rows = held.sampled
    column = min(setting, held.losses.shape[1] - 1)
    loss = held.losses[:, column].astype(np.float64)
    place = held.place[rows]
    # The folds of the table: those of a blend may be its own, while its parts were judged by these.
    return Tried(fitted.family, place, loss, held.weight[rows], fold[place], folds)


def _shown(fitted: Fitted, seconds: float, standing: Standing, is_chosen: bool) -> Rung:
    """Return a rung for the summary."""
    value = fitted.judgement.validation
    return Rung(
        fitted.family,
        value.value,
        value.low,
        value.high,
        seconds,
        is_chosen,
        loss=standing.loss,
        train=fitted.judgement.train_loss if np.isfinite(fitted.judgement.train_loss) else None,
        gap=standing.gap,
        error=standing.error,
        judged=standing.rows,
    )


def _why(found: Sequence[Standing], place: int, recipe: Recipe) -> Finding:
    """Say why a rung was chosen."""
    own, best = found[place], min(found, key=lambda one: one.gap)
    if own.name == best.name:
        others = [one for one in found[:place] if not one.as_good]
        sentence = f"Of {len(found)} rungs tried {own.name} has the least held-out loss"
        if len(found) == 1:
            sentence = f"No rung but {own.name} could be tried"
        if others and recipe.ladder.choose == "simplest":
            near = min(others, key=lambda one: one.gap)
            sentence += (
                f", and no simpler rung comes within one standard error of it: {near.name} loses"
                f" {figure(near.gap, 3)} a row more (standard error {figure(near.error, 2)})"
            )
    else:
        sentence = (
            f"Of {len(found)} rungs tried {own.name} is just right: {best.name} has the least"
            f" held-out loss, but the difference of"
            f" {figure(own.gap, 3)} a row is within its standard error ({figure(own.error, 2)})"
        )
    evidence = {
        "chosen": own.name,
        "best": best.name,
        "rungs": [msgspec.to_builtins(one) for one in found],
    }
    move = "" if own.name == best.name else "--choose best takes the best"
    return Finding("rung-chosen", "info", f"{sentence}.", evidence, move)


def _skipped(name: str, reason: str, move: str | None = None) -> Finding:
    """Say that a rung was left out."""
    sentence = f"The rung {name} was left out: {reason.rstrip('.')}."
    move = f"--family {name} trains it alone" if move is None else move
    return Finding("rung-skipped", "info", sentence, {"rung": name}, move)


def _cut(name: str, seconds: float) -> Finding:
    """Say that a rung was ended by the budget."""
    sentence = f"The rung {name} was ended after {seconds:.1f} s: its share of the budget was used up."
    move = "--budget with more time"
    return Finding("rung-cut", "info", sentence, {"rung": name, "seconds": round(seconds, 2)}, move)
