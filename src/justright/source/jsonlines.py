"""JSON lines (one object a line), and a JSON file that holds one list of objects."""

from __future__ import annotations

import codecs
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from justright.errors import TableError
from justright.schema import BLOCK_ROWS
from justright.source.base import BadLine, Place, check_names, check_request
from justright.source.dialect import compression_of, open_bytes
from justright.source.texts import text_array

__all__ = ["JsonLinesSource"]

_KEPT: Final = 1_000
_HEAD_ROWS: Final = 10_000
_CHUNK: Final = 4 << 20
_BATCH_ROWS: Final = min(BLOCK_ROWS, 16_384)


class JsonLinesSource:
    """A file of JSON lines; every column as text, nested values as their JSON.

    Parameters
    ----------
    path : Path
        The file; gzip, bz2 and zstd are seen by their first bytes.

    Raises
    ------
    TableError
        It is empty, or its first line is no object.

    Notes
    -----
    The columns are the keys of the first 10,000 lines in the order of their first appearance; a key that
    appears later is left out and reported among the problems. A file that is one list of objects is read
    whole. About 0.3 million rows/s of 10 columns.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._compression = compression_of(path)
        names: dict[str, None] = {}
        for _, row in itertools.islice(self._objects(_Problems(str(path))), _HEAD_ROWS):
            names.update(dict.fromkeys(row))
        if not names:
            raise TableError("a file without JSON objects", where=str(path), allowed="one object a line")
        self.names = check_names(list(names), str(path))
        self._problems = _Problems(str(path))
        self._latest = self._problems

    @property
    def rows(self) -> None:
        """Unknown before reading."""
        return

    @property
    def description(self) -> dict[str, Any]:
        """The path and its compression."""
        return {
            "format": "JSON lines",
            "typed": False,
            "paths": [str(self._path)],
            "compression": self._compression or "none",
        }

    @property
    def problems(self) -> tuple[BadLine, ...]:
        """Lines that are no objects, and late keys, of the last full pass; at most 1,000."""
        return tuple(self._problems.kept)

    @property
    def n_problems(self) -> int:
        """How many there were."""
        return self._problems.count

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the rows from the start; see `Source.batches`."""
        wanted = check_request(columns, self.names, str(self._path))
        known = frozenset(self.names)
        problems = self._latest = _Problems(str(self._path))
        objects = self._objects(problems)
        while rows := list(itertools.islice(objects, _BATCH_ROWS)):
            for line, row in rows:
                if not row.keys() <= known:
                    problems.late_keys(line, sorted(row.keys() - known))
            arrays = [text_array([_flat(row.get(name)) for _, row in rows]) for name in wanted]
            yield pa.RecordBatch.from_arrays(arrays, names=wanted)
        self._problems = problems

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """Name the line of each row that the latest pass has reached."""
        skipped = np.asarray(self._latest.skipped, np.int64)
        before = np.searchsorted(skipped - np.arange(1, len(skipped) + 1), rows, side="right")
        return tuple(
            Place(str(self._path), int(r + b + 1), "line") for r, b in zip(rows, before, strict=True)
        )

    def _objects(self, problems: _Problems) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (line counted from 1, object); blank and broken lines are noted."""
        decode = msgspec.json.Decoder().decode
        for number, line in enumerate(self._lines(), 1):
            if not line.strip():
                problems.skipped.append(number)
                continue
            try:
                row = decode(line)
            except (msgspec.DecodeError, RecursionError):
                row = _lenient(line)
            if isinstance(row, dict):
                yield number, row
            elif number == 1 and line.lstrip()[:1] == b"[":
                yield from self._listed()
                return
            else:
                problems.skip(number, "no JSON object", line)

    def _listed(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield (number counted from 1, object) of a file that is one list."""
        with open_bytes(self._path, self._compression) as stream:
            try:
                rows = json.loads(stream.read())
            except (ValueError, RecursionError) as error:
                raise TableError(f"a broken JSON list: {error}", where=str(self._path)) from error
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                raise TableError(
                    f"item {number} of type {type(row).__name__}",
                    where=str(self._path),
                    allowed="a list of objects, or one object a line",
                )
            yield number, row

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines of the file as UTF-8 bytes."""
        with open_bytes(self._path, self._compression) as stream:
            rest = b""
            first = True
            while chunk := stream.read(_CHUNK):
                if first:
                    chunk, first = chunk.removeprefix(codecs.BOM_UTF8), False
                    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                        raise TableError("JSON in UTF-16", where=str(self._path), allowed="UTF-8")
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
            if rest:
                yield rest


class _Problems:
    """What was found wrong in one pass."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.kept: list[BadLine] = []
        self.count = 0
        self.skipped: list[int] = []

    def skip(self, line: int, reason: str, text: bytes) -> None:
        """Note a line that is no row."""
        self.skipped.append(line)
        self._note(line, reason, text[:200].decode("utf-8", "replace"))

    def late_keys(self, line: int, keys: list[str]) -> None:
        """Note keys that the head of the file did not have."""
        self._note(
            line, f"keys that the first {_HEAD_ROWS} rows do not have, left out: {', '.join(keys)}", ""
        )

    def _note(self, line: int, reason: str, text: str) -> None:
        """Count a problem and keep it while they are few."""
        self.count += 1
        if len(self.kept) < _KEPT:
            self.kept.append(BadLine(self._file, line, reason, text))


def _lenient(line: bytes) -> Any:
    """Decode a line that is not strict JSON: NaN and Infinity are read; None for what is no JSON at all."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _flat(value: Any) -> Any:
    """Return a nested value as its JSON text, others as they are."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
