"""The evidence that one input has changed: p-values of several questions, and how large the change is.

Numbers     is the middle elsewhere, is the spread another, is anything else about the shape another?
Categories  are the shares others altogether (divergence), is one of them (largest difference)?
Shares      are more, or fewer, values missing; are there more categories that were rare or never seen?

Middle and spread are tested on normal scores of the reference's ranks (van der Waerden; Klotz): one far
value moves nothing, and any column of numbers is tested alike. The questions share the level by the weights
of Bonferroni, which keeps it whatever they have to do with each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.monitor.null import Null, divergence, null_of
from justright.monitor.tails import beta_binomial_tails, normal_scores, skewed_tail
from justright.schema import FloatArray

__all__ = ["Evidence", "cells_of", "expected_new", "of_categories", "of_numbers", "of_share"]

_MIDDLE: Final = 0.5  # part of the level that each question may use up
_SPREAD: Final = 0.25
_SHAPE: Final = 0.25
_BIAS: Final = 0.25  # of the noise: what the choice of the cells may move their shares
_EXACT: Final = 200.0  # expected rows from which a share is as good as normal


class Evidence(NamedTuple):
    """What speaks for a change of one input.

    Parameters
    ----------
    metric : str
        The question with the smallest p-value: `shift`, `spread`, `divergence`, `l_infinity`,
        `missing_rate`, `new_rate`.
    value : float
        Its statistic.
    unit : str
        Its unit.
    p : float
        p-value over all questions together.
    threshold : callable
        `threshold(level)`: from which `value` the p-value is at most `level`.
    effect : float
        Size of the change: of numbers the Wasserstein distance in standard deviations of the reference on
        the scale of its normal scores, of categories and shares the largest difference of a share.
    distance : float
        Total variation distance beyond what noise alone makes, 0..1.
    psi : float
        Population stability index.
    bits : float
        Jensen-Shannon divergence in bits.
    cells : int
        Bins or categories that were compared.
    rows, reference : int
        Rows with a value in the window, and in the reference.
    """

    metric: str
    value: float
    unit: str
    p: float
    threshold: Callable[[float], float]
    effect: float
    distance: float
    psi: float
    bits: float
    cells: int
    rows: int
    reference: int


def of_numbers(reference: FloatArray, window: FloatArray) -> Evidence:
    """Compare the bins of a number.

    Parameters
    ----------
    reference, window : float64 (bins,)
        Rows of each bin; bins are ordered.

    Examples
    --------
    >>> even = np.full(20, 50.0)
    >>> found = of_numbers(even, np.linspace(20.0, 0.0, 20).round())
    >>> found.metric, found.p < 1e-6
    ('shift', True)
    """
    m, n = float(reference.sum()), float(window.sum())
    law = null_of(reference, round(n))
    right, left = reference / max(m, 1e-300), window / max(n, 1e-300)
    bits = float(divergence(left, right))
    middle = _Score(
        normal_scores((np.cumsum(reference) - 0.5 * reference + 0.5) / (m + 1.0)), reference, window
    )
    spread = _Score(np.square(middle.scores - middle.centre), reference, window)
    asked = [
        (middle.p / _MIDDLE, "shift", abs(middle.shift), "sd", lambda a: middle.at(a * _MIDDLE)),
        (spread.p / _SPREAD, "spread", abs(spread.shift), "sd^2", lambda a: spread.at(a * _SPREAD)),
        (law.tail(bits) / _SHAPE, "divergence", bits, "bits", lambda a: law.value_at(a * _SHAPE)),
    ]
    p, metric, value, unit, threshold = min(asked, key=lambda each: each[0])
    return Evidence(
        metric,
        value,
        unit,
        min(p, 1.0),
        threshold,
        _wasserstein(reference, left),
        _distance(left, right, law),
        _psi(reference, window),
        bits,
        len(reference),
        round(n),
        round(m),
    )


def of_categories(reference: FloatArray, window: FloatArray) -> Evidence:
    """Compare the shares of categories: rows of each cell, float64 (cells,), see `cells_of`.

    Examples
    --------
    >>> of_categories(np.array([500.0, 500.0]), np.array([90.0, 10.0])).p < 1e-6
    True
    """
    m, n = float(reference.sum()), float(window.sum())
    law = null_of(reference, round(n))
    right, left = reference / max(m, 1e-300), window / max(n, 1e-300)
    pooled = (reference + window) / max(m + n, 1e-300)
    bits, gap = float(divergence(left, right)), float(np.abs(left - right).max(initial=0.0))
    part = 0.5 if law.cells > 2 else 1.0  # of two shares both questions are one
    asked = [
        (law.tail(bits) / part, "divergence", bits, "bits", lambda a: law.value_at(a * part)),
        (
            law.gap_tail(gap, pooled) / part if law.cells > 2 else 1.0,
            "l_infinity",
            gap,
            "share",
            lambda a: law.gap_at(a * part, pooled),
        ),
    ]
    p, metric, value, unit, threshold = min(asked, key=lambda each: each[0])
    return Evidence(
        metric,
        value,
        unit,
        min(p, 1.0),
        threshold,
        gap,
        _distance(left, right, law),
        _psi(reference, window),
        bits,
        len(reference),
        round(n),
        round(m),
    )


def of_share(
    metric: str, expected: float, reference: float, count: float, rows: float, *, above: bool = False
) -> Evidence:
    """Compare one share, of missing values say.

    Parameters
    ----------
    metric : str
        Its name.
    expected : float
        Rows of the reference that have it.
    reference : float
        Rows of the reference.
    count, rows : float
        The same of the window.
    above : bool, default False
        Only more of it is a change.

    Examples
    --------
    >>> of_share("missing_rate", 10, 1000, 12, 100).p < 1e-6
    True
    """
    sides = 1.0 if above else 2.0

    def p_at(k: float) -> float:
        """Return the p-value of k rows that have it."""
        low, high = _share_tails(expected, reference, k, rows)
        return min(sides * (high if above else min(low, high)), 1.0)

    def threshold(level: float) -> float:
        """Return the first share above the expected one whose p-value is at most `level`."""
        low, high = math.floor(expected / max(reference, 1e-300) * rows), round(rows) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if p_at(middle) <= level else (middle, high)
        return low / max(rows, 1.0)

    right, left = expected / max(reference, 1e-300), count / max(rows, 1e-300)
    pair = np.array([[right, 1.0 - right], [left, 1.0 - left]])
    gap = abs(left - right)
    return Evidence(
        metric,
        left,
        "share",
        p_at(count) if not above or left > right else 1.0,
        threshold,
        gap,
        gap,
        _psi(pair[0] * reference, pair[1] * rows),
        float(divergence(pair[1], pair[0])),
        2,
        round(rows),
        round(reference),
    )


def cells_of(counts: FloatArray, rows: float, vocabulary: int, rare: float) -> npt.NDArray[np.int64]:
    """Return the cell of each code: its own one, or cell 0 of everything that is too rare to be judged.

    A category is in the vocabulary because its count was large in the reference: new rows show fewer of it.
    So a limit is looked for around which hardly any category lies, and what is below is one cell.

    Parameters
    ----------
    counts : float64 (codes,)
        Reference rows of each code; 0 = rare or never seen, 1 = missing, then the vocabulary by falling
        count, then hashed codes.
    rows : float
        Rows of the window: a larger one sees a smaller bias.
    vocabulary : int
        Number of categories of the vocabulary.
    rare : float
        From which count on a text was taken into the vocabulary.

    Returns
    -------
    int64 (codes,)
        -1 for missing.

    Notes
    -----
    Around a limit L, rows of categories with about L rows cross it from one sample to the next; how many is
    L times the number of categories that have just L rows (Good and Turing). The limit is the lowest at which
    that is below a quarter of the noise of the share above it.
    """
    own = counts[2 : 2 + vocabulary]
    total = max(float(counts.sum() - counts[1]), 1e-300)
    limit = math.inf
    for least in _limits(own, rare):
        above = float(own[own >= least].sum()) / total
        noise = math.sqrt(above * (1.0 - above) * (1.0 / max(rows, 1.0) + 1.0 / total)) * total
        width = 2.0 * math.sqrt(least) + 1.0
        crossing = least * float(((own >= least) & (own < least + width)).sum()) / width
        if crossing <= _BIAS * noise or (least <= rare and not crossing):
            limit = least
            break
    cells = np.zeros(len(counts), np.int64)
    cells[1] = -1
    kept = np.flatnonzero(own >= limit)
    cells[2 + kept] = 1 + np.arange(len(kept))
    return cells


def expected_new(counts: FloatArray, vocabulary: int, rare: float) -> tuple[float, float]:
    """Return how many rows of code 0 to expect in new rows as many as the reference, and as of how many rows.

    Rows whose text would not have been in the vocabulary had they not been there themselves (Good, Turing).

    Examples
    --------
    >>> expected_new(np.array([0.0, 0.0, 90.0, 10.0]), 2, 5.0)
    (0.0, 100.0)
    """
    own = counts[2 : 2 + vocabulary]
    total = float(counts.sum() - counts[1])
    width = math.sqrt(rare) + 1.0
    near = float(((own >= rare) & (own < rare + width)).sum())
    # The larger of two estimates: only more new ones are a change, so too many expected is the safe side.
    crossing = rare * max(float(((own >= rare) & (own < rare + 1.0)).sum()), near / width)
    expected = min(float(counts[0]) + crossing, total)
    share = expected / max(total, 1e-300)
    extra = rare * (crossing + rare * (near > 0))
    variance = share * (1.0 - share) / max(total, 1e-300) + extra / max(total, 1e-300) ** 2
    known = share * (1.0 - share) / variance if variance > 0.0 else total
    return share * known, known


class _Score:
    """A mean score of the window against that of the reference, under the law that both are one."""

    def __init__(self, scores: FloatArray, reference: FloatArray, window: FloatArray) -> None:
        m, n = max(float(reference.sum()), 1e-300), max(float(window.sum()), 1e-300)
        pooled = (reference + window) / (m + n)
        self.scores = scores
        self.centre = float(reference @ scores) / m
        self.shift = float(window @ scores) / n - self.centre
        centred = scores - float(pooled @ scores)
        variance = float(pooled @ np.square(centred)) * (m + n) / max(m + n - 1.0, 1.0)
        self.deviation = math.sqrt(variance * (1.0 / n + 1.0 / m))
        third = float(pooled @ centred**3) * (1.0 / (n * n) - 1.0 / (m * m))
        self.skew = third / self.deviation**3 if self.deviation > 0.0 else 0.0
        self.p = self._p(self.shift)

    def _p(self, shift: float) -> float:
        """Return the two-sided p-value of a shift."""
        if self.deviation <= 0.0:
            return 1.0
        z = shift / self.deviation
        one = skewed_tail(z, self.skew) if z > 0.0 else skewed_tail(-z, -self.skew)
        return min(2.0 * one, 1.0)

    def at(self, level: float) -> float:
        """Return the size of the shift, on its own side, whose p-value is `level`."""
        side = 1.0 if self.shift >= 0.0 else -1.0
        low, high = 0.0, 40.0 * self.deviation
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._p(side * middle) > level else (low, middle)
        return high


def _limits(own: FloatArray, rare: float) -> list[float]:
    """Return the limits to try, rising: the smallest count of the vocabulary, then 1.25 times as much."""
    if not len(own):
        return []
    found = [rare]
    while found[-1] <= float(own.max()):
        found.append(max(found[-1] * 1.25, found[-1] + 1.0))
    return found[:-1]


def _share_tails(expected: float, reference: float, count: float, rows: float) -> tuple[float, float]:
    """Return the chances of at most, and at least, `count` of `rows`; the reference tells the share."""
    share = (expected + 0.5) / (reference + 1.0)
    if min(share, 1.0 - share) * min(rows, reference) < _EXACT:
        return beta_binomial_tails(
            min(round(count), round(rows)), round(rows), expected + 0.5, reference - expected + 0.5
        )
    pooled = (expected + count) / (reference + rows)
    deviation = math.sqrt(pooled * (1.0 - pooled) * (1.0 / rows + 1.0 / reference))
    third = pooled * (1.0 - pooled) * (1.0 - 2.0 * pooled) * (1.0 / rows**2 - 1.0 / reference**2)
    z, skew = (count / rows - expected / reference) / deviation, third / deviation**3
    return skewed_tail(-z, -skew), skewed_tail(z, skew)


def _wasserstein(reference: FloatArray, left: FloatArray) -> float:
    """Return the Wasserstein distance on the scale of the reference's normal scores, even inside bins."""
    if len(reference) < 2:
        return 0.0
    m = float(reference.sum())
    below = np.cumsum(reference)[:-1] / max(m, 1e-300)
    inner = normal_scores((below * m + 0.5) / (m + 1.0))
    ends = [inner[0] - 2.0 * _beyond(-inner[0]), inner[-1] + 2.0 * _beyond(inner[-1])]
    at = np.concatenate([[ends[0]], inner, [ends[1]]])
    gap = np.concatenate([[0.0], np.cumsum(left)[:-1] - below, [0.0]])
    width, a, b = np.diff(at), gap[:-1], gap[1:]
    crossing = a * b < 0.0
    total = np.abs(a) + np.abs(b)
    area = np.where(crossing, (a * a + b * b) / np.maximum(total, 1e-300), total)
    return float(0.5 * (width * area).sum())


def _beyond(edge: float) -> float:
    """Return how far beyond an edge the mean of a normal tail lies."""
    tail = 0.5 * math.erfc(edge / math.sqrt(2.0))
    if tail < 1e-12:
        return 0.1
    return math.exp(-0.5 * edge * edge) / math.sqrt(2.0 * math.pi) / tail - edge


def _distance(left: FloatArray, right: FloatArray, law: Null) -> float:
    """Return the total variation distance beyond what noise alone makes."""
    # Noise and change add up as squares do.
    squares = (0.5 * float(np.abs(left - right).sum())) ** 2 - law.mean_distance() ** 2
    return math.sqrt(max(squares, 0.0))


def _psi(reference: FloatArray, window: FloatArray) -> float:
    """Return the population stability index, half a row added to every cell."""
    right = (reference + 0.5) / (reference + 0.5).sum()
    left = (window + 0.5) / (window + 0.5).sum()
    return float(((left - right) * np.log(left / right)).sum())
