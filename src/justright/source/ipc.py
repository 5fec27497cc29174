"""Arrow and Feather files, memory-mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from justright.errors import StorageError, TableError
from justright.source.base import BadLine, Place, check_names, check_request, slices

__all__ = ["ArrowSource"]


class ArrowSource:
    """An Arrow IPC file or stream (Feather version 2 is one).

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    TableError
        It is no Arrow file, or has no rows.
    """

    problems: tuple[BadLine, ...] = ()
    n_problems: int = 0

    def __init__(self, path: Path) -> None:
        self._path = path
        reader = self._open()
        self.names = check_names(reader.schema.names, str(path))
        self.rows: int | None = None
        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            self.rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
            if not self.rows:
                raise TableError("a table without rows", where=str(path), allowed="at least one row")

    @property
    def description(self) -> dict[str, Any]:
        """The path."""
        return {"format": "Arrow", "typed": True, "paths": [str(self._path)]}

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start; see `Source.batches`."""
        wanted = check_request(columns, self.names, str(self._path))
        reader = self._open()
        try:
            if isinstance(reader, pa.ipc.RecordBatchFileReader):
                for i in range(reader.num_record_batches):
                    yield from slices(reader.get_batch(i).select(wanted))
            else:
                for batch in reader:
                    yield from slices(batch.select(wanted))
        except (pa.ArrowException, OSError) as error:
            raise TableError(f"a damaged Arrow file: {error}", where=str(self._path)) from error

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name each row by its number."""
        return tuple(Place(str(self._path), row + 1, "row") for row in rows)

    def _open(self) -> Any:
        """Open the file as an IPC file, else as an IPC stream."""
        try:
            source = pa.memory_map(str(self._path))
        except OSError as error:
            raise StorageError(
                f"{str(self._path)!r}: {error}", next_step="check the rights of the file"
            ) from error
        try:
            return pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)  # no file footer: it may be a stream
        try:
            return pa.ipc.open_stream(source)
        except (pa.ArrowException, OSError) as error:
            raise TableError(f"no Arrow file: {error}", where=str(self._path)) from error
