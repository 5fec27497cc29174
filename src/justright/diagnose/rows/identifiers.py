"""The columns that were set aside as identifiers, read again: as groups of rows they still count."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.schema import IntArray, Schema
from justright.source import Source
from justright.split import key_fingerprints
from justright.values import to_codes

__all__ = ["set_aside"]

_COLUMNS: Final = 4
_ROWS: Final = 5_000_000  # beyond, reading the table once more for this is not worth it


def set_aside(source: Source, schema: Schema, data: DataModule) -> dict[str, IntArray]:
    """Return the value of every training row in each identifier, as numbers.

    Parameters
    ----------
    source : Source
        The table; its identifiers are read once, no other column.
    schema : Schema
        Which columns were set aside.
    data : DataModule
        Which rows train.

    Returns
    -------
    dict of str to int64 (rows,)
        Equal numbers for equal texts; -1 = missing. At most four columns; empty for a table of more than
        five million rows.
    """
    columns = [column for column in schema.columns if column.kind == "identifier"][:_COLUMNS]
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
