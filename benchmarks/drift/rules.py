"""What the others alarm on, as their sources state it, in numpy; `rules_check.py` runs their own code.

Evidently 0.7   reference of at most 1,000 rows: Kolmogorov-Smirnov (numbers with more than 5 values) or
                chi-square (categories), p < 0.05; larger: Wasserstein / reference sd >= 0.1, Jensen-Shannon
                distance (natural logarithm) >= 0.1
NannyML 0.13    Jensen-Shannon distance (base 2) to the whole reference > mean + 3 sd over its chunks; chunks
                of the window's size where the reference holds 3 of them, else its default of 10 chunks
Vertex AI       Jensen-Shannon divergence > 0.3 bits on 10 buckets of equal width over both sides (an
                approximation: TFDV takes these and 10 quantile buckets), L-infinity > 0.3
KS              two samples, p < 0.05 a column; and at 0.01 with Bonferroni over the columns
                (categories: chi-square of the two-row table)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, kolmogorov

Array = npt.NDArray[np.float64]

RULES = ("Evidently", "NannyML", "Vertex", "KS 5 %", "KS 1 % corrected")


class Numbers:
    """One reference column of numbers, sorted once."""

    def __init__(self, reference: Array) -> None:
        self.reference = np.sort(reference)
        self.sd = float(reference.std())
        self.rows = len(reference)
        self._given = reference
        self._nanny: dict[int, float] = {}
        edges = np.histogram_bin_edges(reference, bins="doane") if self.rows else np.zeros(2)
        self.edges = edges if len(edges) <= 1001 else np.linspace(edges[0], edges[-1], 1001)
        self.shares = np.histogram(reference, self.edges)[0] / self.rows

    def alarms(self, window: Array, columns: int) -> dict[str, bool]:
        """Which rules alarm on a window."""
        p = self.ks(window)
        evidently = p < 0.05 if self.rows <= 1000 else self.wasserstein(window) / self.sd >= 0.1
        return {
            "Evidently": evidently,
            "NannyML": self.js(window) > self.nanny_limit(len(window)),
            "Vertex": self.vertex(window) > 0.3,
            "KS 5 %": p < 0.05,
            "KS 1 % corrected": p < 0.01 / columns,
        }

    def ks(self, window: Array) -> float:
        """p-value of the two-sample test (its limiting law, with Stephens' correction)."""
        w = np.sort(window)
        n, m = len(w), self.rows
        high = np.searchsorted(self.reference, w, "right") / m
        low = np.searchsorted(self.reference, w, "left") / m
        up = np.searchsorted(w, w, "right") / n
        down = np.searchsorted(w, w, "left") / n
        d = max(float(np.abs(up - high).max()), float(np.abs(down - low).max()))
        size = np.sqrt(n * m / (n + m))
        return float(kolmogorov((size + 0.12 + 0.11 / size) * d))

    def wasserstein(self, window: Array) -> float:
        """Exact Wasserstein distance."""
        w = np.sort(window)
        every = np.sort(np.concatenate([self.reference, w]))
        gaps = np.diff(every)
        left = np.searchsorted(self.reference, every[:-1], "right") / self.rows
        right = np.searchsorted(w, every[:-1], "right") / len(w)
        return float((np.abs(left - right) * gaps).sum())

    def js(self, window: Array) -> float:
        """NannyML's distance: bins of the reference, and one for what lies outside of them."""
        counts = np.histogram(window, self.edges)[0]
        shares = counts / len(window)
        outside = 1.0 - shares.sum()
        return float(np.sqrt(bits(np.append(self.shares, 0.0), np.append(shares, outside))))

    def nanny_limit(self, rows: int) -> float:
        """Mean + 3 sd over the chunks of the reference."""
        if rows not in self._nanny:
            chunks = self.rows // rows if self.rows // rows >= 3 else 10
            size = self.rows // chunks
            said = [self.js(self._given[k * size : (k + 1) * size]) for k in range(min(chunks, 200))]
            self._nanny[rows] = float(np.mean(said) + 3.0 * np.std(said))
        return self._nanny[rows]

    def vertex(self, window: Array) -> float:
        """Divergence in bits on 10 equal buckets over both sides."""
        low = min(self.reference[0], window.min())
        high = max(self.reference[-1], window.max())
        edges = np.linspace(low, high, 11)
        at = np.searchsorted(self.reference, edges[1:-1])
        left = np.diff(np.concatenate([[0], at, [self.rows]])) / self.rows
        return bits(left, np.histogram(window, edges)[0] / len(window))


class Categories:
    """One reference column of category numbers."""

    def __init__(self, reference: Array, kinds: int) -> None:
        self.kinds = kinds
        self.rows = len(reference)
        self.counts = np.bincount(reference.astype(int), minlength=kinds).astype(float)
        self._given = reference.astype(int)
        self._nanny: dict[int, float] = {}

    def alarms(self, window: Array, columns: int) -> dict[str, bool]:
        """Which rules alarm on a window."""
        counts = np.bincount(window.astype(int), minlength=self.kinds).astype(float)
        left, right = self.counts / self.rows, counts / len(window)
        p = self.chi_square(counts)
        distance = np.sqrt(bits(left, right))
        small = self.one_sided(counts) < 0.05
        return {
            "Evidently": small if self.rows <= 1000 else distance * np.sqrt(np.log(2.0)) >= 0.1,
            "NannyML": distance > self.nanny_limit(len(window)),
            "Vertex": float(np.abs(left - right).max()) > 0.3,
            "KS 5 %": p < 0.05,
            "KS 1 % corrected": p < 0.01 / columns,
        }

    def one_sided(self, counts: Array) -> float:
        """Evidently's chi-square: the shares of the reference are taken as exact."""
        expected = self.counts / self.rows * counts.sum()
        held = (expected > 0) | (counts > 0)
        with np.errstate(divide="ignore"):
            value = np.where(held, np.square(counts - expected) / np.where(held, expected, 1.0), 0.0).sum()
        return float(gammaincc((held.sum() - 1) / 2.0, value / 2.0)) if np.isfinite(value) else 0.0

    def chi_square(self, counts: Array) -> float:
        """Two-row table."""
        table = np.stack([self.counts, counts])[:, (self.counts + counts) > 0]
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        value = float((np.square(table - expected) / expected).sum())
        return float(gammaincc((table.shape[1] - 1) / 2.0, value / 2.0)) if table.shape[1] > 1 else 1.0

    def nanny_limit(self, rows: int) -> float:
        """Mean + 3 sd over the chunks of the reference."""
        if rows not in self._nanny:
            chunks = self.rows // rows if self.rows // rows >= 3 else 10
            size = self.rows // chunks
            whole = self.counts / self.rows
            said = []
            for k in range(min(chunks, 200)):
                part = np.bincount(self._given[k * size : (k + 1) * size], minlength=self.kinds) / size
                said.append(np.sqrt(bits(whole, part)))
            self._nanny[rows] = float(np.mean(said) + 3.0 * np.std(said))
        return self._nanny[rows]


def bits(left: Array, right: Array) -> float:
    """Jensen-Shannon divergence in bits."""
    middle = 0.5 * (left + right)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(left > 0, left * np.log2(left / middle), 0.0).sum()
        b = np.where(right > 0, right * np.log2(right / middle), 0.0).sum()
    return float(max(0.5 * (a + b), 0.0))
