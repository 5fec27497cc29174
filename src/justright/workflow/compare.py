"""Two runs compared on the rows that both held out: a difference with its interval, never two bare numbers.

The same row is found by the fingerprint of its features and its target, copies one by one; where the runs
read other columns, by its place among the training rows, which counts only if all targets agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, StorageError, TableError
from justright.evaluate.paired import Difference, paired_differences
from justright.kernels.hashing import mix64
from justright.metrics import metric
from justright.metrics.registry import metrics_for
from justright.recipe import Recipe
from justright.schema import FloatArray, Schema, Target, Task
from justright.values import figure
from justright.workflow.run import Run, load_run

__all__ = ["Comparison", "Side", "compare"]

_FILE: Final = "out_of_fold.parquet"
_FEWEST: Final = 10  # rows in both: below, nothing can be said
_NEAR: Final = 1e-6  # of the largest target: what scaling to float32 and back leaves
_SHARE: Final = 0.5  # of the rows of the smaller run that must be in the other to match by fingerprint


class Side(msgspec.Struct, frozen=True):
    """One of the two runs.

    Parameters
    ----------
    run : str
        Its folder.
    model_id : str
        Its model.
    family : str
        Its family.
    rows : int
        Rows it held out.
    judged_by : str
        Folds or one part.
    """

    run: str
    model_id: str
    family: str
    rows: int
    judged_by: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What two runs say of the same rows.

    Parameters
    ----------
    task, target : str
        What both predict.
    first, second : Side
        The runs.
    rows : int
        Rows that both held out.
    matched_by : {"fingerprint", "row"}
        How the same row was found.
    level : float
        Of the intervals.
    metric : str
        Headline metric of the first run.
    better : {"first", "second", "neither"}
        By that metric.
    differences : tuple of Difference
        `second - first` of each metric, the headline first. The values of both are those of the rows in
        common, without the corrections that `train` prints for one run alone.
    sentence : str
        The result in plain words.
    """

    task: Task
    target: str
    first: Side
    second: Side
    rows: int
    matched_by: Literal["fingerprint", "row"]
    level: float
    metric: str
    better: Literal["first", "second", "neither"]
    differences: tuple[Difference, ...]
    sentence: str


@dataclass(frozen=True)
class _Held:
    """Held-out rows of a run; targets as class numbers or values."""

    row: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    weight: FloatArray
    key: npt.NDArray[np.uint64] | None
    target: npt.NDArray[Any]
    prediction: FloatArray


def compare(first: str | Path, second: str | Path, *, level: float = 0.95) -> Comparison:
    """Compare two finished runs on the rows that both held out.

    Parameters
    ----------
    first, second : str or Path
        Folders of runs with the same target.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    Comparison
        Differences `second - first`; the winner where an interval does not hold zero.

    Raises
    ------
    StorageError
        One is not the folder of a finished run, or has no held-out predictions.
    RecipeError
        The same run twice, or runs with another target, task or classes.
    TableError
        Fewer than 10 rows were held out by both.

    Notes
    -----
    Reads at most two million rows of each run; a second for 100,000.

    Examples
    --------
    >>> compare("runs/a", "runs/b").sentence  # doctest: +SKIP
    'The second run (crossed) is better: rmse lower by 9,530 (9,010 to 10,050) on the same 20,640 rows.'
    """
    one, other = load_run(first), load_run(second)
    schemas = tuple(run.folder.read("schema.json", Schema) for run in (one, other))
    target = _same_question(one, other, schemas[0].target, schemas[1].target)
    held = _read(one.path / _FILE, target), _read(other.path / _FILE, target)
    places, matched_by = _matched(*held)
    if places.shape[1] < _FEWEST:
        raise TableError(
            f"{places.shape[1]} rows that both runs held out, of {len(held[0].row)} and {len(held[1].row)}",
            allowed=f"at least {_FEWEST}: runs of the same rows with the same salt",
            next_step="train both on one table, without --test or with the same --by",
        )
    return _compared((one, other), held, places, matched_by, target, level)


def _same_question(one: Run, other: Run, first: Target | None, second: Target | None) -> Target:
    """Refuse runs that do not predict the same; return what they predict."""
    assert first is not None and second is not None
    if one.path.resolve() == other.path.resolve():
        raise RecipeError(f"run={str(one.path)!r} twice", allowed="two different runs", next_step="ls runs/")
    questions = [(t.column.name, t.task, sorted(t.classes)) for t in (first, second)]
    if questions[0] != questions[1]:
        said = [f"{t.task} of {t.column.name!r}" + _counted(t) for t in (first, second)]
        raise RecipeError(
            f"two questions: {said[0]}, and {said[1]}",
            allowed="two runs with the same target, task and classes",
            next_step=f"justright train TABLE --target {first.column.name}",
        )
    return first


def _counted(target: Target) -> str:
    """The number of classes, where there are any."""
    return f" ({len(target.classes)} classes)" if target.classes else ""


def _read(path: Path, target: Target) -> _Held:
    """Read held-out predictions with targets as numbers, in the order of the classes of `target`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        truth: Any = table.column("target")
        if target.classes:
            codes = pc.index_in(truth.cast(pa.string()), value_set=pa.array(target.classes))
            truth = codes.fill_null(-1)
        if target.task == "multiclass":
            names = [f"probability_{name}" for name in target.classes]
            prediction = np.stack([table.column(name).to_numpy() for name in names], axis=1)
        else:
            name = f"probability_{target.classes[1]}" if target.classes else "prediction"
            prediction = _turned(table, name, target)
        key = table.column("fingerprint").to_numpy() if "fingerprint" in table.column_names else None
        row, fold, weight = (table.column(each).to_numpy() for each in ("row", "fold", "weight"))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise StorageError(
            "held-out predictions that cannot be read",
            where=f"{path}: {error}",
            allowed="the out_of_fold.parquet of a finished run",
            next_step="train again",
        ) from error
    found = _Held(row, fold.astype(np.int64), weight.astype(np.float64), key, truth.to_numpy(), prediction)
    if target.classes and bool((found.target < 0).any()):
        raise StorageError("held-out predictions with unknown classes", where=str(path))
    return found


def _turned(table: Any, name: str, target: Target) -> FloatArray:
    """The probability of class 1 also where the other run calls the classes the other way round."""
    if name in table.column_names or not target.classes:
        return np.asarray(table.column(name).to_numpy(), dtype=np.float64)
    return 1.0 - np.asarray(table.column(f"probability_{target.classes[0]}").to_numpy(), dtype=np.float64)


def _matched(one: _Held, other: _Held) -> tuple[npt.NDArray[np.int64], Literal["fingerprint", "row"]]:
    """Places of the same rows in both, int64 (2, rows), and how they were found."""
    fewer = min(len(one.row), len(other.row))
    if one.key is not None and other.key is not None:
        ids = _numbered(one), _numbered(other)
        _, first, second = np.intersect1d(ids[0], ids[1], assume_unique=True, return_indices=True)
        same = _alike(one.target[first], other.target[second])
        if same.sum() >= _SHARE * fewer:
            return np.stack([first[same], second[same]]).astype(np.int64), "fingerprint"
    _, first, second = np.intersect1d(one.row, other.row, assume_unique=True, return_indices=True)
    if not _alike(one.target[first], other.target[second]).all():
        first, second = first[:0], second[:0]
    return np.stack([first, second]).astype(np.int64), "row"


def _alike(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether two targets are the same: numbers were scaled as float32 by each run's own mean and spread."""
    if one.dtype.kind != "f":
        return np.asarray(one == other)
    size = float(np.abs(one).max(initial=0.0))
    return np.asarray(np.abs(one - other) <= _NEAR * size)


def _numbered(held: _Held) -> npt.NDArray[np.uint64]:
    """A word for each row from features and class; copies are told apart by their number, in row order."""
    assert held.key is not None
    word = held.key
    if held.target.dtype.kind != "f":
        word = mix64(word ^ mix64(held.target.astype(np.uint64)))
    order = np.lexsort((held.row, word))
    ordered = word[order]
    first = np.append(True, ordered[1:] != ordered[:-1])
    begins = np.flatnonzero(first)
    number = np.arange(len(word)) - np.repeat(begins, np.diff(np.append(begins, len(word))))
    found = np.empty_like(word)
    found[order] = mix64(ordered + number.astype(np.uint64))
    return np.asarray(found)


def _compared(
    runs: tuple[Run, Run],
    held: tuple[_Held, _Held],
    places: npt.NDArray[np.int64],
    matched_by: Literal["fingerprint", "row"],
    target: Target,
    level: float,
) -> Comparison:
    """Compare the rows in common."""
    one, other = held
    headline = runs[0].summary.metric
    recipe = runs[0].folder.read("recipe.json", Recipe)
    names = dict.fromkeys([headline, *(each.name for each in metrics_for(target.task))])
    found = paired_differences(
        names,
        one.target[places[0]],
        one.prediction[places[0]],
        other.prediction[places[1]],
        one.weight[places[0]],
        one.fold[places[0]],
        other.fold[places[1]],
        folds=min(run.summary.folds for run in runs),
        thresholds=_thresholds(runs),
        quantile=recipe.quantile,
        level=level,
    )
    if not found:
        raise TableError(
            f"{places.shape[1]} rows in common of which no metric is defined", next_step="judge more rows"
        )
    sides = tuple(
        Side(str(run.path), run.summary.model_id, run.summary.family, len(each.row), run.summary.judged_by)
        for run, each in zip(runs, held, strict=True)
    )
    return Comparison(
        task=target.task,
        target=target.column.name,
        first=sides[0],
        second=sides[1],
        rows=places.shape[1],
        matched_by=matched_by,
        level=level,
        metric=found[0].metric,
        better=found[0].better,
        differences=found,
        sentence=_sentence(found[0], sides, places.shape[1], level),
    )


def _thresholds(runs: tuple[Run, Run]) -> tuple[float, float]:
    """From which probability on each model says class 1."""
    first, second = (0.5 if run.summary.threshold is None else run.summary.threshold for run in runs)
    return first, second


def _sentence(found: Difference, sides: tuple[Side, ...], rows: int, level: float) -> str:
    """The result in plain words."""
    gap = found.difference
    where = f"on the same {rows:,} held-out rows"
    if found.better == "neither":
        ends = f"{100 * level:.4g} % interval {figure(gap.low)} to {figure(gap.high)}"
        return (
            f"Neither run is shown to be better: {found.metric} of the second ({sides[1].family}) less that "
            f"of the first ({sides[0].family}) is {figure(gap.value)} ({ends}) {where}."
        )
    place = 1 if found.better == "second" else 0
    up = metric(found.metric).greater_is_better
    low, high = sorted((abs(gap.low), abs(gap.high)))
    name = ("first", "second")[place]
    return (
        f"The {name} run ({sides[place].family}) is better: {found.metric} {'higher' if up else 'lower'} by "
        f"{figure(abs(gap.value))} ({100 * level:.4g} % interval {figure(low)} to {figure(high)}) {where}."
    )
