"""Columns that know the answer: one that is as good as the model, one that moves with the target one for one,
one that carries most of the model and that nothing else foretells.

None of the three is proof: a column may be that good and known in time. What each says is a question to the
user with its numbers. Shares are of the squared error (of the indicator of each class), out of fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from justright.diagnose.rows.additive import explained, row_errors
from justright.diagnose.rows.look import Look
from justright.schema import Finding, FloatArray

__all__ = ["leaks"]

_NOISE: Final = 4.0  # standard errors
_LOOKED_AT: Final = 4  # columns by what they say alone, and as many by what only they say
_STRONG: Final = 0.5  # share explained alone; below, a weak table may well hang on one honest column
_NEARLY_ALL: Final = 0.95  # alone: hardly a column that is known in time says that much
_AS_GOOD: Final = 0.9  # of what the model explains
_LEFT: Final = 1.25  # and of the error that the model leaves
_RESOLVED: Final = 0.03  # share of the spread that bins of a number cannot tell apart
_UNITS: Final = (0.8, 1.25)  # a slope of one for one, in the units of the table
_PARTIAL: Final = 0.2  # share of what the other columns leave open
_CARRIED: Final = 1.0 / 3.0  # of what the columns explain together is lost without this one
_FORETOLD: Final = 0.1  # share of the column's ranks that the other columns explain
_RELATED: Final = 0.3  # the same share for the other columns that were looked at
_VALUES: Final = 50  # a measured quantity has more; a few-valued column is a group of rows
_ROUNDING: Final = 1e-6  # of float32, and of the scale of the plan
_TRIED: Final = (30.0,)


class Column(NamedTuple):
    """What one column says: alone, and beside the others; `grid`: written to the same digit as the target."""

    name: str
    alone: float
    without: float
    foretold: float
    slope: float
    partial: float
    values: int
    grid: bool


def leaks(look: Look, known: frozenset[str] = frozenset()) -> list[Finding]:
    """Name columns that may hold the answer, at most one finding a column.

    Parameters
    ----------
    look : Look
        Sample and predictions.
    known : frozenset of str
        Columns that a graver finding names already.
    """
    whole = look.gain(look.best)
    if whole <= 0.0:
        return []
    gains = np.array([look.gain(each) for each in look.alone])
    found, named = [], set(known)
    suspects = {number: _column(look, number, float(gains[number])) for number in _suspects(look, gains)}
    for number, seen in suspects.items():
        others = [each.foretold for each in suspects.values() if each is not seen]
        name = look.sample.features[number].column
        if name in named:
            continue
        finding = (
            _as_good(look, number, seen, whole)
            or _one_for_one(look, seen)
            or _carries(look, seen, whole, others)
        )
        if finding is not None:
            named.add(name)
            found.append(finding)
    return found


def _suspects(look: Look, gains: FloatArray) -> list[int]:
    """Return the features to look at: the best alone, and numbers that say most beside the others."""
    best = [int(i) for i in np.argsort(-gains, kind="stable")[:_LOOKED_AT] if gains[i] > 0.0]
    return list(dict.fromkeys(best + _beside(look)))


def _beside(look: Look) -> list[int]:
    """Return the numbers whose lines say most beside the lines of all other numbers, for a regression."""
    sample = look.sample
    lines = [i for i, f in enumerate(sample.features) if f.values is not None and not f.part and not f.dated]
    if sample.task != "regression" or not lines or len(lines) > 256:
        return []
    z = np.column_stack([np.asarray(sample.features[i].values) / sample.features[i].scale for i in lines])
    z = np.nan_to_num(z - np.nanmean(z, axis=0))
    products = z.T @ z
    # A small ridge: columns that are sums of others have no slope of their own.
    inverse = np.linalg.inv(products + np.eye(len(lines)) * 1e-4 * len(z))
    slope = inverse @ (z.T @ (sample.outcome[:, 0] - sample.outcome[:, 0].mean()))
    own = np.square(slope) / np.diag(inverse)
    return [lines[i] for i in np.argsort(-own, kind="stable")[:_LOOKED_AT]]


def _column(look: Look, number: int, alone: float) -> Column:
    """Fit the cheap model without a column: what is lost, what foretells the column, and its own slope."""
    sample, feature = look.sample, look.sample.features[number]
    outputs = sample.outcome.shape[1]
    shape, distinct = _shape(look, number)
    made = look.design.out_of_fold(
        np.concatenate([sample.outcome, shape], axis=1), look.siblings(number), _TRIED
    )
    foretold = explained(shape[:, :-1], made[:, outputs:-1], sample.weight)
    slope, partial, grid = 0.0, 0.0, False
    if sample.task == "regression" and feature.values is not None and not feature.part:
        column, rest = shape[:, -1] - made[:, -1], sample.outcome[:, 0] - made[:, 0]
        across = float(column @ rest)
        square = max(float(column @ column), 1e-300)
        digit = _digit(feature.values, feature.scale)
        grid = digit is not None and digit == _digit(sample.target, float(sample.target.std()))
        slope, partial = across / square, across**2 / (square * max(float(rest @ rest), 1e-300))
    return Column(feature.name, alone, look.gain(made[:, :outputs]), foretold, slope, partial, distinct, grid)


def _digit(values: FloatArray, spread: float) -> int | None:
    """Return to how many decimals numbers are written, at most 3; None where they are written to more."""
    known = values[np.isfinite(values)]
    room = _ROUNDING * (float(np.abs(known).max(initial=0.0)) + spread)
    for digit in range(4):
        if (np.abs(known - np.round(known, digit)) <= room).all() and room < 0.1 * 10.0**-digit:
            return digit
    return None


def _shape(look: Look, number: int) -> tuple[FloatArray, int]:
    """Return a column as outcomes (ranks or indicators, and its plain values last) and its count of "
    "values."""
    feature = look.sample.features[number]
    if feature.values is None:
        assert feature.codes is not None
        counts = np.bincount(feature.codes)
        top = np.argsort(-counts, kind="stable")[:8]
        indicators = (feature.codes[:, None] == top).astype(np.float64)
        return np.concatenate([indicators, np.zeros((len(indicators), 1))], axis=1), int((counts > 0).sum())
    values = feature.values
    middle = float(np.nanmean(values)) if np.isfinite(values).any() else 0.0
    plain = np.where(np.isfinite(values), values, middle)
    distinct, place = np.unique(plain, return_inverse=True)
    counts = np.bincount(place.ravel())
    rank = (np.cumsum(counts) - 0.5 * counts)[place.ravel()] / len(plain)
    return np.column_stack([rank, plain]), len(distinct)


def _as_good(look: Look, number: int, seen: Column, whole: float) -> Finding | None:
    """One column explains as much as the model does."""
    if len({feature.column for feature in look.sample.features}) < 2:
        return None
    if seen.alone < _STRONG or seen.alone < _AS_GOOD * whole or not look.sample.judged.any():
        return None
    rows, sample = look.judged, look.sample
    alone = row_errors(sample.outcome, look.alone[number])[rows]
    best = row_errors(sample.outcome, look.best)[rows]
    gap = alone - _LEFT * best
    error = float(gap.std() / np.sqrt(len(gap)))
    if float(gap.mean()) > _NOISE * error and seen.alone < 1.0 - _RESOLVED:
        return None
    sentence = (
        f"{seen.name} alone explains {seen.alone:.1%} of {look.target}, the whole model {whole:.1%}: "
        "is it known when a prediction is asked for?"
    )
    severity: Literal["info", "warning"] = "warning" if seen.alone >= _NEARLY_ALL else "info"
    return Finding("leak-column", severity, sentence, *_numbers(seen, whole))


def _one_for_one(look: Look, seen: Column) -> Finding | None:
    """A number with which the target moves one for one, the other columns held: a part of it, in its unit.

    Both must be written to the same digit: made numbers of spread 1 have slopes of 1 without any unit.
    """
    low, high = _UNITS
    if seen.partial < _PARTIAL or not seen.grid or not low <= abs(seen.slope) <= high:
        return None
    sentence = (
        f"{look.target} moves one for one with {seen.name} ({seen.slope:+.2f} a unit, the other columns "
        "held; "
        f"it explains {seen.partial:.0%} of what they leave): a part of the answer, known only with it?"
    )
    numbers = _numbers(seen, look.gain(look.best))
    return Finding("leak-part-of-target", "warning", sentence, *numbers)


def _carries(look: Look, seen: Column, whole: float, others: Sequence[float]) -> Finding | None:
    """A column that carries most of what is explained though no other column foretells it.

    That is odd only where columns do foretell each other: in a table of free columns it says nothing.
    """
    if len(others) == 0 or float(np.median(others)) < _RELATED:
        return None
    together = look.gain(look.additive)
    lost = together - seen.without
    rows = look.judged
    noise = _NOISE / np.sqrt(rows.sum())
    if together < 0.05 or lost < _CARRIED * together + noise * together or seen.foretold > _FORETOLD:
        return None
    measured = seen.values > _VALUES
    sentence = (
        f"{seen.name} carries {lost / together:.0%} of what the columns say of {look.target}, and no "
        "other column "
        f"foretells it ({max(seen.foretold, 0.0):.0%}): is it known when a prediction is asked for, or "
        "does it come "
        "with the answer?"
    )
    severity: Literal["info", "warning"] = "warning" if measured else "info"
    return Finding("leak-suspect", severity, sentence, *_numbers(seen, whole))


def _numbers(seen: Column, whole: float) -> tuple[dict[str, Any], str]:
    """Return the numbers of a column, and the next move."""
    evidence = {"column": seen.name, "model": round(whole, 4)}
    evidence |= {
        name: round(value, 4) for name, value in seen._asdict().items() if name not in ("name", "grid")
    }
    column = seen.name.partition("[")[0]
    return evidence, f"--drop {column}, unless it is known in time"
