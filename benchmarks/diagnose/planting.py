"""Twelve faults (and a thirteenth), planted into small trainings of networks and of linear models.

A training is a population: its members are seeds (three folds, each judged on its own rows) times learning
rates, so that a table's rates, too high, just right and too low, cost one training. Every pass is made and
the last state is judged: a guard that keeps the best pass would hide what a fault does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import msgspec
import numpy as np
import pyarrow as pa
from tables import FOLDS, Sheet, encoded, rows_of, with_rows

from justright.diagnose.curves.columns import columns_of
from justright.diagnose.curves.losses import base_loss, held_losses
from justright.diagnose.evidence import Evidence, HeldRows, Rival
from justright.evaluate.baselines import base_rate
from justright.metrics import default_metric, metric
from justright.models.base import Learner, Spec
from justright.models.boosted import boosted_baseline
from justright.models.linear import descent as linear_descent
from justright.models.linear.descent import DescentLinear
from justright.models.linear.steepness import safe_rate
from justright.models.neural import course as neural_course
from justright.models.neural.defaults import design_for, prior_of
from justright.models.neural.learner import NeuralLearner
from justright.models.neural.net import TableNet
from justright.models.neural.program import Batches
from justright.models.neural.rows import batches_of
from justright.optim.losses import loss_for, margins_to_predictions, row_losses
from justright.optim.schedules import schedule_for
from justright.recipe import Descent, Network, Penalty, Recipe
from justright.schema import Member
from justright.training.history import Row
from justright.training.loop import Trainer

SEEDS = (0, 1, 2)
HEALTHY = "healthy"
PASSES = 30
NETWORK = Network(hidden=(64, 64), ensemble=1, dropout=0.1, decay=0.02, batch=128, epochs=PASSES, cv=FOLDS)
LINEAR = Descent("sgd", batch=128, epochs=PASSES)


@dataclass(frozen=True)
class Case:
    """One run: what was planted, what was seen, and the loss on clean rows (unit variance, or nats)."""

    table: str
    family: str
    fault: str
    strength: str
    seed: int
    variant: str
    evidence: Evidence
    outcome: float


class _Whole:
    """A Learner whose last state counts."""

    early_stopping = False

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self.resume = learner.resume
        self.start, self.advance = learner.start, learner.advance
        self.margins, self.export = learner.margins, learner.export


class _Shifted:
    """A network whose starting weights are changed: what `TableNet` offers, one function apart."""

    def __init__(self, net: TableNet, change: Callable[[dict[str, Any]], None], name: str) -> None:
        self._net, self._change = net, change
        self.key = (name, net.key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._net, name)

    def initial(self, *args: Any) -> Any:
        made = dict(self._net.initial(*args))
        self._change(made)
        return made


@dataclass(frozen=True)
class Told:
    """How a training is run, beside its rows."""

    recipe: Recipe
    rates: tuple[float, ...]
    change: Callable[[dict[str, Any]], None] | None = None
    name: str = ""
    order: int = 0  # 0 = mixed, k = sorted by the target within each of k parts of a pass
    clean: Sheet | None = None  # where the clean rows are, if not in the sheet that trains


def linear_recipe(**changes: Any) -> Recipe:
    """Return a recipe of a linear model by steps."""
    penalty = Penalty(path=(changes.pop("penalty", 1e-6),))
    return Recipe(family="linear", descent=msgspec.structs.replace(LINEAR, **changes), penalty=penalty)


def network_recipe(**changes: Any) -> Recipe:
    """Return a recipe of a network."""
    return Recipe(family="neural", network=msgspec.structs.replace(NETWORK, **changes))


def prior(sheet: Sheet, family: str) -> float:
    """Return the rate around which the healthy one is looked for."""
    spec = _spec(sheet, network_recipe() if family == "neural" else linear_recipe())
    if family == "neural":
        return prior_of(NETWORK, spec, 128)
    return safe_rate(spec, sheet.data.blocks)


def _spec(sheet: Sheet, recipe: Recipe) -> Spec:
    """Return what a training is told."""
    loss = loss_for("auto", sheet.task)  # type: ignore[arg-type]
    outputs = sheet.classes if loss.link == "softmax" else 1
    descent = recipe.descent
    if recipe.family == "neural":
        descent = Descent("sgd", epochs=recipe.network.epochs, tolerance=0.0)
    schedule = schedule_for(recipe.descent.schedule)
    return Spec(loss, outputs, sheet.data.plan, descent, schedule, sheet.block.rows, 20.0)


def _learner(told: Told) -> Learner:
    """Return who learns."""
    if told.recipe.family == "linear":
        return DescentLinear()
    settings = told.recipe.network
    change = told.change
    if change is None:
        return NeuralLearner(settings)
    return NeuralLearner(
        settings,
        lambda layout, spec: _Shifted(TableNet(design_for(settings, layout, spec)), change, told.name),
    )


def run(
    sheet: Sheet,
    told: Told,
    fault: str,
    strength: str,
    variant: str = "",
    seeds: tuple[int, ...] = SEEDS,
) -> list[Case]:
    """Train the seeds at each rate, and return the cases, seed by seed."""
    spec, learner = _spec(sheet, told.recipe), _learner(told)
    penalty = told.recipe.penalty.path[0] if told.recipe.family == "linear" else 0.0
    members = tuple(
        Member(fold, place, penalty, 0.0, rate) for place, rate in enumerate(told.rates) for fold in seeds
    )
    blocks = sheet.data.blocks
    with _ordered(told.order, sheet):
        trained = Trainer(_Whole(learner)).fit(spec, members, blocks, seed=7)
    margins = learner.margins(spec, trained.state, blocks[0])
    clean = margins
    if told.clean is not None:
        clean = learner.margins(spec, trained.state, told.clean.block)
    found = []
    for place, member in enumerate(members):
        rows = tuple(row for row in trained.history.rows if row.member == place)
        one = replace_rate(told.recipe, member.rate)
        failed = int(place in trained.failed)
        evidence = _evidence(sheet, spec, one, member, rows, margins[:, :, place], failed, trained)
        outcome = _outcome(told.clean or sheet, sheet, spec, clean[:, :, place])
        found.append(
            Case(sheet.name, told.recipe.family, fault, strength, member.fold, variant, evidence, outcome)
        )
    return found


def replace_rate(recipe: Recipe, rate: float) -> Recipe:
    """Return a recipe with the rate of a member."""
    if recipe.family == "neural":
        return msgspec.structs.replace(
            recipe, network=msgspec.structs.replace(recipe.network, rate=rate, cv=0)
        )
    return msgspec.structs.replace(recipe, descent=msgspec.structs.replace(recipe.descent, rate=rate))


def _in_unit(sheet: Sheet, values: Any) -> Any:
    """Return targets or predictions in the target's own unit."""
    target = sheet.data.plan.data.target
    return target.unscaled(values) if target is not None and sheet.task == "regression" else values


def _evidence(
    sheet: Sheet,
    spec: Spec,
    recipe: Recipe,
    member: Member,
    history: tuple[Row, ...],
    margin: Any,
    failed: int,
    trained: Any,
) -> Evidence:
    """Return what the run of one member leaves."""
    block = sheet.block
    own = np.flatnonzero((block.fold[:, 0] == member.fold) & (block.weight > 0))
    target = block.target[own].reshape(-1)
    weight = block.weight[own].astype(np.float64)
    held = HeldRows(
        _in_unit(sheet, target),
        _in_unit(sheet, margins_to_predictions(np.nan_to_num(margin[own]), spec.loss.link)),
        weight,
        np.zeros(len(own), np.int8),
    )
    scale = sheet.data.plan.data.target.scale if sheet.data.plan.data.target else 1.0
    if recipe.weight == "" and np.ptp(weight) > 0:
        recipe = msgspec.structs.replace(recipe, weight="weight")
    return Evidence(
        history,
        sheet.task,  # type: ignore[arg-type]
        recipe.family,
        recipe,
        int((block.weight > 0).sum()) - len(own),
        spec.descent.epochs,
        base_loss(spec.loss, held, max(sheet.classes, 1), scale),
        held,
        _rival(sheet, spec, held, member.fold, scale),
        columns_of(sheet.profile),
        failed,
        trained.history.ended,
    )


_RIVALS: dict[tuple[int, int], Any] = {}


def _rival(sheet: Sheet, spec: Spec, held: HeldRows, fold: int, scale: float) -> Rival:
    """Return what boosted trees reach on the same rows; fitted once a sheet and fold."""
    key = (id(sheet.block), fold)
    if key not in _RIVALS:
        keep = np.flatnonzero(sheet.block.weight > 0)
        made = boosted_baseline([sheet.block.take(keep)], sheet.task, max(sheet.classes, 2), fold=fold)
        _RIVALS[key] = (sheet.block, _in_unit(sheet, made.prediction))
    theirs = _RIVALS[key][1]
    name = default_metric(sheet.task)
    judged, target, weight = metric(name), held.target, held.weight
    base = base_rate(sheet.task, target, weight, n_classes=max(sheet.classes, 2))
    values = [float(judged.function(target, p, weight)) for p in (base, theirs, held.prediction)]
    losses = held_losses(spec.loss, replace(held, prediction=theirs), scale)
    loss = float(np.average(losses, weights=weight))
    return Rival(judged.name, *values, judged.greater_is_better, loss)


def _outcome(clean: Sheet, sheet: Sheet, spec: Spec, margin: Any) -> float:
    """Return the mean loss on the clean rows, each counted once, of squares in units of their variance."""
    block = clean.block
    own = np.arange(clean.train, block.rows)
    if spec.loss.link != "identity":
        with np.errstate(all="ignore"):
            losses = row_losses(spec.loss, margin[own].astype(np.float64), block.target[own])
        return float(np.nan_to_num(losses, nan=50.0, posinf=50.0).clip(max=50.0).mean())
    truth = _in_unit(clean, block.target[own].reshape(-1))
    guess = _in_unit(sheet, margin[own, 0])
    with np.errstate(all="ignore"):
        squares = np.square((guess - truth) / truth.std())
    # One row far outside of all others must not decide: 10 standard deviations are as bad as it gets.
    return float(0.5 * np.nan_to_num(squares, nan=100.0, posinf=100.0).clip(max=100.0).mean())


@contextmanager
def _ordered(parts: int, sheet: Sheet) -> Iterator[None]:
    """Take the rows of a pass sorted by their target within each of so many parts of it."""
    if not parts:
        yield
        return

    def in_order(target: Any, number: int) -> Any:
        mixed = np.random.default_rng(number).permutation(len(target))
        pieces = [piece[np.argsort(target[piece], kind="stable")] for piece in np.array_split(mixed, parts)]
        return np.concatenate(pieces)

    def shuffled(blocks: Sequence[Any], seed: int, number: int) -> Iterator[Any]:
        yield blocks[0].take(in_order(blocks[0].target.reshape(-1), number))

    def batches(rows: Any, size: int, seed: int, number: int, group: int, steps: int = 0) -> Batches:
        order = in_order(np.asarray(rows.target).reshape(-1), number)
        parts = [part if part is None else np.asarray(part)[order] for part in rows.parts]
        placed = type(rows)(*parts).placed()
        with mock.patch("justright.models.neural.rows._drawn", lambda *_: _Still()):
            return batches_of(placed, size, seed, number, group, steps)

    with (
        mock.patch.object(linear_descent, "shuffled", shuffled),
        mock.patch.object(neural_course, "batches_of", batches),
    ):
        yield


class _Still:
    """A generator that mixes nothing."""

    def permutation(self, count: int) -> Any:
        return np.arange(count)


# ---------------------------------------------------------------- faults of the rows


def noisy(sheet: Sheet, share: float) -> Sheet:
    """Return a sheet with a share of the targets drawn anew: another class, or another row's value."""
    rng = np.random.default_rng(1)
    target = sheet.block.target.copy()
    chosen = np.flatnonzero(rng.random(sheet.train) < share)
    if sheet.classes:
        target[chosen] = (target[chosen] + rng.integers(1, sheet.classes, len(chosen))) % sheet.classes
    else:
        target[chosen] = target[rng.integers(0, sheet.train, len(chosen))]
    return with_rows(sheet, target=target)


def shuffled_labels(sheet: Sheet, share: float) -> Sheet:
    """Return a sheet with a share of the training targets dealt out anew among themselves."""
    rng = np.random.default_rng(2)
    target = sheet.block.target.copy()
    chosen = np.flatnonzero(rng.random(sheet.train) < share)
    target[chosen] = target[rng.permutation(chosen)]
    return with_rows(sheet, target=target)


def fewer(sheet: Sheet, rows: int, seed: int) -> Sheet:
    """Return a sheet with so few training rows of one seed; the rows that judge it stay."""
    weight, own = sheet.block.weight.copy(), sheet.block.fold[:, 0] == seed
    trains = np.flatnonzero((weight > 0) & ~own)
    weight[trains[rows:]] = 0.0
    return with_rows(sheet, weight=weight)


def weighed(sheet: Sheet, factor: float) -> Sheet:
    """Return a sheet whose rows of one class (the second, or every other one) weigh `factor`."""
    weight = sheet.block.weight.copy()
    classes = sheet.block.target.reshape(-1)
    weight[(classes % 2 == 1)] *= factor
    return with_rows(sheet, weight=weight)


def fewer_judges(sheet: Sheet, rows: int) -> Sheet:
    """Return a sheet with so few rows that judge each seed; the others of its fold are out."""
    fold, weight = sheet.block.fold.copy(), sheet.block.weight.copy()
    for seed in SEEDS:
        own = np.flatnonzero((fold[:, 0] == seed) & (weight > 0))
        fold[own[rows:], 0] = max(SEEDS) + 1
    return with_rows(sheet, fold=fold, weight=weight)


def spoiled(name: str, columns: float, factor: float, target: bool = False) -> Sheet:
    """Return a table in which a few training values are in another unit, `factor` times too large."""
    rows, rng = rows_of(name), np.random.default_rng(3)
    clean = encoded(name, rows)
    assert clean.schema.target is not None
    numeric = [c.name for c in clean.schema.features if c.kind == "numeric"]
    names = [clean.schema.target.column.name] if target else numeric[: max(1, round(columns * len(numeric)))]
    share = 0.004
    for column in names:
        values = rows[column].cast(pa.float64()).to_numpy(zero_copy_only=False).copy()
        chosen = np.flatnonzero(rng.random(clean.train) < share)
        values[chosen] = factor * (np.abs(values[chosen]) + np.nanstd(values))
        rows = rows.set_column(rows.schema.get_field_index(column), column, pa.array(values))
    return encoded(name, rows)


# ---------------------------------------------------------------- starting weights


def dead(share: float) -> Callable[[dict[str, Any]], None]:
    """Return a change of starting weights that puts a share of each layer's units below every row."""

    def change(arrays: dict[str, Any]) -> None:
        rng = np.random.default_rng(4)
        for name, array in arrays.items():
            if name.startswith("body.") and name.endswith(".bias"):
                gone = rng.permutation(array.shape[-1])[: round(share * array.shape[-1])]
                array[..., gone] = -1e3

    return change


def shrunk(factor: float) -> Callable[[dict[str, Any]], None]:
    """Return a change that makes the starting weights of all layers but the last so much smaller."""

    def change(arrays: dict[str, Any]) -> None:
        for name in arrays:
            if name.startswith("body.") and name.endswith(".weight"):
                arrays[name] = (arrays[name] * factor).astype(np.float32)

    return change
