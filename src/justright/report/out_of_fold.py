"""Held-out predictions of the training rows, as the charts need them: at most half a million rows.

Of a larger table every k-th row is taken, by its place in the file: pictures and base rates do not
change visibly, and memory stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import StorageError
from justright.schema import FloatArray, Target

__all__ = ["OutOfFold", "read_out_of_fold"]

_MOST: Final = 500_000


@dataclass(frozen=True)
class OutOfFold:
    """Held-out predictions.

    Parameters
    ----------
    target : float64 (rows,) or int64 (rows,)
        Values, or class numbers.
    prediction : float64 (rows,) or (rows, classes)
        Values, probability of class 1, or of each class.
    weight : float64 (rows,)
        Weight of each row, above zero.
    every : int
        Every so many-th row of the file was taken.
    """

    target: npt.NDArray[Any]
    prediction: FloatArray
    weight: FloatArray
    every: int


def read_out_of_fold(path: Path, target: Target, most: int = _MOST) -> OutOfFold:
    """Read out_of_fold.parquet.

    Parameters
    ----------
    path : Path
        Columns `target`, `prediction` or `probability_<class>`, and `weight` (optional).
    target : Target
        Task and classes; class columns may hold the text of the class or its number.
    most : int
        Rows to keep at most.

    Raises
    ------
    StorageError
        The file is damaged or lacks a column; `where` says which, as a clause.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = _names(file.schema_arrow.names, target)
            step = max(1, -(-file.metadata.num_rows // most))
            pieces = [_thin(batch, step) for batch in _numbered(file, names)]
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise StorageError("held-out predictions", where=f"{error}") from error
    table = pa.concat_tables(pieces) if pieces else None
    if table is None or table.num_rows == 0:
        raise StorageError("held-out predictions", where="it holds no row")
    return _checked(table, target, names, step)


def _numbered(file: Any, names: list[str]) -> Any:
    """Yield batches with the number of their first row."""
    begin = 0
    for batch in file.iter_batches(batch_size=1 << 17, columns=names):
        yield begin, batch
        begin += batch.num_rows


def _thin(numbered: Any, step: int) -> Any:
    """Keep the rows of a batch whose number in the file is a multiple of `step`."""
    import pyarrow as pa

    begin, batch = numbered
    table = pa.Table.from_batches([batch])
    return table if step == 1 else table.take(np.arange(-begin % step, batch.num_rows, step))


def _names(present: list[str], target: Target) -> list[str]:
    """Return the columns to read, in the order target, predictions, weight."""
    if target.task == "regression":
        wanted = [["prediction"]]
    elif target.task == "binary":
        wanted = [[f"probability_{target.classes[1]}", "probability", "prediction"]]
    else:
        wanted = [[f"probability_{name}"] for name in target.classes]
    chosen = [next((name for name in names if name in present), "") for names in wanted]
    if "target" not in present or not all(chosen):
        raise ValueError(f"it lacks the columns target and {wanted[0][0]}")
    return ["target", *chosen, *(["weight"] if "weight" in present else [])]


def _checked(table: Any, target: Target, names: list[str], step: int) -> OutOfFold:
    """Turn columns into arrays; rows without weight, target or prediction are left out."""
    outputs = len(target.classes) if target.task == "multiclass" else 1
    try:
        columns = [table.column(name).to_numpy().astype(np.float64) for name in names[1 : 1 + outputs]]
        truth = _truth(table.column("target"), target)
        weight = table.column("weight").to_numpy().astype(np.float64) if "weight" in names else None
    except (ValueError, TypeError) as error:
        raise StorageError("held-out predictions", where=f"{error}") from error
    prediction = np.stack(columns, axis=1)
    weights = np.ones(len(truth)) if weight is None else weight
    good = np.isfinite(prediction).all(axis=1) & np.isfinite(truth) & (weights > 0) & np.isfinite(weights)
    if target.task != "regression":
        good &= (truth >= 0) & (truth < len(target.classes))
        good &= (prediction >= 0).all(axis=1) & (prediction <= 1).all(axis=1)
    if not good.any():
        raise StorageError("held-out predictions", where="no row has a target, a prediction and a weight")
    chosen = truth[good] if target.task == "regression" else truth[good].astype(np.int64)
    kept = prediction[good] if outputs > 1 else prediction[good, 0]
    return OutOfFold(chosen, kept, weights[good], step)


def _truth(column: Any, target: Target) -> FloatArray:
    """Return values, or class numbers read from texts; -1 for a text that is no class."""
    import pyarrow as pa

    if target.task == "regression" or not _is_text(column.type):
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    codes: Any = column.combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    place = {name: number for number, name in enumerate(target.classes)}
    numbers = np.array(
        [place.get(text, -1) for text in codes.dictionary.to_pylist()] + [-1], dtype=np.float64
    )
    return np.asarray(numbers[codes.indices.fill_null(len(numbers) - 1).to_numpy()], dtype=np.float64)


def _is_text(kind: Any) -> bool:
    """Whether an Arrow type holds texts."""
    import pyarrow as pa

    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain)
    )
