"""Columns that say the same: each value of one stands for one value of the other, or a line leads from one
to the other.

Two columns are copies where their rows, numbered by first appearance of a value, read alike. That is a
fingerprint a column, no pair is compared. Numbers that a line leads to (miles and kilometres, rounded) are
found by their correlation.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.rows.sample import Feature, Sample
from justright.schema import Finding, IntArray

__all__ = ["copies"]

_FEWEST_VALUES: Final = 3  # two columns of two values agree too easily
_REPEATED: Final = 0.5  # share of the rows whose value stands in another row: else any two columns agree
_LINE: Final = 1.0 - 1e-5  # squared correlation
_COLUMNS: Final = 512


def copies(sample: Sample) -> list[Finding]:
    """Name the columns that copy another one; they do no harm to the figures, only to the reading.

    Parameters
    ----------
    sample : Sample
        At least 50 rows, or nothing is said.

    Notes
    -----
    One sort a column and one product of the numbers, 20 ms for 20,000 rows of 20 columns.
    """
    plain = [f for f in sample.features if not f.part and not f.dated]
    if sample.rows < 50:
        return []
    named: dict[str, str] = {}
    first: dict[bytes, str] = {}
    # Words first: a number that stands for each of them is the copy.
    for feature in sorted(plain, key=lambda each: each.values is not None):
        text = _reading(feature)
        if text is not None:
            other = first.setdefault(text, feature.name)
            if other != feature.name:
                named[feature.name] = other
    named |= {a: b for a, b in _lines(plain).items() if a not in named and named.get(b) != a}
    return [_finding(column, other) for column, other in named.items()]


def _reading(feature: Feature) -> bytes | None:
    """Return a column's rows numbered by first appearance; None where agreement would say nothing."""
    values = feature.codes if feature.codes is not None else feature.values
    assert values is not None
    # Missing values are one value.
    _, first, place = np.unique(values, return_index=True, return_inverse=True)
    counts = np.bincount(place.ravel())
    repeated = counts[counts > 1].sum() / len(place)
    # A value that rules leaves the rest to chance: at least a tenth of the rows must say something.
    if len(counts) < _FEWEST_VALUES or repeated < _REPEATED or counts.max() > 0.9 * len(place):
        return None
    number: IntArray = np.argsort(np.argsort(first))
    return number[place.ravel()].astype(np.int32).tobytes()


def _lines(features: list[Feature]) -> dict[str, str]:
    """Return the numbers that a line leads to from an earlier one, by name."""
    numbers = [f for f in features if f.values is not None][:_COLUMNS]
    if len(numbers) < 2:
        return {}
    z = np.column_stack([np.asarray(f.values) / f.scale for f in numbers])
    z = z[np.isfinite(z).all(axis=1)]
    if len(z) < 50:
        return {}
    z = z - z.mean(axis=0)
    spread = np.sqrt(np.square(z).sum(axis=0))
    # What does not vary in the sample has only its rounding left.
    spread[spread < 1e-4 * np.sqrt(len(z))] = np.inf
    alike = np.square((z.T @ z) / np.outer(spread, spread))
    pairs = np.argwhere(np.triu(alike > _LINE, 1))
    return {numbers[b].name: numbers[a].name for a, b in pairs[::-1].tolist()}


def _finding(column: str, other: str) -> Finding:
    """Say that a column copies another one."""
    return Finding(
        "column-copies",
        "info",
        f"{column} copies {other}: each value of one stands for one value of the other. No figure "
        "suffers, but what the "
        "model says of either is shared between them.",
        {"column": column, "copies": other},
        f"--drop {column}",
    )
