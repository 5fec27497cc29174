"""Columns whose values name things, read again: identifiers that were set aside, categories pooled as rare.

Neither stands in the encoded rows, and as groups of rows both still count.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.features.categorical import CategoricalFeature
from justright.schema import IntArray, Schema
from justright.source import Source
from justright.split import key_fingerprints
from justright.values import to_codes

__all__ = ["set_aside"]

_COLUMNS: Final = 6
_POOLED: Final = 0.2  # share of the rows whose category is too rare for a code of its own
_ROWS: Final = 5_000_000  # beyond, reading the table once more for this is not worth it


def set_aside(source: Source, schema: Schema, data: DataModule) -> dict[str, IntArray]:
    """Return the value of every training row in each column that names things, as numbers.

    Parameters
    ----------
    source : Source
        The table; these columns are read once more, no other.
    schema : Schema
        Which columns were set aside as identifiers.
    data : DataModule
        Which rows train, and which categories have a code.

    Returns
    -------
    dict of str to int64 (rows,)
        Equal numbers for equal texts; -1 = missing. At most six columns; empty for a table of more than
        five million rows.
    """
    pooled = {c.column.name for c in data.plan.data.categorical if not c.part and _share_pooled(c) > _POOLED}
    columns = [c for c in schema.columns if c.kind == "identifier" or c.name in pooled][:_COLUMNS]
    if not columns or len(data.facts.part) > _ROWS:
        return {}
    pieces: dict[str, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]]] = {
        c.name: [] for c in columns
    }
    for batch in source.batches([column.name for column in columns]):
        for column in columns:
            codes, texts = to_codes(batch.column(column.name), column)
            missing = np.asarray([text is None for text in texts] or [True])
            pieces[column.name].append((key_fingerprints([(codes, texts)]), missing[codes]))
    train = data.facts.part == 0
    found = {}
    for name, parts in pieces.items():
        words = np.concatenate([word for word, _ in parts])[train]
        missing = np.concatenate([gone for _, gone in parts])[train]
        numbers = np.unique(words, return_inverse=True)[1].ravel().astype(np.int64)
        found[name] = np.where(missing, -1, numbers)
    return found


def _share_pooled(category: CategoricalFeature) -> float:
    """Return the share of the rows whose category has no code of its own."""
    own = 2 + len(category.vocabulary)
    counts = category.counts
    return (counts[0] + sum(counts[own:])) / max(sum(counts), 1e-300)
