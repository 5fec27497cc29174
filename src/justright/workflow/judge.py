"""Judge a training on held-out rows: choose, measure, compare with baselines, find a threshold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.errors import MissingExtraError, TrainingError
from justright.evaluate.baselines import base_rate_metrics
from justright.evaluate.calibrated import fit_calibration
from justright.evaluate.conformal import fit_intervals
from justright.evaluate.evaluation import Evaluation, evaluate, row_loss
from justright.evaluate.selection import Choice
from justright.evaluate.slices import worst_slices
from justright.evaluate.threshold import Threshold, choose_threshold
from justright.metrics import default_metric, metric
from justright.models.base import Learner, Spec
from justright.optim.calibration_map import Calibration, calibrate
from justright.optim.interval_map import Intervals
from justright.recipe import Recipe
from justright.schema import Block, Finding, FloatArray, Member, Schema, Task, Value
from justright.training.loop import Trained
from justright.values import figure
from justright.workflow.held_out import HeldOut, choose_setting, held_out
from justright.workflow.summary import Baselines, Rung

__all__ = ["Judgement", "judge"]

_SHARE: Final = 0.25  # of the time so far, so a fifth of all: what the boosted baseline may take
_LEAST: Final = 2.0  # seconds: below, a baseline would be cut before it says anything
_SLICED: Final = 300_000
_ZERO: Final = 1e-6  # standard deviations


@dataclass(frozen=True)
class Judgement:
    """What held-out rows say.

    `setting` and `member` are the chosen ones (`member` trained on all rows and is exported);
    `same_rows` is the headline metric on the rows that judged the boosted baseline; `train_loss` is that of
    the exported model.
    """

    setting: int
    member: int
    metric: str
    evaluation: Evaluation
    baselines: Baselines
    same_rows: float | None
    threshold: Threshold | None
    findings: tuple[Finding, ...]
    hyperparameters: dict[str, float | int | str]
    held: HeldOut
    calibration: Calibration | None = None
    intervals: Intervals | None = None
    offset: FloatArray | None = None
    train_loss: float = float("nan")

    @property
    def validation(self) -> Value:
        """The headline metric after all choices."""
        return self.evaluation.metrics[self.metric]

    def ladder(self, family: str, seconds: float) -> list[Rung]:
        """Return the rungs that were tried."""
        value = self.validation
        return [Rung(family, value.value, value.low, value.high, seconds, True)]


def judge(
    learner: Learner,
    spec: Spec,
    members: tuple[Member, ...],
    trained: Trained,
    data: DataModule,
    recipe: Recipe,
    schema: Schema,
    elapsed: float,
    *,
    blocks: list[Block] | None = None,
    offset: FloatArray | None = None,
    train_loss: float | None = None,
) -> Judgement:
    """Judge a training.

    Parameters
    ----------
    learner, spec, members, trained
        What was trained.
    data : DataModule
        The rows.
    recipe : Recipe
        Metric, costs, whether to fit the baseline.
    schema : Schema
        Target and classes.
    elapsed : float
        Seconds since the run began: the boosted baseline may take a fifth of all.
    blocks : list of Block, optional
        What the learner reads of the same rows, in the same order, where that is not the blocks of `data`.
    offset : float64 (outputs,), optional
        Added to margins: takes back what balanced classes did to them.
    train_loss : float, optional
        Of the model on the rows it trained on, where the history does not say; NaN = not known.
    """
    target = schema.target
    assert target is not None
    train, validation = _last_losses(trained, len(members))
    setting = choose_setting(members, validation, trained.failed, _fold_weight(data, recipe.split.folds))
    # A family that keeps one part to judge by exports the very model that was judged.
    own = [place for place, m in enumerate(members) if m.setting == setting]
    member = next((place for place in own if members[place].fold < 0), own[0])
    held = held_out(learner, spec, trained.state, members, blocks or data.blocks, setting, offset)
    held, calibration, intervals = _calibrated(held, target.task)
    name = default_metric(target.task) if recipe.metric == "auto" else metric(recipe.metric, target.task).name
    on_rows = float(train[member]) if train_loss is None else train_loss
    loss = on_rows if members[member].fold < 0 else float("nan")
    choice = _choice(held, members, validation, setting, spec, loss, recipe)
    evaluation = _evaluation(held, data, schema, recipe, choice, name)
    threshold = evaluation.threshold
    _require(evaluation, name, target.task)
    base = base_rate_metrics(target.task, held.target, held.weight, n_classes=max(len(target.classes), 2))
    limit = max(_SHARE * elapsed, _LEAST)
    boosted, same, findings = (
        _boosted(held, data, recipe, spec, name, limit) if recipe.baseline else (None, None, ())
    )
    chosen = members[member]
    return Judgement(
        setting,
        member,
        name,
        evaluation,
        Baselines(_plain(base.get(name)), boosted),
        same,
        threshold,
        evaluation.findings + findings,
        {
            "penalty": chosen.penalty,
            "mix": chosen.mix,
            "rate": _rate(trained, member, chosen),
            "passes": trained.history.passes,
            "cost_fp": recipe.cost_fp,
            "cost_fn": recipe.cost_fn,
        },
        held,
        calibration,
        intervals,
        offset,
        on_rows,
    )


def _calibrated(held: HeldOut, task: Task) -> tuple[HeldOut, Calibration | None, Intervals | None]:
    """Return held-out predictions as service will give them, with the map, and the intervals of numbers."""
    rows = (held.prediction, held.target, held.weight, held.fold)
    if task == "regression":
        return held, None, fit_intervals(*rows)
    found = fit_calibration(*rows)
    return (
        (held, None, None)
        if found is None
        else (replace(held, prediction=calibrate(found, held.prediction)), found, None)
    )


def _rate(trained: Trained, member: int, chosen: Member) -> float:
    """Return the learning rate of the exported model: the one it ended with where a family finds its own."""
    own = [row.norms["rate"] for row in trained.history.rows if row.member == member and "rate" in row.norms]
    return own[-1] if own else chosen.rate


def _fold_weight(data: DataModule, folds: int) -> list[float]:
    """Return the weight of the rows of each fold: equal rows share one, so folds may be uneven."""
    total = np.zeros(folds)
    for block in data.blocks:
        fold = block.fold[:, 0]
        total += np.bincount(fold[fold >= 0], weights=block.weight[fold >= 0], minlength=folds)
    return [float(weight) for weight in total]


def _evaluation(
    held: HeldOut, data: DataModule, schema: Schema, recipe: Recipe, choice: Choice, name: str
) -> Evaluation:
    """Measure the held-out rows, with the threshold that their costs ask for and the worst slices."""
    target = schema.target
    assert target is not None
    threshold = None
    if target.task == "binary":
        threshold = choose_threshold(
            held.target,
            held.prediction,
            held.weight,
            cost_fp=recipe.cost_fp,
            cost_fn=recipe.cost_fn,
            preset=recipe.preset,
            floor=recipe.floor,
        )
    evaluation = evaluate(
        target.task,
        target.classes,
        held.target,
        held.prediction,
        held.weight,
        threshold=threshold,
        choice=choice,
        names=[name],
        quantile=recipe.quantile,
    )
    found = evaluation.metrics.items()
    figures = {key: Value(float(v.value), float(v.low), float(v.high)) for key, v in found}
    return _with_slices(msgspec.structs.replace(evaluation, metrics=figures), held, data)


def _last_losses(trained: Trained, count: int) -> tuple[FloatArray, FloatArray]:
    """Return each member's last training and validation loss on all rows; NaN where it saw only a sample.

    A training that was ended before any member saw all rows is judged by the largest sample it reached,
    one that keeps its best pass by that pass.
    """
    train, validation = np.full((2, count), np.nan)
    largest = max((row.share for row in trained.history.rows), default=1.0)
    for row in trained.history.rows:
        kept = trained.kept[row.member] if trained.kept else row.number
        if row.share == largest and row.number <= kept:
            train[row.member] = np.nan if row.train is None else row.train
            validation[row.member] = np.nan if row.validation is None else row.validation
    return train, validation


def _choice(
    held: HeldOut,
    members: tuple[Member, ...],
    validation: FloatArray,
    setting: int,
    spec: Spec,
    train: float,
    recipe: Recipe,
) -> Choice:
    """Return what the setting was chosen among: those that were trained to the end."""
    alive = sorted(
        {m.setting for m, loss in zip(members, validation, strict=True) if np.isfinite(loss)} | {setting}
    )
    return Choice(
        held.losses[:, alive],
        alive.index(setting),
        held.sampled,
        recipe.split.folds,
        spec.loss.name,
        held.fold,
        train,
    )


def _require(evaluation: Evaluation, name: str, task: str) -> None:
    """Refuse a headline metric that is not defined on the held-out rows."""
    if name not in evaluation.metrics:
        raise TrainingError(
            f"metric={name!r}, which is not defined on the {evaluation.rows} held-out rows",
            allowed="a metric with enough rows of each class",
            next_step="--metric log_loss" if task != "regression" else "--metric rmse",
        )


def _with_slices(evaluation: Evaluation, held: HeldOut, data: DataModule) -> Evaluation:
    """Look for the worst slices in a sample of the held-out rows."""
    step = max(1, -(-len(held.target) // _SLICED))
    chosen = np.arange(0, len(held.target), step)
    loss = row_loss(evaluation.task, held.target[chosen], held.prediction[chosen])
    columns = _columns(data, held.place[chosen])
    return msgspec.structs.replace(evaluation, slices=worst_slices(columns, loss, held.weight[chosen]))


def _columns(
    data: DataModule, place: npt.NDArray[np.int64]
) -> Mapping[str, tuple[npt.NDArray[Any], list[str]]]:
    """Return every feature of some rows as codes with labels; numbers cut at their quartiles."""
    codes, numeric = _gather(data.blocks, place)
    found: dict[str, tuple[npt.NDArray[Any], list[str]]] = {}
    for number, feature in enumerate(data.plan.data.numeric):
        if feature.part:
            continue
        values = numeric[:, number].astype(np.float64) * feature.scale + feature.centre
        # A zero that went through float32 comes back as -2e-8.
        values[np.abs(values) < _ZERO * feature.scale] = 0.0
        known = np.isfinite(values)
        cuts = np.unique(np.quantile(values[known], [0.25, 0.5, 0.75])) if known.any() else np.zeros(0)
        bins = np.where(known, np.searchsorted(cuts, values, "right"), len(cuts) + 1)
        found[feature.name] = (bins, [*_ranges(cuts), "missing"])
    for number, category in enumerate(data.plan.data.categorical):
        found[category.name] = (codes[:, number], category.labels())
    return found


def _ranges(cuts: FloatArray) -> list[str]:
    """Name the ranges between cuts."""
    if not len(cuts):
        return ["any value"]
    texts = [figure(cut, 6, whole=True) for cut in cuts]
    between = [f"{low} to {high}" for low, high in zip(texts, texts[1:], strict=False)]
    return [f"below {texts[0]}", *between, f"{texts[-1]} or more"]


def _gather(blocks: list[Block], place: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return codes and numbers of some rows of the blocks, `place` rising."""
    codes, numeric, begin = [], [], 0
    for block in blocks:
        mine = place[np.searchsorted(place, begin) : np.searchsorted(place, begin + block.rows)] - begin
        codes.append(block.codes[mine])
        numeric.append(block.numeric[mine])
        begin += block.rows
    return np.concatenate(codes), np.concatenate(numeric)


def _boosted(
    held: HeldOut, data: DataModule, recipe: Recipe, spec: Spec, name: str, limit: float
) -> tuple[float | None, float | None, tuple[Finding, ...]]:
    """Return the headline metric of boosted trees on one fold, ours on the same rows, and findings."""
    from justright.models.boosted import boosted_baseline

    target = data.plan.data.target
    assert target is not None
    begin = time.perf_counter()
    try:
        made = boosted_baseline(
            data.blocks,
            target.target.task,
            max(len(target.target.classes), 2),
            time_limit=limit,
            # Of periods the last one: the first has the fewest earlier rows to learn from.
            fold=recipe.split.folds - 1 if data.forward else 0,
            seed=recipe.seed,
            forward=data.forward,
        )
    except (MissingExtraError, TrainingError) as error:
        sentence = f"The boosted baseline was not fitted: {error}"
        return None, None, (Finding("baseline-skipped", "info", sentence, {}, "--no-baseline hides this"),)
    seconds = time.perf_counter() - begin
    ours = np.searchsorted(held.place, made.place)
    ours = np.minimum(ours, len(held.place) - 1)
    both = held.place[ours] == made.place
    rows, theirs = ours[both], made.prediction[both]
    if spec.loss.link == "identity":
        theirs = target.unscaled(theirs)
    judged = metric(name).function
    values = [float(judged(held.target[rows], p, held.weight[rows])) for p in (theirs, held.prediction[rows])]
    findings: tuple[Finding, ...] = ()
    if made.stopped:
        sentence = (
            f"The boosted baseline was stopped after {made.rounds} of 100 rounds: its time was used up."
        )
        findings = (
            Finding("baseline-cut", "info", sentence, {"rounds": made.rounds, "seconds": round(seconds, 2)}),
        )
    # Trees that were cut short and are worse say nothing about what trees can do: nothing is concluded.
    better = (values[0] > values[1]) == metric(name).greater_is_better
    return _plain(values[0]), _plain(values[1]) if better or not made.stopped else None, findings


def _plain(value: float | None) -> float | None:
    """Return a number that JSON can hold, or None."""
    return None if value is None or not np.isfinite(value) else float(value)
