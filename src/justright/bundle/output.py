"""Files that take batches of predictions: CSV, Parquet, JSON lines. One small class for the last.

pyarrow is imported inside: a process that serves rows never needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["OUTPUTS", "JsonLines", "Output"]


class Output(Protocol):
    """A file that takes batches."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        ...

    def close(self) -> None:
        """Write what is left and close the file."""
        ...


class JsonLines:
    """One JSON object a line; missing values are null.

    Parameters
    ----------
    path : Path
        The file to make.
    schema : pyarrow.Schema
        Names of the columns.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = path.open("wb")
        self._encoder = msgspec.json.Encoder()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch."""
        self._file.write(self._encoder.encode_lines(batch.to_pylist()))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _csv(path: Path, schema: pa.Schema) -> Output:
    """CSV in UTF-8 with a header; missing values are empty."""
    from pyarrow import csv

    writer: Output = csv.CSVWriter(str(path), schema)
    return writer


def _parquet(path: Path, schema: pa.Schema) -> Output:
    """Parquet with the library's default compression; texts and whole numbers as codes, for they repeat."""
    import pyarrow as pa
    from pyarrow import parquet

    # A dictionary of probabilities, each its own, costs four times the time of writing them.
    coded: Any = [field.name for field in schema if not pa.types.is_floating(field.type)]
    writer: Output = parquet.ParquetWriter(str(path), schema, use_dictionary=coded or False)
    return writer


OUTPUTS: Final[Mapping[str, Callable[[Path, pa.Schema], Output]]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".jsonl": JsonLines,
}
"""Maker of the output by the extension of the file."""
