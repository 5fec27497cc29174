"""Which line of a text file a record stands on: quoted line ends and blank lines counted as they are."""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

__all__ = ["line_numbers"]

_CHUNK: Final = 4 << 20


def line_numbers(
    stream: Any, encoding: str, separator: str, quote: str, header_lines: int, records: Sequence[int]
) -> list[int]:
    """Return the line on which each record starts.

    Parameters
    ----------
    stream : file-like
        The decompressed bytes from the start; read to the last record asked for.
    encoding, separator, quote : str
        How the file is written.
    header_lines : int
        Lines before the first record.
    records : sequence of int
        Records counted from 0 after the header, rising; blank lines are no records.

    Returns
    -------
    list of int
        Lines counted from 1.

    Notes
    -----
    Files without quotes are counted at memory speed, from the first quote on at about 1 million lines/s.

    Examples
    --------
    >>> import io
    >>> line_numbers(io.BytesIO(b'a,b' + bytes([10]) * 3 + b'1,2'), "utf-8", ",", '"', 1, [0])
    [4]
    """
    wanted = iter(records)
    want = next(wanted, None)
    found: list[int] = []
    line, record = 0, 0
    texts = _texts(stream, encoding)
    for text in texts:
        if quote and quote in text:
            return found + _lines_by_reader(
                _rest(text, texts), separator, quote, header_lines, line, record, want, wanted
            )
        lengths = np.array([len(one) for one in text.split("\n")[:-1]])
        full = np.flatnonzero(lengths > 0)
        full = full[full + line >= header_lines]
        while want is not None and want - record < len(full):
            found.append(line + int(full[want - record]) + 1)
            want = next(wanted, None)
        if want is None:
            return found
        line += len(lengths)
        record += len(full)
    return found


def _texts(stream: Any, encoding: str) -> Iterator[str]:
    """Yield whole lines of text, every line end written as one newline."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    while chunk := stream.read(_CHUNK):
        text = rest + decoder.decode(chunk)
        # A carriage return at the very end may be half of a line end: keep it for the next piece.
        held = text.endswith("\r")
        text = (text[:-1] if held else text).replace("\r\n", "\n").replace("\r", "\n")
        end = text.rfind("\n") + 1
        rest = text[end:] + ("\r" if held else "")
        if end:
            yield text[:end]
    if rest:
        yield rest.rstrip("\r") + "\n"


def _rest(text: str, texts: Iterator[str]) -> Iterator[str]:
    """Yield single lines from here on."""
    for piece in itertools.chain([text], texts):
        yield from (line + "\n" for line in piece[:-1].split("\n"))


def _lines_by_reader(
    lines: Iterator[str],
    separator: str,
    quote: str,
    header_lines: int,
    line: int,
    record: int,
    want: int | None,
    wanted: Iterator[int],
) -> list[int]:
    """As `line_numbers` from a record's start on, where quotes may hold line ends."""
    reader = csv.reader(lines, delimiter=separator, quotechar=quote)
    found: list[int] = []
    start = line
    for row in reader:
        end = line + reader.line_num
        if row and start >= header_lines:
            if record == want:
                found.append(start + 1)
                want = next(wanted, None)
            if want is None:
                break
            record += 1
        start = end
    return found
