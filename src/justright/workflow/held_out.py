"""Out-of-fold predictions: what each training row's own held-out members say of it.

One pass over the Blocks after the training gives, for every row, the margin of the chosen setting and
the loss of every setting (for a sample of the rows: the honest interval needs the alternatives too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import StorageError
from justright.models.base import Learner, Spec, State
from justright.optim.losses import margins_to_predictions, row_losses
from justright.schema import Block, FloatArray, Member, Target

__all__ = ["HeldOut", "choose_setting", "held_out", "write_held_out"]

_SAMPLE: Final = 200_000  # rows whose losses are kept for every setting
_MOST: Final = 2_000_000  # rows whose predictions are kept: an interval gains nothing from more
_CELLS: Final = 1 << 22


@dataclass(frozen=True)
class HeldOut:
    """Held-out predictions of the rows that are in a fold, or of two million of them by fingerprint.

    Parameters
    ----------
    prediction : float64 (rows,) or (rows, classes)
        On the scale of predictions, in the target's own unit.
    target : int32 or float64 (rows,)
        In its own unit.
    weight : float64 (rows,)
        Row weights.
    fold : int8 (rows,)
        Fold of each row.
    place : int64 (rows,)
        Number of each row among the rows of the Blocks.
    losses : float32 (sampled rows, settings)
        Held-out loss of every setting, the mean of all repetitions of the folds.
    sampled : int64 (sampled rows,)
        Which of the rows above were sampled.
    margin : float32 (rows, outputs, repeats)
        What the chosen setting says, before its link and any calibration, in each repetition of the folds;
        the first one gives the predictions.
    key : uint64 (rows,) or None
        Fingerprint of each row's features: finds the same row in another run.
    """

    prediction: FloatArray
    target: npt.NDArray[Any]
    weight: FloatArray
    fold: npt.NDArray[np.int8]
    place: npt.NDArray[np.int64]
    losses: npt.NDArray[np.float32]
    sampled: npt.NDArray[np.int64]
    margin: npt.NDArray[np.float32]
    key: npt.NDArray[np.uint64] | None = None


def choose_setting(
    members: Sequence[Member],
    validation: FloatArray,
    failed: Sequence[int],
    fold_weight: Sequence[float] | None = None,
) -> int:
    """Return the setting with the smallest mean validation loss; the stronger penalty on a tie.

    Parameters
    ----------
    members : sequence of Member
        The population.
    validation : float64 (members,)
        Last validation loss of each member.
    failed : sequence of int
        Members that diverged: their settings are out.
    fold_weight : sequence of float, optional
        Weight of the rows of each fold; None = all folds weigh the same.
    """
    bad = {members[place].setting for place in failed}
    losses: dict[int, float] = {}
    weights: dict[int, float] = {}
    for member, loss in zip(members, validation.tolist(), strict=True):
        if member.fold >= 0 and np.isfinite(loss) and member.setting not in bad:
            weight = 1.0 if fold_weight is None else fold_weight[member.fold]
            losses[member.setting] = losses.get(member.setting, 0.0) + weight * loss
            weights[member.setting] = weights.get(member.setting, 0.0) + weight
    if not losses:
        return next((m.setting for m in members if m.setting not in bad), 0)
    return min(losses, key=lambda s: (round(losses[s] / max(weights[s], 1e-300), 12), s))


def held_out(
    learner: Learner,
    spec: Spec,
    state: State,
    members: Sequence[Member],
    blocks: Sequence[Block],
    chosen: int,
    offset: FloatArray | None = None,
) -> HeldOut:
    """Predict every row with the members that have not seen it; `offset` (outputs,) is added to margins."""
    total = sum(block.rows for block in blocks)
    step = max(1, -(-min(total, _MOST) // _SAMPLE))
    limit = np.uint64(min(_MOST / max(total, 1), 1.0) * (2.0**64 - 2048))
    seen = 0
    pieces: list[tuple[Any, ...]] = []
    losses: list[Any] = []
    begin = 0
    for block in blocks:
        size = max(256, _CELLS // (len(members) * spec.outputs))
        for start in range(0, block.rows, size):
            part = block.slice(start, min(start + size, block.rows))
            rows = np.flatnonzero((part.fold[:, 0] >= 0) & ((part.key <= limit) | (total <= _MOST)))
            margins = getattr(learner, "held_margins", learner.margins)(spec, state, part)
            margins = margins if offset is None else margins + offset[:, None]
            picked, fold = _owned(members, margins, part, rows, chosen), part.fold[rows, 0]
            pieces.append((picked, part.target[rows], part.weight[rows], fold, rows + begin, part.key[rows]))
            thin = rows[(np.arange(len(rows)) + seen) % step == 0]
            losses.append(_losses(spec, margins, part, thin, members))
            begin += part.rows
            seen += len(rows)
    margin, target, weight, fold, place, key = (
        np.concatenate(column) for column in zip(*pieces, strict=True)
    )
    prediction, target = _in_unit(spec, margin[:, :, 0], target)
    sampled = np.arange(0, len(place), step)
    every, kept = np.concatenate(losses), margin.astype(np.float32)
    return HeldOut(prediction, target, weight.astype(np.float64), fold, place, every, sampled, kept, key)


def write_held_out(path: Path, held: HeldOut, target: Target) -> None:
    """Write the out-of-fold predictions as Parquet.

    Columns: row, fold, weight, fingerprint (of the features), target, prediction or probabilities.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {"row": held.place, "fold": held.fold, "weight": held.weight}
    if held.key is not None:
        columns["fingerprint"] = held.key
    columns["target"] = np.asarray(target.classes)[held.target] if target.classes else held.target
    if target.task == "multiclass":
        for number, name in enumerate(target.classes):
            columns[f"probability_{name}"] = held.prediction[:, number]
    else:
        name = f"probability_{target.classes[1]}" if target.classes else "prediction"
        columns[name] = held.prediction
    beside = path.with_name(f".{path.name}.part")
    try:
        pq.write_table(pa.table(columns), beside, compression="zstd")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageError(
            f"{len(held.target)} out-of-fold predictions",
            where=f"{path}: {error}",
            next_step="free some disk space, or choose another --out folder",
        ) from error


def _owned(
    members: Sequence[Member], margins: FloatArray, block: Block, rows: npt.NDArray[np.int64], setting: int
) -> FloatArray:
    """Return what each row's own member of each repetition says of it, float64 (rows, outputs, repeats)."""
    own = {(m.repeat, m.fold): at for at, m in enumerate(members) if m.fold >= 0 and m.setting == setting}
    out = np.empty((len(rows), margins.shape[1], 1 + max((repeat for repeat, _ in own), default=0)))
    for repeat in range(out.shape[2]):
        fold = block.fold[rows, repeat]
        # One held-out period is the last fold alone: the folds before it have no member and no row.
        mine = np.asarray([own.get((repeat, each), 0) for each in range(1 + int(fold.max(initial=-1)))], int)
        if len(rows):
            out[:, :, repeat] = margins[rows, :, mine[fold]]
    return out


def _losses(
    spec: Spec,
    margins: FloatArray,
    block: Block,
    rows: npt.NDArray[np.int64],
    members: Sequence[Member],
) -> npt.NDArray[np.float32]:
    """Return the held-out loss of each row under every setting, the mean of all repetitions."""
    settings = 1 + max(member.setting for member in members)
    out = np.empty((len(rows), settings), np.float32)
    for setting in range(settings):
        said = _owned(members, margins, block, rows, setting)
        each = [row_losses(spec.loss, said[:, :, r], block.target[rows]) for r in range(said.shape[2])]
        out[:, setting] = np.mean(each, axis=0)
    return out


def _in_unit(spec: Spec, margin: FloatArray, target: npt.NDArray[Any]) -> tuple[FloatArray, npt.NDArray[Any]]:
    """Map margins and targets to the target's own unit."""
    feature = spec.plan.data.target
    if spec.loss.link == "identity" and feature is not None:
        return feature.unscaled(margin[:, 0]), feature.unscaled(target)
    prediction = margins_to_predictions(margin, spec.loss.link)
    return prediction, target.astype(np.float64) if spec.loss.link == "log" else target
