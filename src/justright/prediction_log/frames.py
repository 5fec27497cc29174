"""Records in a file that may be cut at any byte: each with its length and a checksum.

    header   8 bytes "JRLOG001", then 4 bytes of chance: the start of every checksum of this file
    frame    4 bytes "\\xf1rec", 4 bytes length, 4 bytes crc32, then the bytes of the record

A file of a killed process ends within a frame: what is whole before is good. Damage in the middle is
stepped over: the next mark with a fitting checksum goes on. The chance in the header keeps a text that
somebody sends from passing for a frame.
"""

from __future__ import annotations

import secrets
import struct
import zlib
from typing import Final, NamedTuple

__all__ = ["HEADER_BYTES", "Frames", "frame", "new_header", "read_frames", "seed_of"]

_MAGIC: Final = b"JRLOG001"
_MARK: Final = b"\xf1rec"
_HEAD: Final = struct.Struct("<4sII")
HEADER_BYTES: Final = len(_MAGIC) + 4


class Frames(NamedTuple):
    """What a file of frames holds.

    Parameters
    ----------
    records : list of bytes
        The whole ones, in order.
    damaged : int
        Places between whole frames where something else stood.
    torn : int
        Bytes after the last whole frame.
    """

    records: list[bytes]
    damaged: int
    torn: int


def new_header() -> bytes:
    """Return the first bytes of a new file."""
    return _MAGIC + secrets.token_bytes(4)


def seed_of(header: bytes) -> int | None:
    """Return where the checksums of a file start, None when these are not its first bytes."""
    if len(header) < HEADER_BYTES or not header.startswith(_MAGIC):
        return None
    return int.from_bytes(header[len(_MAGIC) : HEADER_BYTES], "little")


def frame(record: bytes, seed: int) -> bytes:
    """Return a record as it stands in a file whose checksums start at `seed`."""
    return _HEAD.pack(_MARK, len(record), _checksum(record, seed)) + record


def read_frames(data: bytes) -> Frames:
    """Return the whole records of a file, and what is damaged in it.

    Parameters
    ----------
    data : bytes
        The file from its start.

    Examples
    --------
    >>> header = new_header()
    >>> seed = seed_of(header)
    >>> whole = header + frame(b"one", seed) + frame(b"two", seed)
    >>> read_frames(whole).records, read_frames(whole[:-1])
    ([b'one', b'two'], Frames(records=[b'one'], damaged=0, torn=14))
    """
    seed = seed_of(data[:HEADER_BYTES])
    if seed is None:
        return Frames([], 0, len(data))
    records: list[bytes] = []
    damaged = 0
    good = place = HEADER_BYTES
    while True:
        record = _record_at(data, place, seed)
        if record is not None:
            damaged += place > good
            records.append(record)
            good = place = place + _HEAD.size + len(record)
            continue
        place = data.find(_MARK, place + 1)
        if place < 0:
            return Frames(records, damaged, len(data) - good)


def _record_at(data: bytes, place: int, seed: int) -> bytes | None:
    """Return the record whose frame begins at a place, None where there is no whole one."""
    begin = place + _HEAD.size
    if begin > len(data):
        return None
    mark, length, checksum = _HEAD.unpack_from(data, place)
    record = data[begin : begin + length]
    fits = mark == _MARK and len(record) == length and _checksum(record, seed) == checksum
    return record if fits else None


def _checksum(record: bytes, seed: int) -> int:
    """Return the checksum of a record: its length takes part."""
    return zlib.crc32(record, zlib.crc32(len(record).to_bytes(4, "little"), seed))
