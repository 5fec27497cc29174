"""How large a divergence is without any drift, at the sizes at hand: the reference's own noise included.

    p ~ Dirichlet(counts + 0.5)    what the law may be, given so many reference rows in each cell
    x ~ Multinomial(n, p)          a window of n rows of that law
    D(x / n, counts / m)           the divergence that is nothing but chance

For cells that are quantiles of the reference this is the exact law whatever the column is; it depends on
(cells, m, n) only, so columns share it. Where every cell expects many rows, D is a chi-square number.
Sources: Endres and Schindelin (2003) for the divergence; the shape by simulation, its tail by a gamma law
through three moments (Pearson's type III) that is tied to the simulated tail.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import numpy as np

from justright.monitor.tails import beta_binomial_tails, chi_square_tail, normal_tail, skewed_tail
from justright.schema import FloatArray

__all__ = ["Null", "divergence", "null_of"]

_DRAWS: Final = 20_000
_CELLS: Final = 400_000
_LEAST_DRAWS: Final = 4_000
_MANY: Final = 200.0  # rows expected in every cell from which the chi-square law is as good as a simulation
_SEEN: Final = 20  # draws beyond a value from which their share is its p-value
_FAR: Final = 40.0  # a cell whose chance is below exp(-40) adds nothing
_SEED: Final = 20_031
_KEPT: Final = 512
_EVEN: Final = 0.02  # counts that differ by less are those of one quantile grid
_LN2: Final = math.log(2.0)

_CACHE: OrderedDict[tuple[bytes, int], Null] = OrderedDict()


def divergence(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the Jensen-Shannon divergence in bits, 0..1, of shares (..., cells) along the last axis.

    Examples
    --------
    >>> divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])).item()
    1.0
    """
    middle = 0.5 * (left + right)
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.where(left > 0.0, left * np.log(left / middle), 0.0)
        other = np.where(right > 0.0, right * np.log(right / middle), 0.0)
    return np.asarray(np.maximum((one + other).sum(axis=-1) / (2.0 * _LN2), 0.0))


def null_of(counts: FloatArray, rows: int) -> Null:
    """Return the law of the divergence without drift, from this process's cache where it was asked before.

    Parameters
    ----------
    counts : float64 (cells,)
        Reference rows of each cell.
    rows : int
        Rows of the window.

    Notes
    -----
    20 cells: 60 ms the first time, nothing afterwards. The seed is fixed: the same question, the same law.
    """
    counts = np.asarray(counts, np.float64)
    total = float(counts.sum())
    even = total / max(len(counts), 1)
    if len(counts) and np.abs(counts - even).max() <= max(_EVEN * even, 1.0):
        counts = np.full(len(counts), even)
    key = (np.round(counts, 3).tobytes(), rows)
    found = _CACHE.get(key)
    if found is None:
        found = _CACHE[key] = Null(counts, rows)
        if len(_CACHE) > _KEPT:
            _CACHE.popitem(last=False)
    else:
        _CACHE.move_to_end(key)
    return found


class Null:
    """The law of the divergence, and of the largest difference of a share, without drift.

    Parameters
    ----------
    counts : float64 (cells,)
        Reference rows of each cell.
    rows : int
        Rows of the window.

    Examples
    --------
    >>> law = Null(np.full(20, 50.0), 500)
    >>> round(law.tail(law.value_at(0.01)), 3)
    0.01
    """

    def __init__(self, counts: FloatArray, rows: int) -> None:
        self.cells = len(counts)
        self.rows = rows
        self.shares = counts / max(float(counts.sum()), 1e-300)
        self.reference = float(counts.sum())
        self._unit = (1.0 / max(rows, 1) + 1.0 / max(self.reference, 1e-300)) / (8.0 * _LN2)
        self._draws: FloatArray | None = None
        self._gaps: FloatArray | None = None
        self._gap_at: dict[float, float] = {}
        smallest = float(self.shares.min()) if self.cells else 0.0
        if smallest * min(rows, self.reference) < _MANY:
            self._simulate(counts)

    def tail(self, value: float) -> float:
        """Return the p-value of a divergence in bits: the chance of one at least as large without drift."""
        if self.cells < 2 or value <= 0.0:
            return 1.0
        if self._draws is None:
            return chi_square_tail(value / self._unit, self.cells - 1.0)
        beyond = len(self._draws) - int(np.searchsorted(self._draws, value * (1.0 - 1e-12)))
        if beyond >= _SEEN:
            return (beyond + 1.0) / (len(self._draws) + 1.0)
        # Beyond the simulation: the gamma law, made equal to the simulation where that is still sure.
        anchor = float(self._draws[-_SEEN])
        # Few rows in many cells make a law of few values: all draws of the anchor's value count.
        share = 1.0 - int(np.searchsorted(self._draws, anchor * (1.0 - 1e-12))) / len(self._draws)
        tied = share / max(self._fitted(anchor), 1e-300)
        return min(self._fitted(value) * tied, (beyond + 4.0 * math.sqrt(beyond + 1.0)) / len(self._draws))

    def gap_tail(self, value: float, pooled: FloatArray) -> float:
        """Return the p-value of the largest absolute difference of a share (L-infinity).

        Parameters
        ----------
        value : float
            The difference, 0..1.
        pooled : float64 (cells,)
            Shares of window and reference together.
        """
        if self.cells < 2 or value <= 0.0:
            return 1.0
        if self._gaps is not None:
            beyond = len(self._gaps) - int(np.searchsorted(self._gaps, value * (1.0 - 1e-12)))
            if beyond >= _SEEN:
                return (beyond + 1.0) / (len(self._gaps) + 1.0)
            return min(self._any_gap(value), _SEEN / len(self._gaps))
        deviation = np.sqrt(pooled * (1.0 - pooled) * self._unit * 8.0 * _LN2)
        return min(sum(2.0 * normal_tail(value / each) for each in deviation.tolist() if each > 0.0), 1.0)

    def value_at(self, level: float) -> float:
        """Return the divergence in bits whose p-value is `level`."""
        return _solved(self.tail, level, 1.0)

    def gap_at(self, level: float, pooled: FloatArray) -> float:
        """Return the largest difference of a share whose p-value is `level`."""
        if self._gaps is None:
            return _solved(lambda value: self.gap_tail(value, pooled), level, 1.0)
        if level not in self._gap_at:
            self._gap_at[level] = _solved(lambda value: self.gap_tail(value, pooled), level, 1.0)
        return self._gap_at[level]

    def mean_distance(self) -> float:
        """Return the mean total variation distance without drift, 0..1: what noise alone adds to it."""
        spread = np.sqrt(self.shares * (1.0 - self.shares) * self._unit * 8.0 * _LN2)
        return float(spread.sum() * math.sqrt(2.0 / math.pi) / 2.0)

    def _simulate(self, counts: FloatArray) -> None:
        """Draw windows of the same law."""
        draws = max(_LEAST_DRAWS, min(_DRAWS, _CELLS // max(self.cells, 1)))
        dice = np.random.default_rng([_SEED, self.cells, self.rows])
        found, gaps = np.empty(draws), np.empty(draws)
        step = max(1, 1_000_000 // max(self.cells, 1))
        for begin in range(0, draws, step):
            size = min(step, draws - begin)
            law = dice.standard_gamma(counts + 0.5, (size, self.cells))
            law /= law.sum(axis=1, keepdims=True)
            window = dice.multinomial(self.rows, law) / max(self.rows, 1)
            found[begin : begin + size] = divergence(window, self.shares)
            gaps[begin : begin + size] = np.abs(window - self.shares).max(axis=1)
        self._draws, self._gaps = np.sort(found), np.sort(gaps)
        self._mean, self._sd = float(found.mean()), float(found.std())
        centred = (found - self._mean) / (self._sd or 1.0)
        self._skew = float(np.mean(centred**3))

    def _any_gap(self, value: float) -> float:
        """Return the sum over the cells of the chances that their share differs by so much.

        Beyond the simulation two such cells at once are rare, and the sum is the chance of any: at 1e-4 it
        is 1.0 to 1.3 times the truth, where a normal law of 500 cells says a fifth of it.
        """
        rows, a = self.rows, self.shares * self.reference + 0.5
        b = a.sum() - a
        high = np.ceil(rows * (self.shares + value) - 1e-9)
        low = np.floor(rows * (self.shares - value) + 1e-9)
        upper = np.flatnonzero(
            (high <= rows) & (_farness(np.minimum(high / rows, 1.0), a / (a + b)) * rows < _FAR)
        )
        total = sum(beta_binomial_tails(int(high[k]), rows, float(a[k]), float(b[k]))[1] for k in upper)
        lower = np.flatnonzero(low >= 0)
        total += sum(beta_binomial_tails(int(low[k]), rows, float(a[k]), float(b[k]))[0] for k in lower)
        return max(float(total), 1e-300)

    def _fitted(self, value: float) -> float:
        """Return the tail of the gamma law through three moments of the draws."""
        return skewed_tail((value - self._mean) / (self._sd or 1.0), self._skew)


def _farness(share: FloatArray, law: FloatArray) -> FloatArray:
    """Return the relative entropy of two shares: exp(-rows * it) bounds the chance to see the first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.where(share > 0.0, share * np.log(share / law), 0.0)
        other = np.where(share < 1.0, (1.0 - share) * np.log((1.0 - share) / (1.0 - law)), 0.0)
    return np.asarray(one + other)


def _solved(tail: Callable[[float], float], level: float, high: float) -> float:
    """Return where a falling tail crosses `level`, by halving."""
    low = 0.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        if tail(middle) > level:
            low = middle
        else:
            high = middle
    return high
