"""Categories: a vocabulary of canonical texts; never seen, rare and missing told apart; the long tail hashed.

Codes of one column, in this order:

    0            never seen, or rare in training (trained on the pooled rare rows)
    1            missing
    2 .. v + 1   the v categories of the vocabulary, by falling weight, ties by text
    v + 2 ..     `buckets` hashed codes, only for columns with more categories than the vocabulary holds
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.features.fingerprints import fingerprint_texts
from justright.schema import Column, FloatArray
from justright.values import TextPool

__all__ = ["MISSING", "UNSEEN", "CategoricalFeature", "Tally", "Vocabulary", "fit_categorical"]

UNSEEN: Final = 0
MISSING: Final = 1
FIRST: Final = 2


class CategoricalFeature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of `Block.codes`.

    Parameters
    ----------
    column : Column
        Where its values come from.
    vocabulary : tuple of str
        Canonical text of codes 2, 3, ...
    counts : tuple of float
        Training weight of codes 0, 1, 2, ... and of the hashed codes together at the end.
    buckets : int
        Number of hashed codes after the vocabulary, 0 = none.
    part : str
        Calendar part that it holds (see `features.time`); empty for plain categories.
    """

    column: Column
    vocabulary: tuple[str, ...]
    counts: tuple[float, ...]
    buckets: int = 0
    part: str = ""

    @property
    def size(self) -> int:
        """Number of codes."""
        return FIRST + len(self.vocabulary) + self.buckets

    @property
    def name(self) -> str:
        """Name for people: the column, with its part in brackets for dates."""
        return f"{self.column.name}[{self.part}]" if self.part else self.column.name

    def shares(self) -> FloatArray:
        """Share of the training rows of every code; that of the hashed codes is spread over them evenly."""
        counts = np.zeros(self.size)
        known = self.size - self.buckets
        given = np.asarray(self.counts, np.float64)
        counts[: min(known, len(given))] = given[:known]
        if self.buckets and len(given) > known:
            counts[known:] = given[known] / self.buckets
        total = float(counts.sum())
        return counts / total if total > 0 else np.full(self.size, 1.0 / self.size)

    def labels(self) -> list[str]:
        """Text of every code, for people."""
        hashed = [f"(hashed {i})" for i in range(self.buckets)]
        return ["(rare or never seen)", "(missing)", *self.vocabulary, *hashed]


class Tally:
    """Weight of each canonical text, mergeable, bounded: beyond `limit` texts the lightest half is pooled.

    The bound makes the weights of pooled texts inexact (they restart from zero when seen again); it is
    reached only by columns with more than `limit` different texts.
    """

    def __init__(self, limit: int = 500_000) -> None:
        self.limit = limit
        self.weights: dict[str, float] = {}
        self.missing = 0.0
        self.pooled = 0.0
        self._pool: TextPool | None = None
        self._sums = np.zeros(0)

    def add(self, codes: npt.NDArray[np.int32], texts: Sequence[str | None], weight: FloatArray) -> None:
        """Take in dictionary-encoded texts `texts[codes]` with the weight of each row.

        Sums over the texts of a pool are taken in by `settle`, once for all batches.
        """
        sums = np.zeros(len(texts))
        if len(codes):
            sums += np.bincount(codes, weights=weight, minlength=len(texts))
        if not isinstance(texts, TextPool):
            self._take(texts, sums)
            return
        if self._pool is not texts:
            self.settle()
            self._pool = texts
        sums[: len(self._sums)] += self._sums
        self._sums = sums

    def settle(self) -> None:
        """Take in what is still summed by the numbers of a pool."""
        if self._pool is not None:
            self._take(self._pool[: len(self._sums)], self._sums)
        self._pool, self._sums = None, np.zeros(0)

    def _take(self, texts: Sequence[str | None], sums: FloatArray) -> None:
        """Add the weight of each text."""
        for text, total in zip(texts, sums.tolist(), strict=True):
            if total <= 0:
                continue
            if text is None:
                self.missing += total
            else:
                self.weights[text] = self.weights.get(text, 0.0) + total
        self._bound()

    def merge(self, other: Tally) -> None:
        """Add what another part of the rows has seen."""
        self.settle()
        other.settle()
        for text, total in other.weights.items():
            self.weights[text] = self.weights.get(text, 0.0) + total
        self.missing += other.missing
        self.pooled += other.pooled
        self._bound()

    def _bound(self) -> None:
        """Keep the memory bounded: pool the lightest half."""
        if len(self.weights) > self.limit:
            order = sorted(self.weights.items(), key=lambda item: (-item[1], item[0]))
            keep = order[: self.limit // 2]
            self.pooled += sum(total for _, total in order[self.limit // 2 :])
            self.weights = dict(keep)


def fit_categorical(
    column: Column, tally: Tally, rare: int, largest: int, buckets: int
) -> CategoricalFeature | None:
    """Choose the vocabulary; None when the training rows hold a single text and nothing is missing.

    Parameters
    ----------
    column : Column
        The column.
    tally : Tally
        Weights of its texts over the training rows.
    rare : int
        Texts of less weight are pooled into code 0 (hashed instead where the column needs buckets).
    largest : int
        Most texts with a code of their own.
    buckets : int
        Hashed codes for the rest when there are more than `largest` texts.
    """
    tally.settle()
    every = tally.weights
    if len(every) + (tally.missing > 0) < 2 and not tally.pooled:
        return None
    common = [item for item in every.items() if item[1] >= rare]
    if not common and len(every) <= 2 * rare:  # a column of a few rows: else everything would be rare
        common = list(every.items())
    often = sorted(common, key=lambda item: (-item[1], item[0]))[:largest]
    hashed = buckets if len(every) > largest or tally.pooled else 0
    named = {text for text, _ in often}
    rest = math.fsum(total for text, total in every.items() if text not in named) + tally.pooled
    counts = (0.0 if hashed else rest, tally.missing, *(total for _, total in often))
    return CategoricalFeature(
        column,
        tuple(text for text, _ in often),
        counts + ((rest,) if hashed else ()),
        hashed,
    )


class Vocabulary:
    """The look-up from canonical text to code of one feature."""

    def __init__(self, feature: CategoricalFeature) -> None:
        self._codes = {text: FIRST + i for i, text in enumerate(feature.vocabulary)}
        self._buckets = feature.buckets
        self._first_bucket = FIRST + len(feature.vocabulary)

    def code(self, text: str | None) -> int:
        """Return the code of one canonical text; None is missing."""
        if text is None:
            return MISSING
        code = self._codes.get(text)
        if code is not None:
            return code
        return self._hashed([text])[0] if self._buckets else UNSEEN

    def codes(self, texts: Iterable[str | None]) -> npt.NDArray[np.int32]:
        """Return the code of each text, int32 (texts,); those of a pool are looked up once."""
        if isinstance(texts, TextPool):
            return texts.derived(self, self.codes)
        every = list(texts)
        get = self._codes.get
        found = [MISSING if text is None else get(text, UNSEEN) for text in every]
        if self._buckets:
            unknown = [i for i, code in enumerate(found) if code == UNSEEN]
            for i, code in zip(unknown, self._hashed([every[i] or "" for i in unknown]), strict=True):
                found[i] = code
        return np.asarray(found, dtype=np.int32)

    def _hashed(self, texts: Sequence[str]) -> list[int]:
        """Return the hashed codes of texts outside the vocabulary."""
        slots = fingerprint_texts(texts) % np.uint64(self._buckets)
        return [self._first_bucket + int(slot) for slot in slots]
