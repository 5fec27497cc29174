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

from justright.errors import MissingExtraError, TrainingError
from justright.ladder import Standing, Tried, budget_for, chosen, standings
from justright.models.registry import is_network
from justright.recipe import Recipe, change
from justright.schema import Finding
from justright.training.callbacks import Callback, StopTraining
from justright.values import figure
from justright.workflow.fit import Fitted, Prepared, fit
from justright.workflow.summary import Baselines, Rung

__all__ = ["LADDER", "Climbed", "climb"]

LADDER: Final = "ladder"
"""Name of the family that is all of them."""

_SHARES: Final = {"linear": 0.2, "crossed": 0.4, "boosted": 0.5}  # of what is left of the budget
_LAST: Final = 0.9  # of what is left, for a network, which plans its passes
_LEAST: Final = 6.0  # seconds below which a network is not begun: it compiles first
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
    """

    fitted: Fitted
    rungs: tuple[Rung, ...]
    standings: tuple[Standing, ...]
    findings: tuple[Finding, ...]


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
    for name in recipe.ladder.rungs:
        begin = time.perf_counter()
        reason = _left_out(name, prepared, end - begin) if made else ""
        if reason:
            told.append(_skipped(name, reason))
            continue
        try:
            fitted = _rung(name, prepared, recipe, end, callbacks)
        except (TrainingError, MissingExtraError) as error:
            told.append(_skipped(name, str(error)))
            continue
        except KeyboardInterrupt:
            if not made:
                raise
            # The rungs below stand: an interrupt ends the climbing, not the run.
            told.append(_skipped(name, "the run was interrupted"))
            break
        seconds.append(time.perf_counter() - begin)
        if fitted.trained.history.ended == _SPENT:
            told.append(_cut(name, seconds[-1]))
            fitted = replace(fitted, trained=replace(fitted.trained, interrupted=False))
        made.append(fitted)
        if fitted.trained.interrupted:
            break
    if not made:
        raise TrainingError("a ladder without a rung", where="; ".join(f.sentence for f in told))
    return _choice(made, seconds, recipe, told)


def _rung(name: str, prepared: Prepared, recipe: Recipe, end: float, callbacks: Sequence[Callback]) -> Fitted:
    """Train and judge one rung within its share of what is left."""
    own = msgspec.structs.replace(change(recipe, [f"family={name}"]), baseline=False)
    left = max(end - time.perf_counter(), 0.0)
    checkpoint = prepared.folder.checkpoint_of(name)
    if is_network(name):
        # The first rung is tried whatever is left.
        asked = own.network.seconds or float("inf")
        seconds = min(asked, max(_LAST * left, _LEAST))
        own = msgspec.structs.replace(own, network=msgspec.structs.replace(own.network, seconds=seconds))
        return fit(prepared, own, checkpoint, callbacks)
    deadline = _Deadline(time.perf_counter() + _SHARES.get(name, 0.5) * left)
    return fit(prepared, own, checkpoint, [*callbacks, deadline])


def _left_out(name: str, prepared: Prepared, left: float) -> str:
    """Say why a rung is not tried; empty where it is."""
    if left <= 0:
        return _SPENT
    if is_network(name) and prepared.data.rows < _FEW:
        return f"{prepared.data.rows} rows are too few to train and to judge a network; from {_FEW} on"
    if is_network(name) and left < _LEAST:
        return f"{left:.0f} s of the budget are left, less than compiling it takes"
    return ""


def _choice(made: list[Fitted], seconds: list[float], recipe: Recipe, told: list[Finding]) -> Climbed:
    """Compare the rungs and choose."""
    found = standings([_tried(fitted) for fitted in made])
    place = chosen(found, recipe.ladder.choose)
    rungs = tuple(
        _shown(fitted, took, found[number], number == place)
        for number, (fitted, took) in enumerate(zip(made, seconds, strict=True))
    )
    fitted = made[place]
    trees = next((rung.value for rung in rungs if rung.family == "boosted"), None)
    baselines = Baselines(fitted.judgement.baselines.base_rate, trees)
    fitted = replace(fitted, judgement=replace(fitted.judgement, baselines=baselines))
    return Climbed(fitted, rungs, found, (*told, _why(found, place, recipe)))


def _tried(fitted: Fitted) -> Tried:
    """Return the held-out losses of a rung."""
    held, setting = fitted.judgement.held, fitted.judgement.setting
    rows = held.sampled
    column = min(setting, held.losses.shape[1] - 1)
    loss = held.losses[:, column].astype(np.float64)
    return Tried(fitted.family, held.place[rows], loss, held.weight[rows])


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
        train=_train_loss(fitted),
        gap=standing.gap,
        error=standing.error,
        judged=standing.rows,
    )


def _train_loss(fitted: Fitted) -> float | None:
    """Return the training loss of the exported member after the pass that was kept."""
    trained, member = fitted.trained, fitted.judgement.member
    kept = trained.kept[member] if trained.kept else trained.history.passes
    rows = [row for row in trained.history.rows if row.member == member and row.number <= kept]
    largest = max((row.share for row in rows), default=1.0)
    return next((row.train for row in reversed(rows) if row.share == largest), None)


def _why(found: Sequence[Standing], place: int, recipe: Recipe) -> Finding:
    """Say why a rung was chosen."""
    own, best = found[place], min(found, key=lambda one: one.gap)
    if own.name == best.name:
        others = [one for one in found[:place] if not one.as_good]
        sentence = f"Of {len(found)} rungs tried {own.name} has the least held-out loss"
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


def _skipped(name: str, reason: str) -> Finding:
    """Say that a rung was left out."""
    sentence = f"The rung {name} was left out: {reason}."
    return Finding("rung-skipped", "info", sentence, {"rung": name}, f"--family {name} trains it alone")


def _cut(name: str, seconds: float) -> Finding:
    """Say that a rung was ended by the budget."""
    sentence = f"The rung {name} was ended after {seconds:.1f} s: its share of the budget was used up."
    move = "--budget with more time"
    return Finding("rung-cut", "info", sentence, {"rung": name, "seconds": round(seconds, 2)}, move)
