"""Groups that random folds part: rows of one customer, patient or machine on both sides.

A group is found by itself: its column repeats among the rows, new rows bring new values of it, and rows that
share a value err alike. With r the held-out errors,

    rho = sum over pairs of one group of r_i r_j / (the same for a row with itself)

is 0 where a group says nothing that the other columns do not say. The share of the error that the rest of a
row's group foretells is what random folds promise and folds by group do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.diagnose.rows.additive import Additive, explained
from justright.diagnose.rows.sample import Judged, Sample, chosen_places, gather, take_rows
from justright.kernels.hashing import mix64
from justright.schema import Finding, FloatArray, IntArray

__all__ = ["Grouping", "groups", "likeness"]

_FEWEST: Final = 30  # groups
_SHARED: Final = 0.05  # share of the rows that are not alone in their group
_NEW: Final = 0.05  # share of rows whose value stands once: so often a new row brings a new one
_NOISE: Final = 5.0  # standard errors of rho
_NAMED: Final = 0.005  # share of the error that the group foretells
_WARNED: Final = 0.02
_OF_MODEL: Final = 0.1  # or so much of what the model explains
_CANDIDATES: Final = 4
_ROWS: Final = 20_000
_SHUFFLES: Final = 20


class Grouping(NamedTuple):
    """How alike rows of one group err.

    `rho` is the correlation inside groups, `noise` its standard error for groups that say nothing, `gain` the
    share of the error that the rest of a row's group foretells, `near` rho with the next value's group.
    """

    rho: float
    noise: float
    gain: float
    near: float
    size: float
    shared: float


def groups(
    data: DataModule, judged: Judged | None, sample: Sample, apart: Mapping[str, IntArray]
) -> list[Finding]:
    """Name columns whose values are groups that the folds part.

    Parameters
    ----------
    data : DataModule
        Rows and folds.
    judged : Judged or None
        Held-out predictions of all rows.
    sample : Sample
        Sampled rows, for the columns to look at.
    apart : mapping of str to int64 (rows,)
        Columns that do not feed the model (identifiers): the group of every training row, -1 = none.

    Notes
    -----
    At most four columns are looked at, those in which rows share values most; each costs one fit of the
    cheap model on 20,000 rows, whole groups, 0.2 s.
    """
    key = data.facts.key[data.facts.part == 0]
    found = []
    rows = sample.judged
    model = (
        explained(sample.outcome[rows], sample.prediction[rows], sample.weight[rows]) if rows.any() else 1.0
    )
    candidates = [*_apart(apart), *_inside(data, sample)]
    for name, codes, number in candidates[:_CANDIDATES]:
        if _kept_together(codes, key):
            continue
        seen = _grouping(data, judged, codes, number)
        if seen is not None and _counts(seen, number):
            found.append(_finding(name, seen, model))
    return found


def likeness(errors: FloatArray, group: IntArray) -> Grouping:
    """Measure how alike rows of one group err.

    Parameters
    ----------
    errors : float64 (rows, outputs)
        Held-out errors.
    group : int64 (rows,)
        Group of each row; numbers that follow each other are neighbours.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat(np.arange(300), 4)
    >>> likeness(rng.normal(size=300)[group][:, None], group).rho
    1.0
    >>> abs(likeness(rng.normal(size=(1200, 1)), group).rho) < 0.1
    True
    """
    errors = errors - errors.mean(axis=0)
    _, place = np.unique(group, return_inverse=True)
    place = place.ravel()
    counts = np.bincount(place)
    own = np.square(errors).sum(axis=1)
    rows = counts[place] - 1.0
    base = max(float(rows @ own), 1e-300)
    rho = _inside_groups(errors, place, own) / base
    order = np.argsort(mix64(np.arange(len(place), dtype=np.uint64)))
    null = []
    for _ in range(_SHUFFLES):
        errors_of, own_of = errors[order], own[order]
        null.append(_inside_groups(errors_of, place, own_of) / max(float(rows @ own_of), 1e-300))
        order = order[order]
    positive = max(rho, 0.0)
    # The best linear guess from the other n - 1 rows of a group.
    guess = rows * positive**2 / (1.0 + np.maximum(rows - 1.0, 0.0) * positive)
    gain = float((guess * own).sum() / max(own.sum(), 1e-300))
    shared = float((rows > 0).mean())
    size = float(counts[counts > 1].mean()) if (counts > 1).any() else 1.0
    return Grouping(round(rho, 12), float(np.std(null)), gain, _near(errors, place, counts), size, shared)


def _inside_groups(errors: FloatArray, place: IntArray, own: FloatArray) -> float:
    """Return the sum over ordered pairs of one group of the products of their errors."""
    total = 0.0
    for output in range(errors.shape[1]):
        sums = np.bincount(place, weights=errors[:, output])
        total += float(sums @ sums)
    return total - float(own.sum())


def _near(errors: FloatArray, place: IntArray, counts: IntArray) -> float:
    """Return the correlation with the next group: as high as inside groups where values are only near."""
    total, base = 0.0, 0.0
    for output in range(errors.shape[1]):
        sums = np.bincount(place, weights=errors[:, output])
        squares = np.bincount(place, weights=np.square(errors[:, output]))
        total += float(sums[1:] @ sums[:-1])
        base += float((squares[1:] / counts[1:] * counts[1:] * counts[:-1]).sum())
    return total / base if base > 0.0 else 0.0


def _apart(apart: Mapping[str, IntArray]) -> list[tuple[str, IntArray, int]]:
    """Return the identifiers whose values repeat, most repeated first."""
    found = []
    for name, codes in apart.items():
        shared = _repeated(codes[codes >= 0])
        if shared >= _SHARED:
            found.append((shared, name, codes))
    return [(name, codes, -1) for _, name, codes in sorted(found, key=lambda item: -item[0])]


def _inside(data: DataModule, sample: Sample) -> list[tuple[str, IntArray, int]]:
    """Return the features whose values may be groups: many values, repeated, and new rows bring new ones."""
    found = []
    plan = data.plan.data
    every = np.arange(data.rows)
    for number, feature in enumerate(sample.features):
        if feature.part or feature.dated:
            continue
        if feature.values is not None:
            if len(np.unique(feature.values)) < _FEWEST or not _whole(feature.values):
                continue
            place = next(i for i, f in enumerate(plan.numeric) if f.name == feature.name)
            values = gather(data.blocks, every, place, codes=False)
            codes = np.unique(values, return_inverse=True)[1].ravel().astype(np.int64)
        else:
            category = next(c for c in plan.categorical if c.name == feature.name)
            if category.size < 2 + _FEWEST:
                continue
            place = plan.categorical.index(category)
            codes = gather(data.blocks, every, place, codes=True).astype(np.int64)
            codes[codes < 2] = -1  # missing values and rare ones are no group
        known = codes[codes >= 0]
        alone = _alone(known) if feature.values is not None else float((codes < 0).mean())
        if _repeated(known) >= _SHARED and alone >= _NEW:
            found.append((alone, feature.name, codes, number))
    return [(name, codes, number) for _, name, codes, number in sorted(found, key=lambda item: -item[0])]


def _whole(values: FloatArray) -> bool:
    """Say whether all numbers are whole: measured quantities are no names."""
    known = values[np.isfinite(values)]
    return bool((np.abs(known - np.round(known)) <= 1e-5 * np.maximum(np.abs(known), 1.0)).all())


def _repeated(codes: IntArray) -> float:
    """Return the share of rows that share their value with another row; 0 for few different values."""
    counts = np.bincount(codes)
    if int((counts > 0).sum()) < _FEWEST:
        return 0.0
    return float(counts[counts > 1].sum()) / max(len(codes), 1)


def _alone(codes: IntArray) -> float:
    """Return the share of rows whose value stands once: the chance that a new row brings a new value "
    "(Good 1953)."""
    counts = np.bincount(codes)
    return float((counts == 1).sum()) / max(len(codes), 1)


def _kept_together(codes: IntArray, key: npt.NDArray[np.uint64]) -> bool:
    """Say whether the split keeps the groups together already: one key for all rows of a group."""
    known = codes >= 0
    order = np.argsort(codes[known], kind="stable")
    group, part = codes[known][order], key[known][order]
    same = group[1:] == group[:-1]
    return bool((part[1:] == part[:-1])[same].all())


def _grouping(data: DataModule, judged: Judged | None, codes: IntArray, number: int) -> Grouping | None:
    """Measure one column, on whole groups of about 20,000 rows."""
    known = np.flatnonzero(codes >= 0)
    places = known[chosen_places(mix64(codes[known].astype(np.uint64)), _ROWS)]
    sample = take_rows(data, judged, places)
    group = codes[places]
    ours = sample.judged
    if number < 0 and ours.mean() > 0.5:
        return likeness((sample.outcome - sample.prediction)[ours], group[ours]) if ours.sum() > 100 else None
    if sample.rows < 100:
        return None
    # The column feeds the model, whose errors it has flattened: a model without it errs instead.
    column = sample.features[number].column if number >= 0 else ""
    own = [i for i, f in enumerate(sample.features) if f.column == column]
    made = Additive(sample.features, sample.weight, sample.fold).out_of_fold(sample.outcome, own)
    return likeness(sample.outcome - made, group)


def _counts(seen: Grouping, number: int) -> bool:
    """Say whether a group says something beyond noise, and more than the next value does."""
    beyond = seen.rho > _NOISE * max(seen.noise, 1e-12) and seen.gain >= _NAMED
    return beyond and (number < 0 or seen.near < 0.5 * seen.rho)


def _finding(name: str, seen: Grouping, model: float) -> Finding:
    """Say which column holds groups, and what random folds promise too much."""
    wider = float(np.sqrt(1.0 + max(seen.size - 1.0, 0.0) * seen.rho * seen.shared))
    sentence = (
        f"Rows that share a value of {name} ({seen.shared:.0%} of the rows, {seen.size:.1f} together) "
        "err alike "
        f"(correlation {seen.rho:.2f}, noise {seen.noise:.2f}), and the folds part them: what is known "
        "of one row tells "
        f"{seen.gain:.1%} of the error of its kin, which rows of a new {name} will not have."
    )
    evidence = {
        "column": name,
        "rho": round(seen.rho, 4),
        "noise": round(seen.noise, 4),
        "foretold": round(seen.gain, 4),
        "next_value": round(seen.near, 4),
        "rows_together": round(seen.size, 2),
        "shared": round(seen.shared, 4),
        "intervals_wider": round(wider, 3),
    }
    grave = seen.gain >= _WARNED or seen.gain * (1.0 - model) >= _OF_MODEL * max(model, 0.0)
    return Finding("rows-grouped", "warning" if grave else "info", sentence, evidence, f"--by {name}")
