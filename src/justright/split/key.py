"""The key of a row: the canonical texts of its key columns joined by a bar, and its fingerprint.

    key = text_1 | text_2 | ...  (missing = empty text)      salted key = key | salt

Invariant: only the canonical texts enter, so that a CSV, a Parquet file and a data frame with the same
rows give the same keys, and SQL can say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError
from justright.schema import IntArray
from justright.split.fingerprint import farm_fingerprint

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CodedTexts", "key_fingerprints"]

CodedTexts: TypeAlias = tuple[npt.NDArray[np.int32], Sequence[str | None]]
"""A column of texts: `codes` int32 (rows,) into `texts`; None = missing."""


def key_fingerprints(columns: Sequence[CodedTexts | pa.Array[Any]], salt: str = "") -> IntArray:
    """Return the fingerprint of the key of each row.

    Parameters
    ----------
    columns : sequence of (codes, texts) or Arrow arrays of text, each (rows,)
        Canonical texts of the key columns in the order of the key (see `justright.values.to_codes`).
    salt : str, default ""
        Another salt gives another, independent split; empty = the key alone.

    Returns
    -------
    int64 (rows,)

    Raises
    ------
    ColumnError
        No column, or columns of different lengths.

    Notes
    -----
    A single coded column costs one look-up a row; otherwise each key is written out and hashed, about
    50 ns and a column.

    Examples
    --------
    >>> import numpy as np
    >>> customer = np.array([0, 1, 0], np.int32), ["customer_42", None]
    >>> day = np.array([0, 0, 1], np.int32), ["2026-11-21", "2026-11-22"]
    >>> int(key_fingerprints([customer, day])[0])
    6635676151011468492
    """
    if not columns:
        raise ColumnError("no key column", allowed="at least one")
    first = columns[0]
    end = f"|{salt}" if salt else ""
    if len(columns) == 1 and isinstance(first, tuple):
        codes, texts = first
        return farm_fingerprint([(text or "") + end for text in texts])[codes]
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = [_texts(column) for column in columns]
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        raise ColumnError(f"key columns of {sorted(lengths)} rows", allowed="columns of one length")
    pieces = [pa.scalar(piece, pa.large_string()) for piece in ([salt, "|"] if salt else ["|"])]
    joined = pc.binary_join_element_wise(*arrays, *pieces, null_handling="replace", null_replacement="")
    return farm_fingerprint(joined)


def _texts(column: CodedTexts | pa.Array[Any]) -> Any:
    """Write a column out as one Arrow text per row."""
    import pyarrow as pa

    if not isinstance(column, tuple):
        return column.cast(pa.large_string())
    codes, texts = column
    rows: Any = pa.array(codes)
    return pa.array(texts, pa.large_string()).take(rows)
