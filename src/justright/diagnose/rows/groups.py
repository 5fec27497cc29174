"""Groups that random folds part: rows of one customer, patient or machine on both sides.

A group is found by itself: its column repeats among the rows and rows that share a value err alike; where new
rows bring new values of it, that is a warning. With r the held-out errors,

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
_SMALL: Final = 10.0  # rows of a value; of larger groups a category's values may all be known
_LARGE: Final = 100.0  # of still larger ones they are
_NOISE: Final = 5.0  # standard errors of rho
_NAMED: Final = 0.005  # share of the error that the group foretells
_WARNED: Final = 0.02
_OF_MODEL: Final = 0.1  # or so much of what the model explains
_CANDIDATES: Final = 4
_ROWS: Final = 20_000  # for a column that feeds the model, where a model without it must be fitted
_ROWS_APART: Final = 200_000
_SHUFFLES: Final = 20


class Grouping(NamedTuple):
    """How alike rows of one group err.

    `rho` is the correlation inside groups, `noise` its standard error for groups that say nothing, `gain` the
    share of the error that the rest of a group foretells, `near` rho with the next value's group, `size`
    rows of a group of several, `shared` share of the rows in one, `plain` the gain of the target itself.
    """

    rho: float
    noise: float
    gain: float
    near: float
    size: float
    shared: float
    plain: float = 0.0


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
    cheap model on 20,000 rows, whole groups, 0.2 s, or, set apart from the model, a look at 200,000 errors.
    """
    key = data.facts.key[data.facts.part == 0]
    rows = sample.judged
    model = (
        explained(sample.outcome[rows], sample.prediction[rows], sample.weight[rows]) if rows.any() else 1.0
    )
    found = []
    for each in _candidates(data, sample, apart):
        if _kept_together(each.codes, key):
            continue
        seen = _grouping(data, judged, each)
        if seen is not None and _counts(seen, each):
            found.append(_finding(each, seen, model))
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


class _Candidate(NamedTuple):
    """A column whose values may be groups.

    `codes` group of every row, -1 = none; `fed` it feeds the model; `number` it is one; `new` how likely a
    new row brings a new value; `fresh` whether new rows do.
    """

    name: str
    codes: IntArray
    fed: bool
    number: bool
    new: float
    fresh: bool


def _candidates(data: DataModule, sample: Sample, apart: Mapping[str, IntArray]) -> list[_Candidate]:
    """Return the columns to look at: those in which new rows bring new values first."""
    fed = {feature.column for feature in sample.features}
    found = [_candidate(name, codes, name in fed, False) for name, codes in apart.items()]
    every, plan = np.arange(data.rows), data.plan.data
    for place, number in enumerate(plan.numeric):
        feature = next(f for f in sample.features if f.name == number.name)
        if number.part or feature.dated or feature.values is None or not _whole(feature.values):
            continue
        if len(np.unique(feature.values)) >= _FEWEST:
            values = gather(data.blocks, every, place, codes=False)
            codes = np.unique(values, return_inverse=True)[1].ravel().astype(np.int64)
            found.append(_candidate(number.name, codes, True, True))
    for place, category in enumerate(plan.categorical):
        if category.part or category.size < 2 + _FEWEST or category.column.name in apart:
            continue
        codes = gather(data.blocks, every, place, codes=True).astype(np.int64)
        codes[codes < 2] = -1  # missing values and rare ones are no group
        found.append(_candidate(category.name, codes, True, False))
    usable = [each for each in found if each is not None]
    return sorted(usable, key=lambda each: -each.new)[:_CANDIDATES]


def _candidate(name: str, codes: IntArray, fed: bool, number: bool) -> _Candidate | None:
    """Return a column as a candidate; None where hardly a row shares its value, or there are few values."""
    counts = np.bincount(codes[codes >= 0])
    counts = counts[counts > 0]
    rows = max(int(counts.sum()), 1)
    if len(counts) < _FEWEST or float(counts[counts > 1].sum()) < _SHARED * rows:
        return None
    # The chance that a new row brings a new value is the share of values that stand once (Good, 1953).
    new = float((counts == 1).sum()) / rows
    fresh = not fed or new >= _NEW or rows <= _SMALL * len(counts)
    if not fresh and (number or rows > _LARGE * len(counts)):
        return None
    return _Candidate(name, codes, fed, number, new + float(not fed), fresh)


def _whole(values: FloatArray) -> bool:
    """Say whether all numbers are whole: measured quantities are no names."""
    known = values[np.isfinite(values)]
    return bool((np.abs(known - np.round(known)) <= 1e-5 * np.maximum(np.abs(known), 1.0)).all())


def _kept_together(codes: IntArray, key: npt.NDArray[np.uint64]) -> bool:
    """Say whether the split keeps the groups together already: one key for all rows of a group."""
    known = codes >= 0
    order = np.argsort(codes[known], kind="stable")
    group, part = codes[known][order], key[known][order]
    same = group[1:] == group[:-1]
    return bool((part[1:] == part[:-1])[same].all())


def _grouping(data: DataModule, judged: Judged | None, each: _Candidate) -> Grouping | None:
    """Measure one column, on whole groups of a bounded number of rows."""
    known, most = np.flatnonzero(each.codes >= 0), _ROWS if each.fed else _ROWS_APART
    places = known[chosen_places(mix64(each.codes[known].astype(np.uint64)), most)]
    # A group may be as large as the table.
    places = places[:: max(1, len(places) // (2 * most))]
    sample = take_rows(data, judged, places)
    group, ours = each.codes[places], sample.judged
    plain = likeness(sample.outcome, group).gain
    if not each.fed and ours.mean() > 0.5:
        errors, group = (sample.outcome - sample.prediction)[ours], group[ours]
    else:
        # A column that feeds the model has flattened its errors; a model without it errs instead.
        own = [i for i, f in enumerate(sample.features) if f.column == each.name]
        design = Additive(sample.features, sample.weight, sample.fold)
        errors = sample.outcome - design.out_of_fold(sample.outcome, own)
    return likeness(errors, group)._replace(plain=plain) if len(group) >= 100 else None


def _counts(seen: Grouping, each: _Candidate) -> bool:
    """Say whether a group says something beyond noise and, for numbers, more than the next value does."""
    least = _NAMED if each.fresh else _WARNED
    says = seen.gain >= least or (not each.fed and seen.plain >= _WARNED)
    beyond = seen.rho > _NOISE * max(seen.noise, 1e-12) and says
    return beyond and (not each.number or seen.near < 0.5 * seen.rho)


def _finding(each: _Candidate, seen: Grouping, model: float) -> Finding:
    """Say which column holds groups, and what random folds promise too much."""
    name = each.name
    wider = float(np.sqrt(1.0 + max(seen.size - 1.0, 0.0) * seen.rho * seen.shared))
    rest = (
        f"which rows of a new {name} will not have"
        if each.fresh
        else f"and the model knows these values: should new rows bring new values of {name}, split by it"
    )
    sentence = (
        f"Rows that share a value of {name} ({seen.shared:.0%} of the rows, {seen.size:.1f} together) "
        "err alike "
        f"(correlation {seen.rho:.2f}, noise {seen.noise:.2f}) and the folds part them: a row's kin tell "
        f"{seen.plain:.1%} of its target and {seen.gain:.1%} of the error that is left, {rest}."
    )
    evidence = {
        "column": name,
        "rho": round(seen.rho, 4),
        "noise": round(seen.noise, 4),
        "foretold": round(seen.gain, 4),
        "of_target": round(seen.plain, 4),
        "next_value": round(seen.near, 4),
        "rows_together": round(seen.size, 2),
        "shared": round(seen.shared, 4),
        "new_values": each.fresh,
        "intervals_wider": round(wider, 3),
    }
    grave = seen.gain >= _WARNED or max(seen.gain * (1.0 - model), seen.plain) >= _OF_MODEL * max(model, 0.0)
    grave = grave and each.fresh
    return Finding("rows-grouped", "warning" if grave else "info", sentence, evidence, f"--by {name}")
