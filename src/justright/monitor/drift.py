"""The test of one window: which inputs, outputs and contributions have changed, and is it enough to say so?

    counts of a window, counts of a reference -> one row an input and question -> correction -> alarms

An alarm needs two things: a chance without drift (q, corrected over all rows of the window by Benjamini and
Hochberg) of at most the level, and a change that is large enough to matter. So a window without any drift
raises an alarm with a chance of at most the level, however small it is and however many columns there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.monitor.evidence import (
    Evidence,
    cells_of,
    expected_new,
    of_categories,
    of_numbers,
    of_share,
)
from justright.monitor.frame import LEAST_ROWS, Counts, Frame, Number
from justright.schema import FloatArray

__all__ = [
    "FIELDS",
    "LEVEL",
    "DriftRow",
    "Kind",
    "Sensitivity",
    "Tested",
    "alarms",
    "compare",
    "corrected",
    "missing_values",
]

Kind: TypeAlias = Literal["skew", "drift", "prediction", "attribution", "schema", "performance"]

LEVEL: Final = 0.01
"""Chance that a window without drift raises any alarm."""

PEER_THRESHOLD: Final = 0.3
"""What Vertex AI and BigQuery ML take as threshold where the user gives none, in bits or as a share."""

_RARE: Final = 5.0


class DriftRow(msgspec.Struct, frozen=True):
    """One line of the result: the first five fields as BigQuery ML names them, then ours.

    Parameters
    ----------
    input : str
        Column, term, or `(prediction)`.
    metric : str
        See `Evidence.metric`.
    threshold : float
        From which value on the chance without drift is small enough, at these numbers of rows and columns.
    value : float
        Of the metric.
    is_anomaly : bool
        `value > threshold` and `effect >= effect_least`.
    unit : str
    bins : int
        Bins or categories compared.
    n_window, n_baseline : int
        Rows with a value on both sides.
    p_value, q_value : float
        Chance without drift, for this row alone and after the correction over all rows of the window.
    effect, effect_least : float
        Size of the change, and from which size it counts: see `Evidence.effect`.
    psi : float
    importance : float or None
        Part of what moves the predictions that goes by this column, 0..1.
    rank : int
        1 = look here first: anomalies before others, then by effect times importance.
    window_start, window_end : float or None
        Seconds since 1970, or None for windows of rows.
    kind : {"skew", "drift", "prediction", "attribution", "schema", "performance"}
    compat : str
        The metric that Vertex AI and BigQuery ML would report for this column.
    compat_value : float or None
        Its value: divergence in bits for numbers, the largest difference of a share for categories.
    compat_anomaly : bool
        Whether that is above their default of 0.3.
    window : int
        Number of the window, from 0.
    """

    input: str
    metric: str
    threshold: float
    value: float
    is_anomaly: bool
    unit: str
    bins: int
    n_window: int
    n_baseline: int
    p_value: float
    q_value: float
    effect: float
    psi: float
    importance: float | None
    rank: int
    window_start: float | None
    window_end: float | None
    kind: Kind
    compat: str
    compat_value: float | None
    compat_anomaly: bool
    effect_least: float
    window: int


FIELDS: Final = DriftRow.__struct_fields__
"""Names of the fields in their order."""


@dataclass(frozen=True)
class Sensitivity:
    """From which size on a change counts.

    Parameters
    ----------
    level : float, default 0.01
        Chance that a window without drift raises any alarm.
    numbers : float, default 0.1
        Standard deviations (Wasserstein distance).
    categories : float, default 0.03
        Difference of the share of one category; or
    distance : float, default 0.1
        of all shares together (total variation), beyond what noise makes.
    missing : float, default 0.02
        Difference of the share of missing values.
    new : float, default 0.01
        Difference of the share of categories that were rare or never seen.
    """

    level: float = LEVEL
    numbers: float = 0.1
    categories: float = 0.03
    distance: float = 0.1
    missing: float = 0.02
    new: float = 0.01


class Tested(NamedTuple):
    """One question before the correction over its window."""

    input: str
    kind: Kind
    found: Evidence
    compat: str
    least: float
    large: bool


def compare(
    frame: Frame,
    reference: Counts,
    window: Counts,
    *,
    kind: Kind = "skew",
    sensitivity: Sensitivity | None = None,
) -> list[Tested]:
    """Ask every question about one window.

    Parameters
    ----------
    frame : Frame
        What was counted.
    reference : Counts
        The baseline, or an earlier window.
    window : Counts
        The rows to judge.
    kind : {"skew", "drift"}
        Which of the two this is: against training rows, or against earlier rows of service.
    sensitivity : Sensitivity, optional

    Returns
    -------
    list of Tested
        Empty below 20 rows on either side. Give those of one window together to `alarms`.

    Examples
    --------
    >>> from justright.monitor.frame import Number
    >>> frame = Frame((Number("age", np.arange(1.0, 20.0)),), ())
    >>> before = Counts(1000.0, [[50.0] * 20], [0.0], [])
    >>> now = Counts(200.0, [[0.0] * 10 + [20.0] * 10], [0.0], [])
    >>> [(row.input, row.metric, row.is_anomaly) for row in alarms(compare(frame, before, now))]
    [('age', 'shift', True)]
    """
    if min(reference.rows, window.rows) < LEAST_ROWS:
        return []
    limits = sensitivity or Sensitivity()
    found = [*_numbers(frame, reference, window, kind, limits)]
    found += _categories(frame, reference, window, kind, limits)
    groups: tuple[tuple[Kind, tuple[Number, ...], list[list[float]], list[list[float]]], ...] = (
        ("prediction", frame.said, reference.said, window.said),
        ("attribution", frame.terms, reference.terms, window.terms),
    )
    for group, members, before, now in groups:
        if not (before and now):
            continue
        for place, member in enumerate(members):
            made = _bins(before[place], now[place])
            if made is not None:
                found.append(_number(member.name, group, made, limits.numbers + member.slack))
    return found


def corrected(p: Sequence[float]) -> FloatArray:
    """Return q-values, float64 (questions,): p-values corrected by Benjamini and Hochberg (1995).

    Examples
    --------
    >>> corrected([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    given = np.asarray(p, np.float64)
    order = np.argsort(given)
    raised = given[order] * len(given) / np.arange(1, len(given) + 1)
    q = np.empty(len(given))
    q[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return q


def alarms(
    tested: Iterable[Tested],
    *,
    sensitivity: Sensitivity | None = None,
    importance: Mapping[str, float] | None = None,
    span: tuple[float | None, float | None] = (None, None),
    number: int = 0,
) -> list[DriftRow]:
    """Correct the questions of one window together, and return its rows by rank.

    Parameters
    ----------
    tested : iterable of Tested
        All questions of the window: see `compare`.
    sensitivity : Sensitivity, optional
        Only its level counts here.
    importance : mapping of str to float, optional
        Weight of each input in the rank.
    span : (float or None, float or None)
        Time of the window.
    number : int, default 0
        Number of the window.
    """
    every = list(tested)
    level = (sensitivity or Sensitivity()).level
    q = corrected([each.found.p for each in every])
    passed = int((q <= level).sum())
    # With `passed` discoveries the procedure rejects up to this p; one more must pass the next step.
    at = level * max(passed, 1) / max(len(every), 1)
    weights = importance or {}
    rows = []
    for each, own in zip(every, q.tolist(), strict=True):
        found = each.found
        threshold = found.threshold(at)
        significant = own <= level
        # The threshold comes out of a search: never let its last digit contradict the p-value.
        threshold = min(threshold, found.value * (1.0 - 1e-9)) if significant else max(threshold, found.value)
        peer = found.bits if each.compat == "jensen_shannon_divergence" else found.effect
        rows.append(
            DriftRow(
                input=each.input,
                metric=found.metric,
                threshold=threshold,
                value=found.value,
                is_anomaly=bool(significant and each.large),
                unit=found.unit,
                bins=found.cells,
                n_window=found.rows,
                n_baseline=found.reference,
                p_value=found.p,
                q_value=own,
                effect=found.effect,
                psi=found.psi,
                importance=weights.get(each.input),
                rank=0,
                window_start=span[0],
                window_end=span[1],
                kind=each.kind,
                compat=each.compat,
                compat_value=peer if each.compat else None,
                compat_anomaly=bool(each.compat and peer > PEER_THRESHOLD),
                effect_least=each.least,
                window=number,
            )
        )
    return ranked(rows)


def ranked(rows: Iterable[DriftRow]) -> list[DriftRow]:
    """Return rows with their ranks: anomalies first, then by effect over its least size, times importance."""

    def key(row: DriftRow) -> tuple[Any, ...]:
        weight = 1.0 if row.importance is None else 0.02 + row.importance
        return (not row.is_anomaly, -row.effect / row.effect_least * weight, row.kind, row.input)

    order = sorted(rows, key=key)
    return [msgspec.structs.replace(row, rank=place) for place, row in enumerate(order, 1)]


def _numbers(
    frame: Frame, reference: Counts, window: Counts, kind: Kind, limits: Sensitivity
) -> Iterator[Tested]:
    """Test the columns of numbers: their bins, and how many are missing."""
    for place, number in enumerate(frame.numeric):
        if number.calendar:
            continue
        made = _bins(reference.numeric[place], window.numeric[place])
        if made is not None:
            yield _number(number.name, kind, made, limits.numbers)
        before = np.asarray(reference.numeric[place]).sum() + reference.missing[place]
        now = np.asarray(window.numeric[place]).sum() + window.missing[place]
        yield from missing_values(
            number.name, reference.missing[place], float(before), window.missing[place], float(now), limits
        )


def _categories(
    frame: Frame, reference: Counts, window: Counts, kind: Kind, limits: Sensitivity
) -> Iterator[Tested]:
    """Test the columns of categories: their shares, how many are missing, how many are new."""
    for place, category in enumerate(frame.categorical):
        if category.calendar:
            continue
        before, now = np.asarray(reference.categorical[place]), np.asarray(window.categorical[place])
        known_before, known_now = float(before.sum() - before[1]), float(now.sum() - now[1])
        vocabulary = len(category.labels) - 2
        if min(known_before, known_now) >= LEAST_ROWS:
            cells = cells_of(before, known_now, vocabulary, _RARE)
            kept = cells >= 0
            size = int(cells.max()) + 1
            left, right = (_summed(cells[kept], side[kept], size) for side in (before, now))
            used = (left + right) > 0
            if used.sum() > 1:
                evidence = of_categories(left[used], right[used])
                large = evidence.effect >= limits.categories or evidence.distance >= limits.distance
                yield Tested(category.name, kind, evidence, "l_infinity", limits.categories, large)
            if before[0] + now[0] > 0 and category.size == len(category.labels):
                expected, known = expected_new(before, vocabulary, _RARE)
                new = of_share("new_rate", expected, known, float(now[0]), known_now, above=True)
                yield Tested(category.name, "schema", new, "", limits.new, new.effect >= limits.new)
        yield from missing_values(
            category.name, float(before[1]), float(before.sum()), float(now[1]), float(now.sum()), limits
        )


def missing_values(
    name: str, expected: float, before: float, count: float, now: float, limits: Sensitivity
) -> Iterator[Tested]:
    """Test the share of missing values, unless there are none on either side."""
    if expected + count > 0 and min(before, now) >= LEAST_ROWS:
        found = of_share("missing_rate", expected, before, count, now)
        yield Tested(name, "schema", found, "", limits.missing, found.effect >= limits.missing)


def _summed(at: npt.NDArray[np.int64], counts: FloatArray, size: int) -> FloatArray:
    """Return the rows of each cell."""
    return np.bincount(at, weights=counts, minlength=size).astype(np.float64)


def _bins(before: Sequence[float], now: Sequence[float]) -> tuple[FloatArray, FloatArray] | None:
    """Return the bins that hold a row on either side; None where there is too little to compare."""
    left, right = np.asarray(before, np.float64), np.asarray(now, np.float64)
    used = (left + right) > 0
    if used.sum() < 2 or min(left.sum(), right.sum()) < LEAST_ROWS:
        return None
    return left[used], right[used]


def _number(name: str, kind: Kind, made: tuple[FloatArray, FloatArray], least: float) -> Tested:
    """Test one number."""
    found = of_numbers(*made)
    return Tested(name, kind, found, "jensen_shannon_divergence", least, found.effect >= least)
