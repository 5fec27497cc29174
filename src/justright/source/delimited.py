"""Separated text (CSV, TSV and kin) as a stream: every column as text, nothing guessed by the reader.

All values are delivered as text because the meaning of a text is the schema's matter: a reader that
guesses integers destroys the zeros of `007`, and dies when the millionth row holds a word. Measured on
20 columns, text and the cast in `justright.values` take as long as the reader's own conversion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from justright.errors import TableError
from justright.schema import BLOCK_ROWS
from justright.source.base import BadLine, Place, check_request, slices
from justright.source.dialect import Dialect, open_bytes, sniff
from justright.source.lines import line_numbers

__all__ = ["DelimitedSource"]

_KEPT: Final = 1_000
_BLOCK_LOW: Final = 1 << 20
_BLOCK_HIGH: Final = 16 << 20


class DelimitedSource:
    """A file of separated text.

    Parameters
    ----------
    path : Path
        The file; gzip, bz2 and zstd are seen by their first bytes.

    Raises
    ------
    TableError
        It is empty, has only a header, has none, or is no text.
    StorageError
        It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dialect: Dialect = sniff(path)
        self._skipped = _Skipped()
        self._latest = self._skipped
        self.names = self._dialect.names

    @property
    def rows(self) -> None:
        """Unknown before reading."""
        return

    @property
    def description(self) -> dict[str, Any]:
        """The path and all that was found by itself."""
        d = self._dialect
        return {
            "format": "CSV",
            "typed": False,
            "paths": [str(self._path)],
            "separator": d.separator,
            "encoding": d.encoding,
            "quoting": d.quote,
            "decimal": d.decimal,
            "compression": d.compression or "none",
        }

    @property
    def problems(self) -> tuple[BadLine, ...]:
        """Lines skipped in the last full pass, at most 1,000; finding their numbers reads the file."""
        kept = self._skipped.first(_KEPT)
        lines = self._lines([record for record, _, _ in kept])
        return tuple(
            BadLine(str(self._path), line, reason, text)
            for line, (_, reason, text) in zip(lines, kept, strict=True)
        )

    @property
    def n_problems(self) -> int:
        """How many lines were skipped in the last full pass."""
        return len(self._skipped.records)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start; see `Source.batches`. Every column is text, empty = null.

        Raises
        ------
        TableError
            The file is damaged or holds a line of more than 16 MiB, which an unclosed quote makes.
        """
        wanted = check_request(columns, self.names, str(self._path))
        skipped = self._latest = _Skipped()
        n_rows = 0
        last: pa.RecordBatch | None = None
        for batch in self._decoded(wanted, skipped):
            n_rows += batch.num_rows
            last = batch if batch.num_rows else last
            yield from slices(batch)
        if last is not None and wanted and wanted[-1] == self.names[-1]:
            self._check_end(last.column(len(wanted) - 1)[-1].as_py())
        if not n_rows:
            separator = self._dialect.separator
            raise TableError(
                f"no row with the {len(self.names)} fields of the header, {len(skipped.records)} with others",
                where=str(self._path),
                next_step=f"check the separator, taken to be {separator!r}; the names must come first",
            )
        skipped.sort()
        self._skipped = skipped

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name the line of each row that the latest pass has reached; reads the file up to it."""
        skipped = np.sort(np.asarray(self._latest.records, np.int64))
        # Row r is record r plus the skipped records before it.
        before = np.searchsorted(skipped - np.arange(len(skipped)), rows, side="right")
        lines = self._lines((np.asarray(rows, np.int64) + before).tolist())
        return tuple(Place(str(self._path), line, "line") for line in lines)

    def _check_end(self, value: str | None) -> None:
        """Raise where the last value swallowed lines because its quote is never closed."""
        d = self._dialect
        if not d.quote or d.compression or value is None or "\n" not in value:
            return
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - 4096))
            tail = file.read().replace(b"\0", b"").rstrip()
        if not tail.endswith(d.quote.encode()):
            lost = value.count("\n")
            raise TableError(
                f"a quoting mark {d.quote} that is never closed and swallows the last {lost} lines",
                where=str(self._path),
                allowed="a closing mark for each opening one",
                next_step=f"look at the field that starts with {value[:40]!r}",
            )

    def _lines(self, records: list[int]) -> list[int]:
        """Return the line on which each record starts, in the order asked for."""
        d = self._dialect
        rising = sorted(set(records))
        if not rising:
            return []
        with open_bytes(self._path, d.compression) as stream:
            lines = line_numbers(stream, d.encoding, d.separator, d.quote, d.header_lines, rising)
        line_of = dict(zip(rising, lines, strict=False))
        return [line_of.get(record, 0) for record in records]

    def _decoded(self, wanted: list[str], skipped: _Skipped) -> Iterator[pa.RecordBatch]:
        """Yield batches of text; from the first text that is no UTF-8 on, such rows are skipped."""
        n_rows = 0
        try:
            for batch in self._read(wanted, pa.string(), skipped):
                yield batch
                n_rows += batch.num_rows
            return
        except pa.ArrowInvalid as error:
            if "UTF8" not in str(error):
                raise self._translated(error) from error
        skipped.clear()
        start = 0
        try:
            for batch in self._read(wanted, pa.binary(), skipped):
                new = batch.slice(max(0, n_rows - start))
                if new.num_rows:
                    yield _as_text(new, start + batch.num_rows - new.num_rows, skipped)
                start += batch.num_rows
        except pa.ArrowInvalid as error:
            raise self._translated(error) from error

    def _read(self, wanted: list[str], type_: pa.DataType, skipped: _Skipped) -> Iterator[pa.RecordBatch]:
        """Yield the reader's batches with every column of one type."""
        d = self._dialect
        block = int(min(max(d.line_bytes * BLOCK_ROWS, _BLOCK_LOW), _BLOCK_HIGH))
        handler: Any = partial(skipped.add_ragged, d.header_lines)
        with open_bytes(self._path, d.compression) as stream:
            # One thread is as fast as two here (measured), and only then are the lines numbered.
            reader = pacsv.open_csv(
                stream,
                read_options=pacsv.ReadOptions(
                    block_size=block,
                    use_threads=False,
                    column_names=list(self.names),
                    skip_rows=d.header_lines,
                    encoding="utf-8" if d.encoding == "utf-8-sig" else d.encoding,
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=d.separator,
                    quote_char=d.quote or False,
                    newlines_in_values=True,
                    invalid_row_handler=handler,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(wanted, type_),
                    include_columns=wanted,
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            yield from _ahead(reader)

    def _translated(self, error: pa.ArrowInvalid) -> TableError:
        """Say in our words what the reader stumbled over."""
        if "straddling" in str(error):
            return TableError(
                "a line of more than 16 MiB",
                where=str(self._path),
                allowed="shorter lines",
                next_step=f"look for a quoting mark {self._dialect.quote} that is opened and never closed",
            )
        return TableError(f"a damaged file: {error}", where=str(self._path))


class _Skipped:
    """Records of one pass that are no rows: where they stand and, of the first, why."""

    def __init__(self) -> None:
        self.records: list[int] = []
        self.undecodable: set[int] = set()
        self._reasons: dict[int, tuple[str, str]] = {}

    def clear(self) -> None:
        """Forget all."""
        self.records.clear()
        self.undecodable.clear()
        self._reasons.clear()

    def sort(self) -> None:
        """Put the records in the order of the file."""
        self.records.sort()

    def first(self, limit: int) -> list[tuple[int, str, str]]:
        """Return (record, reason, start of the text) of the first ones."""
        return [(record, *self._reasons.get(record, ("", ""))) for record in self.records[:limit]]

    def add(self, record: int, reason: str, text: str) -> None:
        """Note a record; reasons are kept for the first thousand of each kind."""
        self.records.append(record)
        if len(self._reasons) < 2 * _KEPT:
            self._reasons[record] = (reason, text)

    def add_ragged(self, header_lines: int, row: Any) -> str:
        """Note a row of the wrong width; called by the reader."""
        fields = f"{row.actual_columns} field{'s' if row.actual_columns != 1 else ''}"
        lines = row.text.count("\n") + 1
        if lines > 1:
            fields = f"{fields} over {lines} lines (a quoting mark that is not closed?)"
        self.add(
            row.number - header_lines - 1,
            f"{fields} where the header has {row.expected_columns}",
            row.text[:200],
        )
        return "skip"


def _ahead(reader: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches while the next one is read by a second thread; the reader holds no lock of Python."""
    with ThreadPoolExecutor(1, thread_name_prefix="read ahead") as pool:
        coming = pool.submit(next, reader, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, reader, None)
            yield batch


def _as_text(batch: pa.RecordBatch, start: int, skipped: _Skipped) -> pa.RecordBatch:
    """Return a batch of bytes as text without the rows that are no UTF-8, which are noted.

    `start` is the number of the batch's first row, counted without ragged rows and with undecodable ones.
    """
    schema = pa.schema([(name, pa.string()) for name in batch.schema.names])
    try:
        return batch.cast(schema)
    except pa.ArrowInvalid:
        pass  # at least one text is no UTF-8: found below, value by value
    bad: dict[int, str] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for i, value in enumerate(column.to_pylist()):
            if value is not None and i not in bad and not _is_utf8(value):
                bad[i] = f"{name}={value[:80]!r}"
    ragged = np.sort(np.asarray([r for r in skipped.records if r not in skipped.undecodable], np.int64))
    for i, text in bad.items():
        record = start + i + int(np.searchsorted(ragged - np.arange(len(ragged)), start + i, side="right"))
        skipped.undecodable.add(record)
        skipped.add(record, "text that is not UTF-8", text)
    keep = np.ones(batch.num_rows, bool)
    keep[list(bad)] = False
    return batch.filter(pa.array(keep)).cast(schema)


def _is_utf8(value: bytes) -> bool:
    """Say whether bytes are UTF-8."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
