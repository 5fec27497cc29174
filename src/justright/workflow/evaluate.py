"""Judge a model on rows it has not seen: another table, or the test part of its run, through the ledger."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.bundle.predictor import Predictor, load
from justright.datamodule.prepare import TEST, cutoffs_for, parts_of
from justright.datamodule.rows import columns_to_read, read_batch, read_times
from justright.errors import BundleError, ColumnError, RecipeError, StorageError, TableError, closest
from justright.evaluate.evaluation import Evaluation, evaluate, row_loss
from justright.evaluate.ledger import Look, Opened, open_test, read_ledger
from justright.evaluate.release import release
from justright.evaluate.threshold import Threshold
from justright.features.target import encode_classes
from justright.kinds.infinite import refuse_infinite
from justright.recipe import Recipe, Split
from justright.runs import RunFolder, open_run
from justright.schema import FloatArray, Schema
from justright.source import Source, open_source
from justright.values import to_codes, to_numbers
from justright.values.arrow import infinite_of
from justright.workflow.findings import unknown_intervals
from justright.workflow.trained_on import TrainedOn, trained_on

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Judged", "evaluate_model"]

_LEVEL: Final = 0.95
_ABSOLUTE: Final = frozenset({"mae", "mape", "pinball"})


class Judged:
    """An evaluation and, for a test part, the look at it that was written down.

    Parameters
    ----------
    evaluation : Evaluation
        Metrics with intervals for new rows, slices, words for a customer.
    look : Opened or None
        The look in the ledger; None for another table. Where it is not `released`, the evaluation is that
        of the best model shown before.
    """

    def __init__(self, evaluation: Evaluation, look: Opened | None) -> None:
        self.evaluation = evaluation
        self.look = look


def evaluate_model(model: str | Path, table: object = None, *, user: str = "", now: str = "") -> Judged:
    """Judge a model on fresh rows.

    Parameters
    ----------
    model : str or Path
        A run folder or a bundle folder.
    table : object, optional
        Rows with the target; None = the test part that the run kept (`--test`), which is opened through
        the ledger `ledger.jsonl` of the run: each look is written down and widens the intervals, looks of
        the runs beside it at the same rows are counted, and of a model that is not better than the best
        shown before, beyond noise, the figures stay closed: those of the best are repeated.
    user, now : str, optional
        Who looks and when, for the ledger; default: the user of the system and its clock.

    Raises
    ------
    RecipeError
        No table was given and the run kept no test part.
    ColumnError
        The table has no target, or columns of the model are missing.
    """
    path = Path(model)
    predictor = load(path / "model" if (path / "model").is_dir() else path)
    if table is not None:
        seen = trained_on(path, predictor.model_id)
        made, _ = _judge(predictor, _scored(predictor, open_source(table), seen), _LEVEL)
        found = (*made.findings, *unknown_intervals(made.metrics, made.rows), *seen.findings)
        return Judged(msgspec.structs.replace(made, findings=found), None)
    folder = open_run(path)
    recipe = folder.read("recipe.json", Recipe)
    if not recipe.split.test:
        raise RecipeError(
            "no table and a run without a test part",
            allowed="a table with the target, or a run made with --test 10",
            next_step=f"justright evaluate {path} TABLE",
        )
    return _open_test(folder, recipe, predictor, user or getpass.getuser(), now or _now())


def _now() -> str:
    """Return the time for the ledger."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _open_test(folder: RunFolder, recipe: Recipe, predictor: Predictor, user: str, now: str) -> Judged:
    """Judge on the test part, write the look down first, and widen the intervals by the looks.

    Of a model that is not better than the best shown before, the figures of that one are given again.
    """
    if not recipe.table:
        raise RecipeError(
            "a run whose rows were given in memory",
            allowed="a table with the test rows",
            next_step=f"justright evaluate {folder.path} TABLE",
        )
    source = open_source(recipe.table, sql=recipe.sql)
    rows = list(_scored_test(predictor, source, recipe))
    evaluation, test_id = _judge(predictor, iter(rows), _LEVEL)
    own, others = _looks(folder.path, test_id)
    losses, weight = _losses(predictor, rows, recipe.metric)
    rival = _rival(own + others, predictor, source, test_id)
    if rival is not None:
        theirs, _ = _losses(rival.predictor, rival.rows, recipe.metric)
        if release(theirs, losses, weight, looks=1 + len(own) + len(others)).better:
            rival = None
    look = open_test(
        folder.path / "ledger.jsonl",
        model_id=predictor.model_id,
        test_id=test_id,
        rows=evaluation.rows,
        metrics={name: value.value for name, value in evaluation.metrics.items()},
        time=now,
        user=user,
        loss=float(np.average(losses, weights=weight)),
        elsewhere=len(others),
        best=rival.name if rival else "",
    )
    if rival is not None:
        evaluation, _ = _judge(rival.predictor, iter(rival.rows), look.level)
    elif look.level != _LEVEL:
        evaluation, _ = _judge(predictor, iter(rows), look.level)
    return Judged(evaluation, look)


@dataclass(frozen=True)
class _Rival:
    """The best model that was shown on the same test rows, with its predictions of them."""

    name: str
    predictor: Predictor
    rows: list[tuple[Any, Any, Any]]


_Seen: TypeAlias = list[tuple[Path, Look]]


def _looks(path: Path, test_id: str) -> tuple[_Seen, _Seen]:
    """Earlier looks at the same rows, with the run of each: by this run, and by those beside it."""
    found: tuple[_Seen, _Seen] = ([], [])
    for ledger in sorted({*path.resolve().parent.glob("*/ledger.jsonl"), path.resolve() / "ledger.jsonl"}):
        mine = ledger.parent == path.resolve()
        found[0 if mine else 1].extend(
            (ledger.parent, look) for look in read_ledger(ledger)[0] if look.test_id == test_id
        )
    return found


def _rival(looks: _Seen, predictor: Predictor, source: Source, test_id: str) -> _Rival | None:
    """The best of the other models that were shown; None where this one was shown itself, or none is left."""
    if any(look.released and look.model_id == predictor.model_id for _, look in looks):
        return None
    shown = [(look.loss, run, look) for run, look in looks if look.released and look.loss is not None]
    for _, run, look in sorted(shown, key=lambda each: each[0]):
        rival = _loaded(run, look.model_id, predictor)
        if rival is None or not set(rival.columns) <= set(source.names):
            continue
        rows = list(_scored_test(rival, source, open_run(run).read("recipe.json", Recipe)))
        if _test_id(np.concatenate([target for target, _, _ in rows])) == test_id:
            return _Rival(run.name, rival, rows)
    return None


def _loaded(run: Path, model_id: str, like: Predictor) -> Predictor | None:
    """The model of a run; None where it is gone, is another by now, or answers another question."""
    try:
        found = load(run / "model")
    except (StorageError, BundleError):
        return None
    return (
        found if (found.model_id, found.task, found.classes) == (model_id, like.task, like.classes) else None
    )


def _losses(
    predictor: Predictor, rows: list[tuple[Any, Any, Any]], name: str
) -> tuple[FloatArray, FloatArray]:
    """Loss of each test row, and its weight: log loss, squared error, or absolute where the metric is."""
    target, prediction, weight = (np.concatenate(column) for column in zip(*rows, strict=True))
    losses = row_loss(predictor.task, target, prediction)
    squared = predictor.task == "regression" and name not in _ABSOLUTE
    return np.square(losses) if squared else losses, weight


def _judge(
    predictor: Predictor, rows: Iterator[tuple[Any, Any, Any]], level: float
) -> tuple[Evaluation, str]:
    """Gather targets and predictions and evaluate them; also a fingerprint of the targets."""
    pieces = list(rows)
    if not pieces or not sum(len(target) for target, _, _ in pieces):
        raise TableError("no row with a target", allowed="at least two rows with a target")
    target, prediction, weight = (np.concatenate(column) for column in zip(*pieces, strict=True))
    made = evaluate(
        predictor.task,
        predictor.classes,
        target,
        prediction,
        weight,
        threshold=_stored_threshold(predictor),
        level=level,
    )
    return made, _test_id(target)


def _test_id(target: npt.NDArray[Any]) -> str:
    """Return the fingerprint of test rows: that of their targets in order."""
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(target).data).hexdigest()[:16]


def _stored_threshold(predictor: Predictor) -> Threshold | None:
    """Return the threshold of the model with the costs it was chosen for."""
    model = predictor.bundle.model
    if model.threshold is None:
        return None
    cost_fp, cost_fn = (float(model.hyperparameters.get(name, 1.0)) for name in ("cost_fp", "cost_fn"))
    return Threshold(model.threshold, 0.0, cost_fp, cost_fn, "cost", True, model.threshold_note, ())


def _scored(predictor: Predictor, source: Source, seen: TrainedOn) -> Iterator[tuple[Any, Any, Any]]:
    """Yield target, prediction and weight of the rows of a table, batch by batch; `seen` counts them."""
    import pyarrow as pa

    schema = predictor.schema
    target = schema.target
    assert target is not None
    if target.column.name not in source.names:
        raise ColumnError(
            f"a table without the target {target.column.name!r}",
            allowed=closest(target.column.name, source.names),
            next_step="justright predict scores rows without a target",
        )
    predictor.require(source.names)
    weight = schema.weight.name if schema.weight and schema.weight.name in source.names else ""
    own = [target.column.name, *([weight] if weight else [])]
    wanted = list(dict.fromkeys([*predictor.columns, *own, *seen.columns(schema, source.names)]))
    for batch in source.batches(wanted):
        labels, known = _labels(batch, schema, source)
        weights = np.ones(batch.num_rows)
        if weight and schema.weight is not None:
            weights = np.nan_to_num(to_numbers(batch.column(weight), schema.weight)[0])
        mask = known & (weights > 0)
        seen.add(batch.filter(pa.array(mask)), schema, labels[mask])
        yield _one(predictor, batch, labels, weights, mask)


def _scored_test(predictor: Predictor, source: Source, recipe: Recipe) -> Iterator[tuple[Any, Any, Any]]:
    """Yield target, prediction and weight of the test rows of a run, found again by their fingerprints."""
    schema = predictor.schema
    split: Split = recipe.split
    cutoffs = cutoffs_for(read_times(source, schema, split.time), recipe) if split.time else None
    for batch in source.batches(columns_to_read(schema, split)):
        rows = read_batch(batch, schema, split)
        mask = parts_of(rows, recipe, cutoffs) == TEST
        yield _one(predictor, batch, rows.target, rows.weight, mask)


def _one(
    predictor: Predictor,
    batch: pa.RecordBatch,
    target: npt.NDArray[Any],
    weight: FloatArray,
    mask: npt.NDArray[np.bool_],
) -> tuple[Any, Any, Any]:
    """Score some rows of a batch."""
    import pyarrow as pa

    chosen = batch.filter(pa.array(mask))
    margins, _ = predictor.score_batch(chosen)
    return target[mask], predictor.expected(margins), weight[mask]


def _labels(
    batch: pa.RecordBatch, schema: Schema, source: Source
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return class numbers or values, and which rows have one; an unknown class or infinity is an error."""
    target = schema.target
    assert target is not None
    values = batch.column(target.column.name)
    if target.task == "regression":
        numbers, unreadable = to_numbers(values, target.column)
        if unreadable is not None and infinite_of(values, target.column, unreadable).any():
            refuse_infinite(source, target.column, "target")
        return numbers, np.isfinite(numbers)
    codes, texts = to_codes(values, target.column)
    strange = sorted({text for text in texts if text is not None and text not in target.classes})
    if strange:
        raise ColumnError(
            f"class {strange[0]!r} of {target.column.name!r}", allowed=f"classes {', '.join(target.classes)}"
        )
    labels = encode_classes(codes, texts, target.classes)
    return labels, labels >= 0
