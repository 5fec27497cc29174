"""Write the chosen model as a bundle of plain data, with its card."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec
import numpy as np

from justright.bundle.card import CardFacts, ColumnFact, SliceFact, write_card
from justright.bundle.families import FAMILIES
from justright.bundle.format import Bundle, Link, ModelFile, write_bundle
from justright.bundle.predictor import Predictor
from justright.datamodule import DataModule
from justright.models.blend import BLEND
from justright.models.reading import Reading
from justright.models.registry import is_network
from justright.monitor import Proof, baseline
from justright.monitor.attribution import terms_of
from justright.recipe import Recipe
from justright.schema import Column, Finding, FloatArray, Target, Value
from justright.values import figure
from justright.workflow.fit import Fitted, Prepared
from justright.workflow.judge import Judgement
from justright.workflow.population import one_part
from justright.workflow.race import Race, race_of
from justright.workflow.terms import front_of, sentences_of

__all__ = ["export_bundle"]

_LINKS: Final[dict[str, Link]] = {
    "identity": "identity",
    "logistic": "logistic",
    "softmax": "softmax",
    "log": "log",
}
_CORRECTED: Final = "its probabilities are taken back to the table as it is."
_EVEN: Final[dict[str, tuple[str, ...]]] = {
    "weights": (f"In training all classes weighed the same; {_CORRECTED}",),
    "sampling": (f"It was trained on as many rows of each class as the rarest one has; {_CORRECTED}",),
}
# What these say of a row that they were trained on is hardly better than of others.
_SMOOTH: Final = ("linear", "crossed")
_SAID: Final = 200_000  # training rows whose predictions are counted
_LIBRARIES: Final = ("justright", "numpy", "scipy", "pyarrow", "lightgbm", "jax", "optax")


def export_bundle(
    prepared: Prepared, fitted: Fitted, findings: list[Finding], reading: Reading | None = None
) -> str:
    """Write `model/` into the run folder and return the model's id."""
    schema, spec, judgement, data = prepared.schema, fitted.spec, fitted.judgement, fitted.data
    target = schema.target
    assert target is not None
    front, arrays = fitted.learner.export(spec, fitted.trained.state, judgement.member)
    model = ModelFile(
        schema=schema,
        features=data.plan.to_data(),
        family=fitted.family,
        front=front | front_of(reading),
        hyperparameters=dict(judgement.hyperparameters),
        task=target.task,
        outputs=spec.outputs,
        link=_LINKS[spec.loss.link],
        offset=msgspec.UNSET if judgement.offset is None else tuple(judgement.offset.tolist()),
        calibration=judgement.calibration or msgspec.UNSET,
        intervals=judgement.intervals or msgspec.UNSET,
        threshold=min(judgement.threshold.value, 1.0) if judgement.threshold else None,
        threshold_note=judgement.threshold.note if judgement.threshold else "",
        metrics={name: _plain(value) for name, value in judgement.evaluation.metrics.items()},
        versions=_versions(),
        created_by="justright",
    )
    card = write_card(_facts(prepared, fitted, findings, reading))
    terms = terms_of(model.family, model.front, arrays, data.plan)
    # A family of the user's own is scored by a module that this process need not know.
    predictor = Predictor(Bundle(model, arrays, {}, "", "")) if model.family in FAMILIES else None
    proof = _proof(judgement, target, predictor, data)
    watched = baseline(data.plan, data.blocks, proof=proof, terms=terms)
    return write_bundle(prepared.folder.model, model, arrays, watched, card)


def _proof(judgement: Judgement, target: Target, predictor: Predictor | None, data: DataModule) -> Proof:
    """Return what the model says of held-out rows, and what came true: what service is compared with."""
    names = tuple(f"(prediction {name})" for name in target.classes) if target.task == "multiclass" else ()
    held, prediction = judgement.held, np.asarray(judgement.held.prediction, np.float64)
    rows = (target.task, prediction, held.target, held.weight, names or ("(prediction)",))
    if predictor is None:
        return Proof(*rows)
    smooth = predictor.bundle.model.family in _SMOOTH
    return Proof(*rows, *_said(predictor, data, smooth=smooth), smooth)


def _said(
    predictor: Predictor, data: DataModule, *, smooth: bool
) -> tuple[FloatArray | None, FloatArray | None]:
    """Return what the exported model says of training rows, of a sample by fingerprint, and their weights."""
    limit = np.uint64(min((_SAID if smooth else _SAID // 10) / max(data.rows, 1), 1.0) * (2.0**64 - 2048))
    said, weight = [], []
    for block in data.blocks:
        rows = np.flatnonzero(block.key <= limit)
        for begin in range(0, len(rows), 8192):
            part = block.take(rows[begin : begin + 8192])
            margins = predictor.margins_of(part)
            known = np.isfinite(margins).all(axis=1)
            said.append(predictor.expected(margins[known]))
            weight.append(part.weight[known].astype(np.float64))
    return (np.concatenate(said), np.concatenate(weight)) if said else (None, None)


def _facts(prepared: Prepared, fitted: Fitted, findings: list[Finding], reading: Reading | None) -> CardFacts:
    """Gather what the card tells."""
    judgement, data, schema, recipe = fitted.judgement, fitted.data, prepared.schema, fitted.recipe
    target, source = schema.target, prepared.source
    assert target is not None
    evaluation = judgement.evaluation
    name = judgement.metric
    rivals = {"base rate": judgement.baselines.base_rate, "boosted trees": judgement.baselines.boosted}
    headline = {name: evaluation.metrics[name]}
    aside = [c for c in schema.columns if c.name not in data.plan.columns]
    return CardFacts(
        target=target.column.name,
        task=target.task,
        family=fitted.family,
        customer=evaluation.customer.sentences,
        metrics=headline | evaluation.metrics,
        baselines={rival: {name: value} for rival, value in rivals.items() if value is not None},
        slices=tuple(
            SliceFact(f"{s.column} = {s.value}", s.rows, _loss_name(target.task), s.loss)
            for s in evaluation.slices
        ),
        rows=data.trained if one_part(recipe, fitted.family, data.rows) else data.rows,
        class_rows=_class_rows(data, target.classes),
        columns=tuple(_column_fact(c, data) for c in schema.columns if c.name in data.plan.columns),
        set_aside=tuple(ColumnFact(c.name, c.kind, c.reason) for c in aside),
        threshold=judgement.threshold.value if judgement.threshold else None,
        threshold_note=judgement.threshold.note if judgement.threshold else "",
        training=_training(judgement, data, recipe, fitted.family, race_of(fitted.trained)),
        moved_by=sentences_of(reading),
        findings=tuple(f.sentence for f in findings if f.severity != "info"),
        source=str(source.description.get("path", source.description.get("format", ""))),
    )


def _training(
    judgement: Judgement, data: DataModule, recipe: Recipe, family: str, race: Race | None
) -> tuple[str, ...]:
    """Say how it was trained and judged."""
    by = f"by {', '.join(recipe.split.by)}" if recipe.split.by else "by the content of the rows"
    by = f"by {recipe.split.time}, earlier rows judging later ones" if recipe.split.time else by
    if family == BLEND:
        return _blended(judgement, data)
    even = _EVEN.get(recipe.balance, ())
    penalty = judgement.hyperparameters["penalty"]
    chosen = f"The penalty {figure(float(penalty), 3)} was chosen by the mean validation loss of the folds."
    if family == "crossed":
        chosen = "The penalties of each function and table were chosen by the loss of the held-out rows."
    if is_network(family):
        chosen = _rate(judgement, recipe, race)
    if one_part(recipe, family, data.rows):
        return (
            f"One part of the rows, drawn {by}, judges the model; {data.trained} of {data.rows} rows trained "
            f"it, {data.test_rows} are kept for the test.",
            chosen,
            "What was the best on that part is kept.",
            *even,
        )
    exported = "trained beside them" if is_network(family) else "was then trained"
    return (
        f"{recipe.split.folds} folds {by}; {data.rows} rows trained, {data.test_rows} are kept for the test.",
        chosen,
        f"The exported model {exported} on all of these rows.",
        *even,
    )


def _blended(judgement: Judgement, data: DataModule) -> tuple[str, ...]:
    """Say what a blend is made of and what judged it."""
    names = [name.removeprefix("weight_") for name in judgement.hyperparameters]
    shares = [float(share) for share in judgement.hyperparameters.values()]
    parts = [f"{name} {share:.0%}" for name, share in zip(names, shares, strict=True)]
    return (
        f"A weighted mean of {len(parts)} models trained on the same rows: {', '.join(parts)}.",
        f"{len(judgement.held.place)} rows that no part had trained on chose the weights and judged them,"
        " each row by weights that it had no part in;"
        f" {data.test_rows} rows are kept for the test.",
    )


def _rate(judgement: Judgement, recipe: Recipe, race: Race | None) -> str:
    """Say where the learning rate of a network comes from."""
    rate = float(judgement.hyperparameters["rate"])
    if race is not None:
        return f"The learning rate {figure(race.chosen, 3)} was found by a race of {len(race.candidates)}."
    if recipe.network.rate:
        return f"The learning rate {figure(recipe.network.rate, 3)} was given."
    return f"The learning rate {figure(rate, 3)} is the usual one: there was no race for it."


def _class_rows(data: DataModule, classes: tuple[str, ...]) -> dict[str, int]:
    """Count the training rows of each class."""
    if not classes:
        return {}
    labels = data.facts.target[data.facts.part == 0].astype(np.int64)
    counts = np.bincount(labels, minlength=len(classes))
    return {name: int(count) for name, count in zip(classes, counts, strict=True)}


def _column_fact(column: Column, data: DataModule) -> ColumnFact:
    """Return what the card says of a column."""
    numeric = next((f for f in data.plan.data.numeric if f.column.name == column.name and not f.part), None)
    if numeric is not None:
        return ColumnFact(column.name, column.kind, column.reason, numeric.low, numeric.high)
    category = next((f for f in data.plan.data.categorical if f.column.name == column.name), None)
    missing = category.counts[1] / max(sum(category.counts), 1e-300) if category else 0.0
    return ColumnFact(column.name, column.kind, column.reason, missing=missing)


def _plain(value: Value) -> dict[str, float]:
    """Return a figure with its interval as JSON values."""
    return {"value": float(value.value), "low": float(value.low), "high": float(value.high)}


def _loss_name(task: str) -> str:
    """Name the loss by which slices are compared."""
    return "mean absolute error" if task == "regression" else "log_loss"


def _versions() -> dict[str, str]:
    """Return the versions that made the model."""
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
