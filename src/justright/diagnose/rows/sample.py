"""The rows that the checks look at: a sample by fingerprint, in the order of the file, as plain arrays.

The Blocks keep the order of the source, so a row's number among them is its place in the file. The
sample is a function of the rows' fingerprints: copies of a row are in it together, and it is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.kernels.hashing import mix64
from justright.schema import Block, FloatArray, IntArray, Task
from justright.split import farm_fingerprint, folds

__all__ = ["FOLDS", "Feature", "Judged", "Sample", "chosen_places", "gather", "take_rows"]

FOLDS: Final = 5
_SALT: Final = "rows looked at"  # own folds, made of the split's key: what is kept together stays together
_FEW_KEYS: Final = 100


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of the plan on the sampled rows.

    Parameters
    ----------
    name : str
        Name for people: the column, with its part in brackets for dates.
    column : str
        Column of the table.
    part : str
        Part of a date; empty for plain columns.
    values : float64 (rows,) or None
        Numbers in their own unit, NaN = missing; None for categories.
    codes : int32 (rows,) or None
        Codes of categories (0 rare or never seen, 1 missing); None for numbers.
    size : int
        Number of codes; 0 for numbers.
    scale : float
        Spread of the training rows; 1 for categories.
    dated : bool
        Whether the column holds moments.
    """

    name: str
    column: str
    part: str
    values: FloatArray | None
    codes: npt.NDArray[np.int32] | None
    size: int
    scale: float
    dated: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What the model said of rows it had not seen, by number of the row.

    Parameters
    ----------
    place : int64 (judged,)
        Numbers among the rows of the Blocks, rising.
    prediction : float64 (judged,) or (judged, classes)
        In the target's own unit, or probabilities.
    target : (judged,)
        Values or class numbers.
    weight : float64 (judged,)
        Row weights.
    """

    place: IntArray
    prediction: FloatArray
    target: npt.NDArray[Any]
    weight: FloatArray


@dataclass(frozen=True, slots=True)
class Sample:
    """Sampled rows, in the order of the file.

    Parameters
    ----------
    features : tuple of Feature
        What feeds the model, text columns apart.
    task : {"regression", "binary", "multiclass"}
        What is predicted.
    classes : int
        Number of classes; 0 for regression.
    target : float64 (rows,)
        Values in their own unit, or class numbers.
    outcome : float64 (rows, outputs)
        What a squared error is taken of: the value, the indicator of class 1, or of each class.
    weight : float64 (rows,)
        Row weights.
    place : int64 (rows,)
        Number of each row among the training rows, rising.
    fold : int8 (rows,)
        Folds of the checks, 0..4, by the key of the split.
    content : uint64 (rows,)
        Fingerprint of the features.
    key : uint64 (rows,)
        Key of the split: rows of one key share a fold.
    prediction : float64 (rows, outputs)
        Held-out prediction on the scale of `outcome`; NaN where the model was not judged.
    total : int
        Training rows in all.
    """

    features: tuple[Feature, ...]
    task: Task
    classes: int
    target: FloatArray
    outcome: FloatArray
    weight: FloatArray
    place: IntArray
    fold: npt.NDArray[np.int8]
    content: npt.NDArray[np.uint64]
    key: npt.NDArray[np.uint64]
    prediction: FloatArray
    total: int

    @property
    def rows(self) -> int:
        """Number of sampled rows."""
        return len(self.place)

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Which rows the model was judged on."""
        return np.isfinite(self.prediction[:, 0])


def chosen_places(key: npt.NDArray[np.uint64], most: int) -> IntArray:
    """Return the numbers of about `most` rows, all with equal keys together; a function of the keys.

    Examples
    --------
    >>> keys = mix64(np.repeat(np.arange(500, dtype=np.uint64), 2))
    >>> rows = chosen_places(keys, 200)
    >>> bool(150 < len(rows) < 250), bool((rows[::2] + 1 == rows[1::2]).all())
    (True, True)
    """
    if len(key) <= most:
        return np.arange(len(key))
    return np.flatnonzero(mix64(key) <= np.uint64(most / len(key) * (2.0**64 - 2048)))


def take_rows(data: DataModule, judged: Judged | None, places: IntArray) -> Sample:
    """Return some training rows as plain arrays.

    Parameters
    ----------
    data : DataModule
        Blocks, plan and facts.
    judged : Judged or None
        Held-out predictions; None = nothing is known of the model.
    places : int64 (rows,)
        Numbers of the rows, rising.
    """
    feature = data.plan.data.target
    assert feature is not None
    task, classes = feature.target.task, len(feature.target.classes)
    train = np.flatnonzero(data.facts.part == 0)[places]
    target = data.facts.target[train].astype(np.float64)
    outcome = outcomes(target, task, classes)
    prediction = np.full(outcome.shape, np.nan)
    if judged is not None and len(judged.place):
        at = np.minimum(np.searchsorted(judged.place, places), len(judged.place) - 1)
        both = judged.place[at] == places
        prediction[both] = judged.prediction[at[both]].reshape(int(both.sum()), -1)
    key = data.facts.key[train]
    return Sample(
        _features(data, places),
        task,
        classes,
        target,
        outcome,
        np.concatenate([block.weight for block in _taken(data.blocks, places)]).astype(np.float64),
        places,
        _own_folds(key),
        data.facts.content[train],
        key,
        prediction,
        data.rows,
    )


def outcomes(target: FloatArray, task: Task, classes: int) -> FloatArray:
    """Return what a squared error is taken of, float64 (rows, outputs)."""
    if task == "regression":
        return target[:, None]
    if task == "binary":
        return np.asarray(target == 1, np.float64)[:, None]
    return np.asarray(target[:, None] == np.arange(classes), np.float64)


def gather(blocks: Sequence[Block], places: IntArray, number: int, *, codes: bool) -> npt.NDArray[Any]:
    """Return one encoded feature of some rows, numbers or codes, (rows,)."""
    found, begin = [], 0
    for block in blocks:
        mine = _inside(places, begin, block.rows)
        found.append((block.codes if codes else block.numeric)[mine, number])
        begin += block.rows
    return np.concatenate(found)


def _inside(places: IntArray, begin: int, rows: int) -> IntArray:
    """Return which rows of a block are meant, by their number in it; `places` rise."""
    low, high = np.searchsorted(places, [begin, begin + rows])
    return places[low:high] - begin


def _taken(blocks: Sequence[Block], places: IntArray) -> list[Block]:
    """Return the chosen rows of each block, without text."""
    found, begin = [], 0
    empty = np.zeros(0, np.uint64)
    for block in blocks:
        mine = _inside(places, begin, block.rows)
        numeric, codes = block.numeric[mine], block.codes[mine]
        found.append(Block(numeric, codes, block.target[:0], block.weight[mine], block.fold[:0], None, empty))
        begin += block.rows
    return found


def _features(data: DataModule, places: IntArray) -> tuple[Feature, ...]:
    """Return the features of the plan on some rows."""
    taken = _taken(data.blocks, places)
    numeric = np.concatenate([block.numeric for block in taken])
    codes = np.concatenate([block.codes for block in taken])
    found = []
    for number, each in enumerate(data.plan.data.numeric):
        values = numeric[:, number].astype(np.float64) * each.scale + each.centre
        dated = each.column.kind == "datetime"
        found.append(Feature(each.name, each.column.name, each.part, values, None, 0, each.scale, dated))
    for number, category in enumerate(data.plan.data.categorical):
        name, part, size = category.column.name, category.part, category.size
        dated = category.column.kind == "datetime"
        found.append(Feature(category.name, name, part, None, codes[:, number], size, 1.0, dated))
    return tuple(found)


def _own_folds(key: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
    """Return folds of the checks' own: by the split's key, row by row where there are few keys."""
    distinct = np.sort(key)
    few = len(key) == 0 or int((distinct[1:] != distinct[:-1]).sum()) + 1 < _FEW_KEYS
    if few:
        key = mix64(np.arange(len(key), dtype=np.uint64))
    salted = mix64(key ^ farm_fingerprint([_SALT]).view(np.uint64)[0])
    return folds(salted, FOLDS, 1, _SALT)[:, 0]
