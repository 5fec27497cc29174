"""Which pairs of fields interact: the gain of a table of cells, fitted on four folds and judged on the fifth.

For every pair one histogram of slope and bend by fold and pair of codes, of the rows' held-out margins; the
gain of cell steps, at four grains, follows from it (`kernels.additive.cross_gain`). A gain is set
against the law it has where there is no interaction, a weighted sum of chi-squares, and corrected for all
that a training may try: pairs, grains, strengths and searches (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.kernels.additive import in_threads, pair_histogram
from justright.kernels.cells import cross_gain
from justright.models.crossed.fields import Field
from justright.models.crossed.packed import Packed
from justright.models.crossed.stage import ROUNDS
from justright.models.crossed.terms import grouped
from justright.schema import FloatArray

__all__ = ["LEVEL", "Candidate", "search"]

LEVEL: Final = 0.05
"""Bound of the chance that a training accepts an interaction where the table has none.

It counts grains, strengths and rounds as if they were independent, so that the chance is far less: in 300
trainings with shuffled copies of columns no pair of a copy was below 0.2 (benchmarks/linear/guard.py).
"""

_GRAIN: Final = 24
_POOLS: Final = (1, 2, 3, 6)  # groups taken together along ordered axes
_STRENGTHS: Final = np.array([5.0, 20.0, 80.0])
_UNSURE: Final = 5  # times stricter with several outputs: sure margins bend their law
_ADDS: Final = 400_000_000  # row visits of a search; more are screened on a sample first
_SCREENED: Final = 200  # fields with all pairs tried; above, those of the strongest only
_STRONG: Final = 40
_PARTNERS: Final = 4  # strongest fields that are tried with every other


class Candidate(NamedTuple):
    """A pair that was tried: fields, fall of the held-out loss, strength over noise, chance of as much.

    `p` is corrected for all pairs, grains, strengths and searches.
    """

    first: int
    second: int
    gain: float
    z: float
    p: float


class _Held(NamedTuple):
    """Rows with held-out margins: group codes by field, their number, folds, slope and bend by output."""

    codes: list[npt.NDArray[np.uint16]]
    sizes: list[int]
    ordered: list[bool]
    fold: npt.NDArray[np.int16]
    folds: int
    g: list[npt.NDArray[np.float32]]
    h: list[npt.NDArray[np.float32]]
    alike: float


def search(
    packed: Packed,
    fields: Sequence[Field],
    counts: Sequence[FloatArray],
    judges: npt.NDArray[np.int64],
    strongest: Sequence[int],
    known: set[tuple[int, int]],
) -> list[Candidate]:
    """Try all pairs of fields; return them by falling gain.

    Parameters
    ----------
    packed : Packed
        Rows with slope and bend at the current margins.
    fields, counts
        Fields, and the weight of the rows of each code.
    judges : int64 (folds,)
        First column of the member that is held out of each fold.
    strongest : sequence of int
        Fields by falling importance, for the screen of wide tables.
    known : set of pairs
        Pairs not to try.

    Notes
    -----
    One addition a row and pair; 91 pairs of 32,000 rows take 0.05 s. Above 200 fields only pairs of the 40
    strongest are tried, and of the 4 strongest with all others: an interaction of two fields
    that do nothing alone is then missed.
    """
    held = _held(packed, fields, counts, judges)
    pairs = [pair for pair in _pairs(fields, strongest) if pair not in known]
    pairs = [(i, j) for i, j in pairs if held.sizes[i] > 1 and held.sizes[j] > 1]
    if not pairs or not len(held.fold):
        return []
    tried = len(pairs)
    room = _ADDS // max(tried * len(held.g), 1)
    if room < len(held.fold):
        sample = _every(held, -(-len(held.fold) // max(room, 1_000)))
        found = in_threads(lambda pair: _candidate(sample, pair, tried), pairs)
        best = sorted(found, key=lambda each: (each.p, -each.z))[: max(_SCREENED, tried // 20)]
        pairs = [(each.first, each.second) for each in best]
    made = in_threads(lambda pair: _candidate(held, pair, tried), pairs)
    return sorted(made, key=lambda each: -each.gain)


def _pairs(fields: Sequence[Field], strongest: Sequence[int]) -> list[tuple[int, int]]:
    """Return the pairs to try; a product is itself a cross of its numbers and takes no part."""
    plain = [place for place, field in enumerate(fields) if field.kind != "product"]
    if len(plain) <= _SCREENED:
        return list(combinations(plain, 2))
    strong = [place for place in strongest if fields[place].kind != "product"]
    made = set(combinations(sorted(strong[:_STRONG]), 2))
    made |= {(min(a, b), max(a, b)) for a in strong[:_PARTNERS] for b in plain if a != b}
    return sorted(made)


def _held(
    packed: Packed, fields: Sequence[Field], counts: Sequence[FloatArray], judges: npt.NDArray[np.int64]
) -> _Held:
    """Read codes at the grain of the search, and slope and bend at each row's held-out margin."""
    rows = packed.rows
    inside = np.flatnonzero((packed.fold >= 0) & (packed.fold < len(judges)))
    fold = packed.fold[inside]
    own = judges[fold]
    maps = [grouped(field, count, _GRAIN) for field, count in zip(fields, counts, strict=True)]
    codes = [each[code[inside]].astype(np.uint16) for each, code in zip(maps, packed.codes, strict=True)]
    g = [rows.g[inside, own + output] for output in range(rows.outputs)]
    return _Held(
        codes,
        [int(each.max()) + 1 for each in maps],
        [field.ordered for field in fields],
        fold,
        len(judges),
        g,
        [rows.h[inside, own + output] for output in range(rows.outputs)],
        _alike(g),
    )


def _alike(g: Sequence[npt.NDArray[np.float32]]) -> float:
    """Return the sum of the squared correlations of the slopes of all outputs: the variance of a sum of z.

    Slopes of a softmax add up to 0, so that what one class shows others show again: two classes count once.
    """
    slopes = np.stack(g).astype(np.float64)
    products = slopes @ slopes.T
    size = np.sqrt(np.maximum(np.diag(products), 1e-300))
    # Slopes of nothing but zero (a constant target) are alike to no other: never below 1.
    return max(float(np.square(products / np.outer(size, size)).sum()), 1.0)


def _every(held: _Held, step: int) -> _Held:
    """Return every so many-th row."""
    return held._replace(
        codes=[np.ascontiguousarray(each[::step]) for each in held.codes],
        fold=np.ascontiguousarray(held.fold[::step]),
        g=[np.ascontiguousarray(each[::step]) for each in held.g],
        h=[np.ascontiguousarray(each[::step]) for each in held.h],
    )


def _candidate(held: _Held, pair: tuple[int, int], tried: int) -> Candidate:
    """Try one pair at every grain; keep the most significant, with the most that a significant one gains."""
    i, j = pair
    shape = (held.sizes[i], held.sizes[j])
    sums = [
        pair_histogram(held.codes[i], held.codes[j], shape, held.fold, held.folds, g, h)
        for g, h in zip(held.g, held.h, strict=True)
    ]
    best = Candidate(i, j, -np.inf, 0.0, 1.0)
    grains = _POOLS if held.ordered[i] or held.ordered[j] else _POOLS[:1]
    chances = len(grains) * len(_STRENGTHS) * ROUNDS * (_UNSURE if len(sums) > 1 else 1)
    for pool in grains:
        gain, zs, freedom = 0.0, 0.0, 0.0
        for slope, bend, spread in sums:
            unit = float(bend.sum()) / max(len(held.fold), 1)
            cells = [
                _pooled(_pooled(a, 1, pool if held.ordered[i] else 1), 2, pool if held.ordered[j] else 1)
                for a in (slope, bend, spread)
            ]
            part, z, free = cross_gain(cells[0], cells[1], cells[2], _STRENGTHS, unit)
            gain += part
            zs += z
            freedom += free
        z = zs / np.sqrt(held.alike)
        p = min(1.0, _tail(z, freedom * len(sums) / held.alike) * tried * chances)
        if p < LEVEL and best.p < LEVEL:
            gain = max(gain, best.gain)
            best = best._replace(gain=gain)
        if (p, -gain) < (best.p, -best.gain):
            best = Candidate(i, j, gain, z, p)
    return best


def _tail(z: float, freedom: float) -> float:
    """Return the chance of a larger z where (chi2 - freedom) / sqrt(2 freedom) is its law."""
    from scipy.special import gammaincc

    if z <= 0.0:
        return 1.0
    at = freedom + z * np.sqrt(2.0 * freedom)
    return float(gammaincc(freedom / 2.0, at / 2.0))


def _pooled(values: FloatArray, axis: int, pool: int) -> FloatArray:
    """Add up so many neighbours along an axis."""
    if pool == 1:
        return values.copy()
    return np.asarray(np.add.reduceat(values, np.arange(0, values.shape[axis], pool), axis=axis))
