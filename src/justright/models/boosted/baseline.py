"""Boosted trees as a rival: LightGBM with its default settings, fitted once on one fold.

It sees the encoded rows that every family sees: numbers with NaN for missing, codes as categories, and of
text the commonest n-grams.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, TrainingError
from justright.models.boosted.columns import commonest, matrix
from justright.models.boosted.library import lightgbm_for
from justright.schema import Block, FloatArray, IntArray, Task

__all__ = ["Boosted", "boosted_baseline"]

_ROUNDS: Final = 100
_CELLS: Final = 1 << 24  # numbers the training rows may hold: 64 MB
_JUDGED: Final = 200_000  # rows of the fold that are predicted
_SMALL: Final = 1 << 19  # below, a second thread costs more in waiting than it brings on a busy machine
_OBJECTIVES: Final = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}


@dataclass(frozen=True, slots=True)
class Boosted:
    """What boosted trees say of rows they have not seen.

    Parameters
    ----------
    prediction : float64 (judged rows,) or (judged rows, classes)
        Expected value in the unit of `Block.target`, probability of class 1, or of each class.
    place : int64 (judged rows,)
        Number of each judged row among the rows of all blocks, rising.
    rounds : int
        Trees grown (a class each); fewer than 100 where time ran out.
    stopped : bool
        True where time ran out.
    train_rows : int
        Rows trained on; a sample by fingerprint where there are more than fit into 64 MB.
    """

    prediction: FloatArray
    place: IntArray
    rounds: int
    stopped: bool
    train_rows: int


def boosted_baseline(
    blocks: Sequence[Block],
    task: Task,
    n_classes: int = 2,
    *,
    fold: int = 0,
    time_limit: float = float("inf"),
    seed: int = 0,
    forward: bool = False,
) -> Boosted:
    """Fit LightGBM's defaults on all folds but one, and predict that one.

    Parameters
    ----------
    blocks : sequence of Block
        The encoded table.
    task : {"regression", "binary", "multiclass"}
        What is predicted.
    n_classes : int, default 2
        Number of classes.
    fold : int, default 0
        Rows whose first fold is this one are predicted, the others train.
    time_limit : float, default inf
        Seconds after which no further tree is grown; at least one is.
    seed : int, default 0
        Of LightGBM; at its defaults nothing is random.
    forward : bool, default False
        True: only earlier folds train, as for folds that are periods.

    Returns
    -------
    Boosted
        Predictions of the rows of the fold, or of 200,000 of them by fingerprint.

    Raises
    ------
    MissingExtraError
        LightGBM is not installed, or its library cannot be loaded.
    TrainingError
        The fold is empty, or nothing is left to train on.

    Notes
    -----
    About rows * columns * 10 bytes beyond the blocks; at most two threads; 100,000 rows of 20 columns take
    about a second.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(200, dtype=np.float32)[:, None]
    >>> block = Block(x, np.zeros((200, 0), np.int32), (x[:, 0] > 99).astype(np.int32),
    ...     np.ones(200, np.float32), (np.arange(200) % 5).astype(np.int8)[:, None], None,
    ...     np.arange(200, dtype=np.uint64))
    >>> boosted_baseline([block], "binary").prediction.round(1)[[0, -1]]
    array([0., 1.])
    """
    lightgbm = lightgbm_for("boosted baseline", "--no-baseline")
    if task not in _OBJECTIVES:
        raise RecipeError(f"task={task!r}", allowed="one of: " + ", ".join(_OBJECTIVES))
    begin = time.monotonic()
    words = commonest(blocks)
    rows, label, weight = _training(blocks, words, fold, forward)
    place, judged = _judged(blocks, words, fold)
    if not len(label) or not len(place):
        raise TrainingError(
            f"{len(label)} rows to train and {len(place)} to judge in fold {fold}",
            allowed="at least one of each",
            where="boosted baseline",
            next_step="--no-baseline",
        )
    settings = {
        "objective": _OBJECTIVES[task],
        "num_threads": 1 if rows.size < _SMALL else 2,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **({"num_class": n_classes} if task == "multiclass" else {}),
    }
    numbers = blocks[0].numeric.shape[1]
    data = lightgbm.Dataset(
        rows,
        label=label,
        weight=weight,
        categorical_feature=list(range(numbers, numbers + blocks[0].codes.shape[1])),
        params=settings,
    )
    clock = _Clock(begin + time_limit, lightgbm.callback.EarlyStopException)
    model = lightgbm.train(settings, data, num_boost_round=_ROUNDS, callbacks=[clock])
    rounds = int(model.current_iteration())
    prediction = np.asarray(model.predict(judged, num_iteration=rounds), dtype=np.float64)
    return Boosted(prediction, place, rounds, clock.stopped, len(label))


class _Clock:
    """Stops the growing of trees at a moment of the monotonic clock."""

    def __init__(self, end: float, stop: type[Exception]) -> None:
        self.end = end
        self.stop = stop
        self.stopped = False

    def __call__(self, moment: Any) -> None:
        """Called by LightGBM after each tree."""
        if time.monotonic() >= self.end and moment.iteration + 1 < moment.end_iteration:
            self.stopped = True
            raise self.stop(moment.iteration, [])


def _training(
    blocks: Sequence[Block], words: IntArray, fold: int, forward: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Rows, labels and weights to train on, sampled by fingerprint where there are too many."""
    width = blocks[0].numeric.shape[1] + blocks[0].codes.shape[1] + len(words)
    kept = [(block, (block.fold[:, 0] < fold) if forward else (block.fold[:, 0] != fold)) for block in blocks]
    kept = [(block, inside & (block.weight > 0)) for block, inside in kept]
    share = _CELLS / max(width, 1) / max(sum(int(inside.sum()) for _, inside in kept), 1)
    parts, labels, weights = [], [], []
    for block, inside in kept:
        rows = np.flatnonzero(inside & _sampled(block, share))
        parts.append(matrix(block, words, rows))
        labels.append(np.asarray(block.target[rows], dtype=np.float32).reshape(len(rows)))
        weights.append(block.weight[rows])
    return np.concatenate(parts), np.concatenate(labels), np.concatenate(weights)


def _judged(blocks: Sequence[Block], words: IntArray, fold: int) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Places and rows of the fold."""
    total = sum(int((block.fold[:, 0] == fold).sum()) for block in blocks)
    places, parts, begin = [], [], 0
    for block in blocks:
        rows = np.flatnonzero((block.fold[:, 0] == fold) & _sampled(block, _JUDGED / max(total, 1)))
        places.append(rows + begin)
        parts.append(matrix(block, words, rows))
        begin += block.rows
    return np.concatenate(places), np.concatenate(parts)


def _sampled(block: Block, share: float) -> npt.NDArray[np.bool_]:
    """Rows in a sample of this share, a function of their fingerprint."""
    if share >= 1.0:
        return np.ones(block.rows, dtype=bool)
    return block.key < np.uint64(share * 2.0**64)
