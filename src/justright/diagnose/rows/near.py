"""Near copies across folds: rows that differ from another one hardly, though not in nothing.

Around a row of a smooth table the distances to the nearest and the fifth nearest other row follow one law,

    P(d1 / d5 < x) = 1 - (1 - x^m)^4,        m = the local dimension, from the median of d1 / d5

(the ratio of order statistics of uniform points; Facco and others, 2017, doi:10.1038/s41598-017-11873-y, for
d1 / d2). Copies with a small change have ratios that the law all but excludes. Equal rows are counted
elsewhere and left out.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.rows.sample import Feature, Sample
from justright.schema import Finding, FloatArray

__all__ = ["near_copies", "ratios"]

_ASKED: Final = 1_000  # rows whose neighbours are sought
_AMONG: Final = 8_000  # rows among which
_NEIGHBOURS: Final = 5
_CLOSE: Final = 0.1
_NOISE: Final = 5.0
_NAMED: Final = 0.01
_WARNED: Final = 0.05
_COLUMNS: Final = 128
_FEWEST: Final = 300


def near_copies(sample: Sample) -> list[Finding]:
    """Say how many rows have a near copy that chance does not explain.

    Parameters
    ----------
    sample : Sample
        The rows; those of equal content count once.

    Notes
    -----
    Distances of 1,000 rows to at most 8,000: one product of matrices, 0.1 s. In a table of more rows a near
    copy is seen only where both are among the 8,000: the share is then that of the sample. Only tables whose
    columns are for the most part measured quantities are looked at.
    """
    points = _points(sample)
    if points is None or len(points) < _FEWEST:
        return []
    ratio = ratios(points, min(_ASKED, len(points)))
    if len(ratio) < _FEWEST // 2:
        return []
    middle = float(np.median(ratio))
    if not 0.0 < middle < 1.0:
        return []
    dimension = np.log(1.0 - 0.5 ** (1.0 / (_NEIGHBOURS - 1))) / np.log(middle)
    chance = float(1.0 - (1.0 - _CLOSE**dimension) ** (_NEIGHBOURS - 1))
    share = float((ratio < _CLOSE).mean())
    noise = float(np.sqrt((chance * (1.0 - chance) + share * (1.0 - share) + 1.0 / len(ratio)) / len(ratio)))
    if share - chance < max(_NAMED, _NOISE * noise) or share < 2.0 * chance:
        return []
    sentence = (
        f"{share:.1%} of the rows have another row ten times nearer than the fifth nearest one (by "
        f"chance {chance:.1%}): near "
        "copies, which random folds put on both sides."
    )
    evidence = {
        "share": round(share, 4),
        "chance": round(chance, 4),
        "noise": round(noise, 4),
        "dimension": round(float(dimension), 2),
        "among": len(points),
    }
    move = "find what makes them kin (one customer, one measurement) and split by it: --by COLUMN"
    grave = share - chance >= _WARNED
    return [Finding("rows-nearly-equal", "warning" if grave else "info", sentence, evidence, move)]


def ratios(points: FloatArray, asked: int) -> FloatArray:
    """Return the distance to the nearest other row over that to the fifth nearest, float64 (asked rows,).

    Rows with four equal neighbours at distance 0 are left out.
    """
    step = max(1, len(points) // asked)
    chosen = np.arange(0, len(points), step)[:asked]
    square = np.square(points).sum(axis=1)
    found = []
    for begin in range(0, len(chosen), 250):
        rows = chosen[begin : begin + 250]
        away = square[rows, None] + square[None, :] - 2.0 * (points[rows] @ points.T)
        away[np.arange(len(rows)), rows] = np.inf
        nearest = np.sort(np.partition(away, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS], axis=1)
        found.append(np.sqrt(np.maximum(nearest, 0.0)))
    distance = np.concatenate(found)
    far = distance[:, -1] > 1e-4
    ratio: FloatArray = distance[far, 0] / distance[far, -1]
    return ratio


def _points(sample: Sample) -> FloatArray | None:
    """Return the different rows as points: numbers in spreads, categories as corners one spread apart."""
    plain = [f for f in sample.features if not f.part and not f.dated][:_COLUMNS]
    if 2 * sum(map(_is_fine, plain)) < max(len(plain), 4):
        return None  # a grid of few values: its distances follow no such law
    _, first = np.unique(sample.content, return_index=True)
    rows = np.sort(first)
    if len(rows) > _AMONG:
        rows = np.sort(first[np.argsort(sample.content[first])[:_AMONG]])
    columns = []
    for feature in plain:
        if feature.values is not None:
            values = np.clip(
                np.nan_to_num((feature.values[rows] - np.nanmean(feature.values)) / feature.scale), -5, 5
            )
            columns.append(values[:, None])
        else:
            assert feature.codes is not None
            top = np.argsort(-np.bincount(feature.codes), kind="stable")[:16]
            columns.append((feature.codes[rows][:, None] == top) * np.sqrt(0.5))
    return np.concatenate(columns, axis=1).astype(np.float32).astype(np.float64)


def _is_fine(feature: Feature) -> bool:
    """Say whether a column is a measured quantity: values that hardly repeat."""
    return feature.values is not None and len(np.unique(feature.values)) > 0.05 * len(feature.values)
