"""Sums and differences that make the target: then the table holds the answer in other words.

    target = a + b,   target = a - b,   target = a          in how many rows, and in how many by chance

Equal to the rounding of the encoding. An identity that holds in half of the rows (clock times whose
difference wraps at midnight) is found as well: every pair is looked at, and chance is what the same pair
says of shuffled targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from justright.diagnose.rows.sample import Feature, Sample
from justright.schema import Finding, FloatArray

__all__ = ["identities"]

_ROWS: Final = 2_000
_COLUMNS: Final = 48
_ROUNDING: Final = 2e-6  # of the sizes and spreads involved: float32 and the scale of the plan
_LEAST: Final = 0.2  # share of the rows, beyond chance
_NOISE: Final = 5.0  # standard errors beyond chance


class Identity(NamedTuple):
    """A formula that gives the target in a share of the rows, and in how many by chance."""

    formula: str
    columns: tuple[str, ...]
    share: float
    chance: float


def identities(sample: Sample, name: str) -> list[Finding]:
    """Name the columns that make the target together.

    Parameters
    ----------
    sample : Sample
        Rows of a regression; of classes nothing is looked for.
    name : str
        Name of the target.

    Notes
    -----
    2,000 rows and the 48 numbers with the widest range of values; 3 x 48 x 47 / 2 comparisons, 30 ms.
    """
    if sample.task != "regression":
        return []
    found = sorted(_found(sample), key=lambda each: -each.share)
    if not found:
        return []
    # One column that is the target hides pairs of it with a column that is mostly zero.
    best = found[0]
    whole = best.share > 0.999
    share = "every row" if whole else f"{best.share:.0%} of the rows"
    sentence = (
        f"{name} is {best.formula} in {share} (by chance in {best.chance:.1%}): the answer stands in the "
        "table."
    )
    return [
        Finding(
            "leak-identity",
            "error" if best.share > 0.99 else "warning",
            sentence,
            {
                "columns": list(best.columns),
                "formula": best.formula,
                "share": round(best.share, 4),
                "chance": round(best.chance, 4),
                "others": [each.formula for each in found[1:6]],
            },
            " or ".join(f"--drop {column}" for column in best.columns)
            + ": leave out what is known only with the answer",
        )
    ]


def _found(sample: Sample) -> Iterator[Identity]:
    """Yield the formulas that hold more often than chance."""
    step = max(1, sample.rows // _ROWS)
    rows = np.arange(0, sample.rows, step)
    target = sample.target[rows]
    shuffled = np.roll(target, len(target) // 3)
    size = np.abs(target) + float(np.std(target))
    numbers = [f for f in sample.features if f.values is not None and not f.part and not f.dated]
    numbers = sorted(numbers, key=_distinct, reverse=True)[:_COLUMNS]
    columns = [(f, np.asarray(f.values)[rows]) for f in numbers]
    for feature, values in columns:
        room = _ROUNDING * (size + np.abs(values) + feature.scale)
        yield from _judged(feature.name, (feature.name,), values, room, target, shuffled)
    for (first, a), (second, b) in combinations(columns, 2):
        room = _ROUNDING * (size + np.abs(a) + np.abs(b) + first.scale + second.scale)
        names = (first.name, second.name)
        for formula, made in (
            (f"{first.name} + {second.name}", a + b),
            (f"{first.name} - {second.name}", a - b),
            (f"{second.name} - {first.name}", b - a),
        ):
            yield from _judged(formula, names, made, room, target, shuffled)


def _judged(
    formula: str,
    names: tuple[str, ...],
    made: FloatArray,
    room: FloatArray,
    target: FloatArray,
    shuffled: FloatArray,
) -> Iterator[Identity]:
    """Yield a formula that holds more often than in shuffled targets, by a fifth of the rows and by noise."""
    known = np.isfinite(made)
    rows = int(known.sum())
    if rows < 50 or rows < 0.5 * len(made):
        return
    hits = float((np.abs(target - made) <= room)[known].mean())
    if hits < _LEAST:
        return
    chance = float((np.abs(shuffled - made) <= room)[known].mean())
    noise = np.sqrt((chance * (1.0 - chance) + hits * (1.0 - hits) + 1.0 / rows) / rows)
    if hits - chance >= max(_LEAST, _NOISE * noise):
        yield Identity(formula, names, hits, chance)


def _distinct(feature: Feature) -> int:
    """Return how many different values a column of numbers has."""
    assert feature.values is not None
    return len(np.unique(feature.values))
