"""What a user must know of a run: rows left out, columns set aside, a model that is too simple."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from justright.datamodule import DataModule
from justright.kinds import Profile
from justright.metrics import metric
from justright.metrics.suitability import check_loss
from justright.models.base import Spec
from justright.models.blend import BLEND
from justright.models.boosted import BOOSTED
from justright.models.linear import LINEAR
from justright.models.linear.steepness import safe_rate
from justright.models.registry import is_network
from justright.recipe import Recipe
from justright.schema import Finding, Schema, Task, Value
from justright.source import Source
from justright.training.loop import Trained
from justright.values import figure, interval_known
from justright.workflow.family import family_of
from justright.workflow.judge import Judgement
from justright.workflow.network_findings import network_findings

__all__ = ["findings_of", "gain", "in_order", "unknown_intervals"]

_FEW_ROWS = 30
_FEW_OF_CLASS = 10
_NEARLY = 0.95  # of the gain of boosted trees: below, a linear model is called too simple


def findings_of(
    source: Source,
    schema: Schema,
    profile: Profile,
    recipe: Recipe,
    data: DataModule,
    trained: Trained,
    judgement: Judgement,
    audit: tuple[Finding, ...],
    spec: Spec,
) -> list[Finding]:
    """Return all findings of a run, the gravest first."""
    family = family_of(recipe, data.plan, data.rows)
    found = [
        *_rows(source, profile, data),
        *_few(data, schema),
        *_columns(schema, data),
        *data.findings,
        *audit,
        *_training(trained, recipe),
        *(network_findings(trained, recipe, judgement.member) if is_network(recipe.family) else ()),
        *_diverged(trained, recipe, spec, data),
        *check_loss(_task(schema), recipe.loss, recipe.metric, _largest(data, schema)),
        *judgement.findings,
        *unknown_intervals(judgement.evaluation.metrics, judgement.evaluation.rows),
        *_unread(data, family),
        *_result(judgement, family),
    ]
    return in_order(found)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, the gravest first."""
    distinct = {(f.id, f.sentence): f for f in found}
    return sorted(distinct.values(), key=lambda f: ("error", "warning", "info").index(f.severity))


def gain(name: str, base: float, value: float) -> float:
    """Return how much better than the base rate a value is, in the metric's own unit."""
    return value - base if metric(name).greater_is_better else base - value


def unknown_intervals(metrics: Mapping[str, Value], rows: int) -> list[Finding]:
    """Say of which figures the interval is not known, though two equal ends stand in the result."""
    names = [name for name, value in metrics.items() if not interval_known(value, rows)]
    if not names:
        return []
    sentence = (
        f"The interval of {', '.join(names)} is not known: {rows} rows that agree do not say how far"
        " the figure may be off."
    )
    evidence = {"rows": rows, "metrics": names}
    return [Finding("interval-unknown", "warning", sentence, evidence, "collect more rows")]


def _task(schema: Schema) -> Task:
    """Return the task."""
    assert schema.target is not None
    return schema.target.task


def _largest(data: DataModule, schema: Schema) -> float | None:
    """Return the share of the largest class."""
    if _task(schema) == "regression":
        return None
    counts: dict[int, int] = {}
    known = data.facts.target[data.facts.part >= 0].astype(int)
    for label in set(known.tolist()):
        counts[label] = int((known == label).sum())
    return max(counts.values()) / max(sum(counts.values()), 1)


def _rows(source: Source, profile: Profile, data: DataModule) -> list[Finding]:
    """Say which rows were left out, and which values could not be read."""
    found = []
    if source.n_problems:
        lines = [f"line {bad.line}: {bad.reason}" for bad in source.problems[:5]]
        sentence = f"{source.n_problems} lines of the file are no rows and were skipped ({'; '.join(lines)})."
        found.append(
            Finding("rows-ragged", "warning", sentence, {"lines": source.n_problems}, "mend the file")
        )
    left_out = int((data.facts.part < 0).sum())
    if left_out:
        sentence = (
            f"{left_out} of {len(data.facts.part)} rows have no target (or no weight) and were left out."
        )
        found.append(Finding("rows-without-target", "info", sentence, {"rows": left_out}))
    infinite = {column.name: column.infinite for column in profile.columns if column.infinite}
    for name, count in infinite.items():
        if name in data.facts.unreadable:
            found.append(_infinite(name, count, profile.rows))
    for name, both in data.facts.unreadable.items():
        count = both - infinite.get(name, 0)
        if count <= 0:
            continue
        sentence = f"{count} values of {name} are not what the column holds and were read as missing."
        move = f"--kind {name}=categorical, or mend the values"
        found.append(
            Finding("values-unreadable", "warning", sentence, {"column": name, "values": count}, move)
        )
    return found


def _infinite(name: str, count: int, rows: int) -> Finding:
    """Say that a column of numbers holds infinities."""
    are = "value of {} is infinite and was" if count == 1 else "values of {} are infinite and were"
    sentence = f"{count:,} {are.format(name)} read as missing."
    evidence = {"column": name, "values": count, "share": count / max(rows, 1)}
    return Finding("values-infinite", "warning", sentence, evidence, f"mend them, or --drop {name}")


def _few(data: DataModule, schema: Schema) -> list[Finding]:
    """Say when there are too few rows, in all or of a class, for the figures to mean much."""
    found = []
    if data.rows < _FEW_ROWS:
        sentence = (
            f"Only {data.rows} rows trained and judged this model: its figures are hardly more than a guess."
        )
        found.append(Finding("rows-few", "warning", sentence, {"rows": data.rows}, "collect more rows"))
    assert schema.target is not None
    labels = data.facts.target[data.facts.part == 0].astype(int).tolist() if schema.target.classes else []
    for number, name in enumerate(schema.target.classes):
        count = labels.count(number)
        if count < _FEW_OF_CLASS:
            sentence = (
                f"Only {count} rows of class {name} train this model: it can hardly be learned or judged."
            )
            evidence = {"class": name, "rows": count}
            found.append(
                Finding("class-rare", "warning", sentence, evidence, "collect rows of it, or pool it")
            )
    return found


def _columns(schema: Schema, data: DataModule) -> list[Finding]:
    """Say which columns do not feed the model."""
    found = []
    for column in schema.columns:
        if column.kind in ("identifier", "constant"):
            sentence = f"{column.name} is set aside: {column.reason}."
            move = f"--kind {column.name}=categorical takes it in" if column.kind == "identifier" else ""
            found.append(
                Finding(
                    "column-set-aside", "info", sentence, {"column": column.name, "kind": column.kind}, move
                )
            )
        elif column.name not in data.plan.columns:
            sentence = f"{column.name} does not vary in the training rows and is left out."
            found.append(Finding("column-without-information", "info", sentence, {"column": column.name}))
    return found


def _training(trained: Trained, recipe: Recipe) -> list[Finding]:
    """Say what went wrong in training."""
    found = []
    if trained.interrupted:
        sentence = f"The training was ended early ({trained.history.ended}); this is the best there was."
        found.append(Finding("training-interrupted", "warning", sentence, {}, "train again"))
    elif is_network(recipe.family):
        return found
    elif recipe.family == BOOSTED:
        rounds = max((row.norms.get("rounds", 0.0) for row in trained.history.rows), default=0.0)
        if trained.history.ended.startswith("all ") and rounds >= recipe.boosting.rounds:
            sentence = f"The validation loss was still falling when all {rounds:,.0f} rounds were used up."
            move = f"--set boosting.rounds={2 * recipe.boosting.rounds}"
            found.append(Finding("training-still-improving", "info", sentence, {"rounds": rounds}, move))
    elif trained.history.ended.startswith("all ") and recipe.descent.optimizer == "exact":
        sentence = f"The training did not converge: {trained.history.ended}."
        move = f"--epochs {2 * recipe.descent.epochs}"
        found.append(
            Finding("training-not-converged", "warning", sentence, {"passes": trained.history.passes}, move)
        )
    elif trained.history.ended.startswith("all ") and max(trained.kept, default=0) == trained.history.passes:
        sentence = f"The validation loss was still falling when {trained.history.ended}."
        move = f"--epochs {2 * recipe.descent.epochs}"
        found.append(
            Finding("training-still-improving", "info", sentence, {"passes": trained.history.passes}, move)
        )
    return found


def _diverged(trained: Trained, recipe: Recipe, spec: Spec, data: DataModule) -> list[Finding]:
    """Say which share of the members diverged, and at which rate of a gradient method they would not."""
    if not trained.failed:
        return []
    why = trained.rule or "the loss is not finite"
    sentence = f"{len(trained.failed)} members of the training diverged: {why}."
    evidence: dict[str, float] = {"members": len(trained.failed)}
    move = "a lower --rate"
    if family_of(recipe, data.plan, data.rows) == LINEAR and spec.descent.optimizer != "exact":
        safe = safe_rate(spec, data.blocks)
        evidence |= {"rate": spec.descent.rate, "safe_rate": safe}
        move = f"--rate {safe:.2g}"
    return [Finding("training-diverged", "warning", sentence, evidence, move)]


def _unread(data: DataModule, family: str) -> list[Finding]:
    """Name text columns that the family does not read."""
    names = [feature.column.name for feature in data.plan.data.text]
    if family in (LINEAR, BOOSTED, BLEND) or not names:
        return []
    sentence = f"The family {family} does not read text: {', '.join(names[:5])} said nothing to this model."
    return [
        Finding(
            "text-not-read", "warning", sentence, {"columns": names}, "--family linear reads words of text"
        )
    ]


def _result(judgement: Judgement, family: str) -> list[Finding]:
    """Say whether the model learned anything, and whether it is too simple."""
    base, name = judgement.baselines.base_rate, judgement.metric
    if base is None:
        return []
    value = judgement.validation
    worst = value.low if metric(name).greater_is_better else value.high
    if gain(name, base, worst) <= 0:
        against = f"{name} {figure(value.value)} against {figure(base)}"
        sentence = f"The model cannot be told from the base rate: {against}."
        evidence = {"value": value.value, "low": value.low, "high": value.high, "base_rate": base}
        return [Finding("nothing-learned", "warning", sentence, evidence, "look for columns that say more")]
    boosted, same = judgement.baselines.boosted, judgement.same_rows
    if boosted is None or same is None:
        return []
    rival, ours = gain(name, base, boosted), gain(name, base, same)
    if rival > 0 and ours < _NEARLY * rival:
        sentence = (
            f"Boosted trees reach {name} {figure(boosted)} where this model reaches {figure(same)}: "
            f"it has {max(ours / rival, 0.0):.0%} of their gain over the base rate."
        )
        move = "--family crossed" if family == LINEAR else "more columns, or more rows"
        return [
            Finding(
                "model-too-simple",
                "info",
                sentence,
                {"boosted": boosted, "value": same, "base_rate": base},
                move,
            )
        ]
    return []
