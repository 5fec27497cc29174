"""One Parquet file for each part, written as a stream and put in place only when all are whole.

Files grow in a hidden folder inside the target and are moved at the end, the audit last: a folder
with an `audit.json` holds a complete split.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import JustrightError, StorageError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AUDIT_FILE", "PartFiles", "write_parts"]

AUDIT_FILE: Final = "audit.json"

# A row group is written when a part holds so much: wide tables stay within memory, narrow ones fast to read.
_GROUP_BYTES: Final = 32 << 20
_GROUP_ROWS: Final = 1 << 20


class PartFiles:
    """The open files of the parts; made by `write_parts`.

    Parameters
    ----------
    folder : Path
        Where the files grow.
    names : sequence of str
        One file `NAME.parquet` each.
    schema : pyarrow.Schema
        Columns of every batch.
    """

    def __init__(self, folder: Path, names: Sequence[str], schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._writers: list[Any] = [
            pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd") for name in names
        ]
        self._waiting: list[list[Any]] = [[] for _ in names]

    def add(self, batch: pa.RecordBatch, part: npt.NDArray[np.int8]) -> None:
        """Put each row of a batch into its part; rows of part -1 are left out."""
        import pyarrow as pa

        for i, waiting in enumerate(self._waiting):
            rows: Any = pa.array(np.flatnonzero(part == i))
            if len(rows):
                waiting.append(batch if len(rows) == batch.num_rows else batch.take(rows))
            full = sum(piece.nbytes for piece in waiting) >= _GROUP_BYTES
            if full or sum(piece.num_rows for piece in waiting) >= _GROUP_ROWS:
                self._flush(i)

    def close(self) -> None:
        """Write what waits and the end of each file."""
        for i, writer in enumerate(self._writers):
            self._flush(i)
            writer.close()

    def abandon(self) -> None:
        """Close the files without their rest."""
        for writer in self._writers:
            writer.close()

    def _flush(self, i: int) -> None:
        """Write the waiting rows of a part as one row group."""
        import pyarrow as pa

        if self._waiting[i]:
            self._writers[i].write_table(pa.Table.from_batches(self._waiting[i]))
            self._waiting[i] = []


@contextmanager
def write_parts(out: Path, names: Sequence[str]) -> Iterator[Path]:
    """Give a hidden folder to write the parts and the audit into; move them to `out` at the end.

    Parameters
    ----------
    out : Path
        The folder of the split; made where it is not there. Files of an earlier split are replaced.
    names : sequence of str
        Names of the parts.

    Yields
    ------
    Path
        The hidden folder; it is gone afterwards, also when the body fails.

    Raises
    ------
    StorageError
        The folder cannot be made or written: rights, full disk, a file in the way.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as base:
    ...     with write_parts(Path(base) / "split", ["train"]) as folder:
    ...         for name in ("train.parquet", "audit.json"):
    ...             _ = (folder / name).write_text("...")
    ...     sorted(path.name for path in (Path(base) / "split").iterdir())
    ['audit.json', 'train.parquet']
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".split-", dir=out))
        try:
            yield folder
            _move(folder, out, [f"{name}.parquet" for name in names])
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except JustrightError:
        raise
    except OSError as error:
        raise StorageError(
            f"out={str(out)!r}: {error.strerror or error}",
            allowed="a folder that can be written, with room for the parts",
            next_step="--out DIR on another disk",
        ) from error


def _move(folder: Path, out: Path, files: Sequence[str]) -> None:
    """Flush the files to the disk and move them; the audit goes first and comes last."""
    for name in (*files, AUDIT_FILE):
        with (folder / name).open("rb+") as file:
            os.fsync(file.fileno())
    (out / AUDIT_FILE).unlink(missing_ok=True)
    for name in (*files, AUDIT_FILE):
        (folder / name).replace(out / name)
