"""Adversarial validation: can the rows that judge be told from those that teach.

A cheap model is asked which rows stand in the part, out of fold; its ROC area with the interval is 0.5 for
parts of one law. The columns that tell are those that do it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.diagnose.rows.additive import Additive, explained
from justright.diagnose.rows.alone import columns_alone
from justright.diagnose.rows.sample import Feature, Sample
from justright.evaluate import interval
from justright.schema import Finding, FloatArray, Value

__all__ = ["Telling", "part_of_folds", "parts", "tell"]

_TOLD: Final = 0.55  # a low end of the area below is too little to matter
_CLEARLY: Final = 0.65
_FEWEST: Final = 50  # keys on each side
_LEVEL: Final = 0.99
_PENALTIES: Final = (30.0, 300.0)


class Telling(NamedTuple):
    """How well a part is told from the rest: the area with its interval, and the columns that tell alone."""

    area: Value
    columns: tuple[str, ...]


def tell(
    features: Sequence[Feature],
    design: Additive,
    inside: npt.NDArray[np.bool_],
    weight: FloatArray,
    fold: npt.NDArray[np.int8],
    kin: npt.NDArray[np.uint64],
) -> Telling:
    """Tell some rows from the others by their columns.

    Parameters
    ----------
    features : sequence of Feature
        The columns.
    design : Additive
        The cheap model of the same rows.
    inside : bool (rows,)
        Rows of the part.
    weight : float64 (rows,)
        Row weights.
    fold : int8 (rows,)
        Folds of the checks.
    kin : uint64 (rows,)
        Rows of equal words are one observation: copies, or rows that the split keeps together.

    Notes
    -----
    Interval by DeLong at 99 %, rows of one kin added first.
    """
    outcome = inside.astype(np.float64)[:, None]
    made = design.out_of_fold(outcome, (), _PENALTIES)
    numbers = np.unique(kin, return_inverse=True)[1].ravel()
    label, guess = inside.astype(np.int64), np.clip(made[:, 0], 0.0, 1.0)
    area = interval("roc_auc", label, guess, level=_LEVEL, groups=numbers)
    alone = columns_alone(features, outcome, weight, fold)
    gains = [explained(outcome, each, weight) for each in alone]
    top = [
        features[int(i)].column
        for i in np.argsort(-np.asarray(gains), kind="stable")
        if gains[int(i)] > 0.005
    ]
    return Telling(area, tuple(dict.fromkeys(top))[:5])


def part_of_folds(fold: npt.NDArray[np.int8]) -> npt.NDArray[np.bool_]:
    """Return which rows judge: the last fold of several, the only one where there is one."""
    inside: npt.NDArray[np.bool_] = fold == int(fold.max(initial=-1))
    return inside


def parts(
    sample: Sample, design: Additive, judging: npt.NDArray[np.int8], *, forward: bool, by: Sequence[str] = ()
) -> list[Finding]:
    """Say whether the rows of the judging fold can be told from the others.

    Parameters
    ----------
    sample : Sample
        The rows.
    design : Additive
        The cheap model of them.
    judging : int8 (rows,)
        Fold of the training for each sampled row, -2 = none.
    forward : bool
        The folds are periods: then a difference is what the future brings.
    by : sequence of str
        Names of columns that made the split; they tell trivially.
    """
    inside = part_of_folds(judging)
    if min(len(np.unique(sample.key[side])) for side in (inside, ~inside)) < _FEWEST:
        return []
    seen = tell(sample.features, design, inside, sample.weight, sample.fold, sample.key)
    low = seen.area.low
    if not np.isfinite(low) or low < _TOLD:
        return []
    columns = [name for name in seen.columns if name not in by]
    why = "they are later" if forward else "they are not drawn like the others"
    sentence = (
        f"The rows that judge can be told from those that teach (ROC area {seen.area.value:.2f}, at "
        f"least {low:.2f}; 0.5 "
        f"= one law), most by {', '.join(columns[:3]) or 'no single column'}: {why}."
    )
    evidence = {
        "area": round(seen.area.value, 4),
        "low": round(low, 4),
        "high": round(seen.area.high, 4),
        "columns": columns,
    }
    move = (
        "look at these columns: drop those that only number the rows; else the model must go beyond what "
        "it saw"
    )
    grave = low >= _CLEARLY and not forward
    return [Finding("parts-differ", "warning" if grave else "info", sentence, evidence, move)]
