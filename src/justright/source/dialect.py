"""How a separated text file is written: found from its bytes, and shown.

Looked at are the first MiB and 64 probes spread over the file. In order: compression by the first
bytes; encoding by mark, by zero bytes, by trying UTF-8, else cp1252; the separator that cuts most
lines into as many fields as the first line has; the quoting mark; the decimal mark of the cells.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from justright.errors import StorageError, TableError
from justright.source.base import check_names

__all__ = ["Dialect", "compression_of", "open_bytes", "sniff"]

_HEAD: Final = 1 << 20
_PROBES: Final = 64
_PROBE: Final = 1 << 16
_LINES: Final = 400
_SEPARATORS: Final = "\t;|,"
_MARKS: Final = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\x28\xb5\x2f\xfd", "zstd"))
_BINARY: Final = (
    (b"PK\x03\x04", "a zip or Excel file", "save the table as CSV, or unzip the file"),
    (b"PAR1", "a Parquet file", "give it the ending .parquet"),
    (b"ARROW1", "an Arrow file", "give it the ending .arrow"),
    (b"SQLite format 3", "an SQLite file", "give it the ending .sqlite and pass sql"),
    (b"\xd0\xcf\x11\xe0", "an Excel file", "save the table as CSV"),
    (b"%PDF", "a PDF file", "export the table as CSV"),
)
_POINT = re.compile(r"[+-]?\d*\.\d+\Z")
_COMMA = re.compile(r"[+-]?\d+,\d+\Z")
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\Z")


class Dialect(msgspec.Struct, frozen=True):
    """How a separated text file is written.

    Parameters
    ----------
    separator : str
        One character.
    quote : str
        The mark around fields that hold a separator; empty = none.
    encoding : str
        Python's name of it.
    compression : str
        gzip, bz2, zstd, or empty.
    decimal : str
        Decimal mark of most numbers of the head.
    names : tuple of str
        The header, surrounding blanks removed.
    header_lines : int
        Lines of the file up to the end of the header.
    line_bytes : float
        Mean length of a line of the head, in bytes.
    """

    separator: str
    quote: str
    encoding: str
    compression: str
    decimal: str
    names: tuple[str, ...]
    header_lines: int
    line_bytes: float


def compression_of(path: Path) -> str:
    """Return how a file is compressed, by its first bytes: gzip, bz2, zstd, or empty.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    StorageError
        It cannot be read.
    """
    return _magic(path)[0]


def open_bytes(path: Path, compression: str) -> Any:
    """Open the decompressed bytes of a file as an Arrow stream.

    Parameters
    ----------
    path : Path
        The file.
    compression : str
        gzip, bz2, zstd, or empty.

    Returns
    -------
    pyarrow.NativeFile
        To be closed by the caller.

    Raises
    ------
    StorageError
        The file cannot be opened.
    """
    try:
        raw: Any = pa.OSFile(str(path), "rb")
        codec: Any = compression
        return pa.CompressedInputStream(raw, codec) if codec else raw
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{str(path)!r}: {reason}", next_step="check the path and the rights") from error


def sniff(path: Path) -> Dialect:
    """Find how a separated text file is written.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Dialect

    Raises
    ------
    TableError
        The file is empty, has only a header, has none, or is no text.
    StorageError
        The file cannot be read.
    """
    compression, head, whole = _head(path)
    if not head.strip():
        raise TableError("an empty file", where=str(path), allowed="a header line and rows")
    encoding = _encoding(path, head, compression)
    text = _decoded(head, encoding, whole)
    # Not str.splitlines, which also cuts at form feeds and other marks that are no line ends here.
    lines = io.StringIO(text, newline="").readlines()[:_LINES]
    quote = _quote(lines)
    separator = _separator(lines, quote, path)
    rows, header_lines = _records(text, separator, quote)
    if not rows:
        raise TableError("an empty file", where=str(path), allowed="a header line and rows")
    _check_header(rows, path)
    names = check_names([name.strip() for name in rows[0]], str(path))
    return Dialect(
        separator=separator,
        quote=quote,
        encoding=encoding,
        compression=compression,
        decimal=_decimal(rows[1:], separator),
        names=names,
        header_lines=header_lines,
        line_bytes=len(head) / max(1, text.count("\n") or text.count("\r")),
    )


def _head(path: Path) -> tuple[str, bytes, bool]:
    """Return the compression, the first decompressed bytes, and whether that is the whole file."""
    compression, first = _magic(path)
    for magic, what, move in _BINARY:
        if first.startswith(magic):
            raise TableError(what, where=str(path), allowed="separated text", next_step=move)
    try:
        with open_bytes(path, compression) as stream:
            head = stream.read(_HEAD + 1)
    except OSError as error:
        raise TableError(f"a damaged {compression} file: {error}", where=str(path)) from error
    return compression, head[:_HEAD], len(head) <= _HEAD


def _magic(path: Path) -> tuple[str, bytes]:
    """Return the compression and the first bytes as they stand in the file."""
    try:
        with path.open("rb") as file:
            first = file.read(32)
    except OSError as error:
        raise StorageError(
            f"{str(path)!r}: {error.strerror}", next_step="check the rights of the file"
        ) from error
    return next((name for magic, name in _MARKS if first.startswith(magic)), ""), first


def _encoding(path: Path, head: bytes, compression: str) -> str:
    """Return the encoding of the file's text."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return name
    zeros_even, zeros_odd = head[0::2].count(0), head[1::2].count(0)
    if zeros_odd > len(head) / 4 and zeros_even < zeros_odd / 4:
        return "utf-16-le"
    if zeros_even > len(head) / 4 and zeros_odd < zeros_even / 4:
        return "utf-16-be"
    if head.count(0) > 0:
        raise TableError("a binary file (it holds zero bytes)", where=str(path), allowed="separated text")
    samples = [head, *([] if compression else _probes(path))]
    if all(_is_utf8(sample) for sample in samples):
        return "utf-8"
    # The five bytes that cp1252 leaves undefined say that it is not cp1252.
    undefined = any(
        byte in sample for sample in samples for byte in (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")
    )
    return "latin-1" if undefined else "cp1252"


def _probes(path: Path) -> list[bytes]:
    """Return pieces spread over a file: one accent at its end is enough to tell the encoding."""
    size = path.stat().st_size
    if size <= _HEAD:
        return []
    with path.open("rb") as file:
        found = []
        for i in range(1, _PROBES + 1):
            file.seek(max(0, size * i // _PROBES - _PROBE))
            found.append(file.read(_PROBE))
        return found


def _is_utf8(sample: bytes) -> bool:
    """Say whether a piece of a file is UTF-8, but for a character cut at either end."""
    start = next((i for i in range(min(4, len(sample))) if sample[i] & 0xC0 != 0x80), 0)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample[start:], final=False)
    except UnicodeDecodeError:
        return False
    return True


def _decoded(head: bytes, encoding: str, whole: bool) -> str:
    """Decode the head; where the file goes on, the last line, which is cut, is left out."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head, final=whole)
    if whole:
        return text
    end = max(text.rfind("\n"), text.rfind("\r"))
    return text[: end + 1] if end > 0 else text


def _quote(lines: list[str]) -> str:
    """Return the mark that opens most fields; the double quote unless only single ones are used."""
    double = sum(line.count('"') for line in lines)
    if double:
        return '"'
    single = sum(len(re.findall(r"(?:^|[\t;|,])'[^']*'(?=[\t;|,\r\n]|\Z)", line)) for line in lines)
    return "'" if single >= len(lines) else '"'


def _separator(lines: list[str], quote: str, path: Path) -> str:
    """Return the separator that cuts most lines into as many fields as the first."""
    best, best_score = "", (0.0, 0)
    for separator in _SEPARATORS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator, quotechar=quote) if row]
        except csv.Error as error:
            if "field larger" in str(error):
                raise TableError(
                    "a field of more than 128 KiB", where=str(path), allowed="a table of text"
                ) from error
            continue
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
        if score > best_score:
            best, best_score = separator, score
    return best or (" " if _is_spaced(lines, quote) else ",")


def _is_spaced(lines: list[str], quote: str) -> bool:
    """Say whether single spaces cut every line into as many fields, some of them numbers."""
    rows = [row for row in csv.reader(lines, delimiter=" ", quotechar=quote) if row]
    one_width = len({len(row) for row in rows}) == 1 and len(rows[0]) > 1
    return one_width and any(_is_numeric(i, rows[1:]) for i in range(len(rows[0])))


def _records(text: str, separator: str, quote: str) -> tuple[list[list[str]], int]:
    """Return the first records, and the number of lines that the header takes."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quotechar=quote)
    rows: list[list[str]] = []
    header_lines = 0
    for row in reader:
        if row:
            rows.append(row)
            header_lines = header_lines or reader.line_num
        if len(rows) > _LINES:
            break
    return rows, header_lines


def _check_header(rows: list[list[str]], path: Path) -> None:
    """Raise where the first line is a row of values, or the only line."""
    header, below = rows[0], rows[1:]
    looks = sum(_looks_like_value(i, header, below) for i in range(len(header)))
    numeric = sum(_is_numeric(i, below) for i in range(len(header)))
    if below and looks and looks * 2 >= numeric and not _is_count(header):
        shown = ", ".join(header[:6])
        raise TableError(
            f"a first line that looks like a row of values: {shown}",
            where=str(path),
            allowed="a header line with the names of the columns",
            next_step="write the names of the columns into the first line",
        )
    if not below:
        raise TableError("a header without rows", where=str(path), allowed="at least one row")


def _is_count(header: list[str]) -> bool:
    """Say whether the numbers among the names are years, or count the columns from 0 or 1."""
    named = [name.strip() for name in header if _NUMBER.match(name.strip())]
    if not all(name.isdigit() for name in named):
        return False
    numbers = [int(name) for name in named]
    years = all(1800 <= number <= 2200 for number in numbers) and numbers == sorted(set(numbers))
    return years or (
        len(numbers) > 1 and numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))
    )


def _is_numeric(i: int, below: list[list[str]]) -> bool:
    """Say whether most cells of a column are numbers."""
    cells = [row[i].strip() for row in below if len(row) > i and row[i].strip()]
    return bool(cells) and sum(bool(_NUMBER.match(cell)) for cell in cells) * 2 > len(cells)


def _looks_like_value(i: int, header: list[str], below: list[list[str]]) -> bool:
    """Say whether the name of a column of numbers is itself a number."""
    return bool(_NUMBER.match(header[i].strip())) and _is_numeric(i, below)


def _decimal(rows: list[list[str]], separator: str) -> str:
    """Return the decimal mark of most numbers with one."""
    if separator == ",":
        cells = [cell.strip() for row in rows for cell in row if "," in cell or "." in cell]
    else:
        cells = [cell.strip() for row in rows for cell in row]
    points = sum(bool(_POINT.match(cell)) for cell in cells)
    commas = sum(bool(_COMMA.match(cell)) for cell in cells)
    return "," if commas > points else "."
