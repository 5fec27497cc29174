"""Copies of rows: in how many the table is repeated, and whether copies judge what copies taught.

Counted beside what chance makes of columns with few values: the same columns with the most varied one
dealt anew among the rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.diagnose.rows.sample import Sample
from justright.kernels.hashing import mix64
from justright.schema import Finding

__all__ = ["duplicates", "repeats"]

_NAMED: Final = 0.005  # share of the rows
_WARNED: Final = 0.1
_BEYOND: Final = 2.0  # times what chance makes
_ACROSS: Final = 0.01
_AGREE: Final = 0.97  # of rows with equal columns: fewer equal targets, and they only look alike
_KEYS: Final = 1 << 21


def duplicates(data: DataModule, sample: Sample) -> list[Finding]:
    """Say how many rows repeat another one, and whether copies stand on both sides of a fold.

    Parameters
    ----------
    data : DataModule
        Fingerprint, target and fold of every row; of more than two million a sample by fingerprint.
    sample : Sample
        Columns, for what chance makes.

    Notes
    -----
    A sort of the fingerprints: 0.2 s for two million rows.
    """
    facts = data.facts
    train = np.flatnonzero(facts.part == 0)
    content = facts.content[train]
    if len(train) > _KEYS:
        chosen = np.flatnonzero(mix64(content) <= np.uint64(_KEYS / len(train) * (2.0**64 - 2048)))
        train, content = train[chosen], content[chosen]
    # -0.0 and 0.0 are one target.
    whole = content ^ mix64((facts.target[train] + np.float32(0.0)).view(np.uint32).astype(np.uint64))
    repeated = repeats(whole)
    share = repeated / max(len(train), 1)
    across = _across(content, facts.fold[train, 0]) if len(facts.fold) else 0.0
    chance = _chance(sample)
    if across >= _ACROSS and across > _BEYOND * chance:
        return [_shared(across, share)]
    if share < _NAMED or share < _BEYOND * chance or repeated < _AGREE * repeats(content):
        return []
    distinct = len(train) - repeated
    sentence = (
        f"{share:.1%} of the rows repeat another one in every column and the target (by chance "
        f"{chance:.1%}): "
        f"{distinct:,} of {len(train):,} rows are different. Copies share a fold, so no copy judges its "
        "twin, but a "
        "row counts as often as it stands there."
    )
    evidence = {
        "share": round(share, 4),
        "rows": int(len(train)),
        "distinct": int(distinct),
        "chance": round(chance, 4),
    }
    move = "remove the copies, unless new rows come as often: justright profile TABLE"
    return [Finding("rows-repeated", "warning" if share >= _WARNED else "info", sentence, evidence, move)]


def repeats(keys: npt.NDArray[np.uint64]) -> int:
    """Return how many keys stand in an earlier row.

    Examples
    --------
    >>> repeats(np.array([5, 7, 5, 5], np.uint64))
    2
    """
    ordered = np.sort(keys)
    return int((ordered[1:] == ordered[:-1]).sum())


def _across(content: npt.NDArray[np.uint64], fold: npt.NDArray[np.int8]) -> float:
    """Return the share of the judged rows with a copy in another fold."""
    order = np.lexsort((fold, content))
    key, part = content[order], fold[order]
    begins = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, np.int64)
    if not len(begins):
        return 0.0
    ends = np.r_[begins[1:], len(key)] - 1
    # Sorted by fold inside a key: first and last tell whether there is more than one.
    mixed = part[begins] != part[ends]
    judged = part >= 0
    count = np.add.reduceat(judged.astype(np.int64), begins)
    return float(count[mixed].sum()) / max(int(judged.sum()), 1)


def _chance(sample: Sample) -> float:
    """Return the share of repeated rows once the most varied column is dealt anew."""
    words = []
    for feature in sample.features:
        if feature.part and feature.part != "trend":
            continue
        values = feature.codes.astype(np.float64) if feature.codes is not None else feature.values
        assert values is not None
        words.append(mix64(np.nan_to_num(values, nan=1e300).view(np.uint64)))
    words.append(mix64(sample.target.astype(np.float64).view(np.uint64)))
    varied = int(np.argmax([len(np.unique(word)) for word in words[:-1]])) if len(words) > 1 else 0
    order = np.argsort(mix64(sample.content ^ mix64(np.arange(sample.rows, dtype=np.uint64))))
    words[varied] = words[varied][order]
    total = np.zeros(sample.rows, np.uint64)
    for number, word in enumerate(words):
        total += mix64(word ^ np.uint64(number + 1))
    return repeats(total) / max(sample.rows, 1)


def _shared(across: float, share: float) -> Finding:
    """Copies on both sides: the model is asked what it has been told."""
    return Finding(
        "rows-shared-by-folds",
        "warning",
        f"{across:.1%} of the judged rows have a copy of all their columns in another fold: the model is "
        "asked what "
        "it has been told.",
        {"share": round(across, 4), "repeated": round(share, 4)},
        "leave out --by and --time, so that copies share a fold, or remove them",
    )
