"""Named arrays as safetensors bytes: an 8-byte length, a JSON header, one buffer. No code can hide in it.

Every limit is checked before anything is allocated: the header is at most 4 MiB and 10,000 tensors, the
parts of the buffer lie end to end without hole or overlap, a part is as long as its shape says, and each
number is finite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.bundle import strict_json
from justright.errors import BundleError

__all__ = ["MAX_DIMENSIONS", "MAX_HEADER", "MAX_TENSORS", "AnyArray", "pack", "unpack"]

AnyArray: TypeAlias = npt.NDArray[Any]

MAX_HEADER: Final = 4 << 20
"""Most bytes of the header (the format itself allows 100 MB)."""
MAX_TENSORS: Final = 10_000
"""Most named arrays in a file."""
MAX_DIMENSIONS: Final = 8
"""Most dimensions of an array."""

_WHERE: Final = "weights.safetensors"
_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_NAMES: Final = {dtype: name for name, dtype in _DTYPES.items()}


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the header."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def pack(arrays: Mapping[str, AnyArray]) -> bytes:
    """Return the arrays as one safetensors file; equal arrays give equal bytes.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Float64/32, integer or boolean arrays of any shape; floats must be finite.

    Raises
    ------
    BundleError
        Another dtype, a number that is not finite, or more than the limits above.

    References
    ----------
    The safetensors format, huggingface/safetensors README. Written here and not by its library, whose
    order of tensors is its own affair: the id of a model hangs on these bytes.

    Examples
    --------
    >>> data = pack({"weight": np.array([[1.0], [2.0]])})
    >>> int(unpack(data)["weight"].sum())
    3
    """
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    offset = 0
    # Wide items first keep every array aligned in the mapped file.
    for name in sorted(arrays, key=lambda n: (-arrays[n].dtype.itemsize, n)):
        array = np.asarray(arrays[name], order="C")
        dtype = array.dtype.newbyteorder("<")
        if dtype not in _NAMES:
            raise BundleError(f"dtype {array.dtype}", allowed=", ".join(_DTYPES), where=f"array {name!r}")
        part = array.astype(dtype, copy=False).tobytes()
        header[name] = _Entry(_NAMES[dtype], list(array.shape), (offset, offset + len(part)))
        parts.append(part)
        offset += len(part)
    text = strict_json.encode(header)
    text += b" " * (-len(text) % 8)
    data = b"".join([len(text).to_bytes(8, "little"), text, *parts])
    unpack(data)
    return data


def unpack(data: bytes) -> dict[str, AnyArray]:
    """Return the arrays of a safetensors file of any origin, read-only and without copying.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    BundleError
        Truncated, too large a header, too many tensors, holes or overlaps, an unknown dtype, a shape
        that does not fit its bytes, or a number that is not finite.

    Examples
    --------
    >>> unpack(b"\\x00" * 8)
    Traceback (most recent call last):
    justright.errors.BundleError: received a header of 0 bytes (in weights.safetensors); allowed: ...
    """
    header, buffer = _split(data)
    entries = strict_json.decode(header, dict[str, _Entry], where=_WHERE)
    if len(entries) > MAX_TENSORS:
        raise BundleError(f"{len(entries)} tensors", allowed=f"at most {MAX_TENSORS}", where=_WHERE)
    expected = 0
    arrays: dict[str, AnyArray] = {}
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].data_offsets, item[0])):
        where = f"{_WHERE}, tensor {name[:80]!r}"
        begin, end = entry.data_offsets
        if begin != expected or end < begin or end > len(buffer):
            allowed = f"parts end to end within {len(buffer)} bytes, next at {expected}"
            raise BundleError(f"data_offsets=[{begin}, {end}]", allowed=allowed, where=where)
        arrays[name] = _array(entry, buffer[begin:end], where)
        expected = end
    if expected != len(buffer):
        raise BundleError(f"{len(buffer) - expected} bytes that no tensor claims", allowed="0", where=_WHERE)
    return arrays


def _split(data: bytes) -> tuple[bytes, memoryview]:
    """Return header and buffer after the checks on the length."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= size <= MAX_HEADER or 8 + size > len(data):
        allowed = f"2 to {MAX_HEADER} bytes inside a file of {len(data)}"
        raise BundleError(f"a header of {size} bytes", allowed=allowed, where=_WHERE)
    header = data[8 : 8 + size]
    if not header.startswith(b"{"):
        raise BundleError("a header that is no object", allowed="a header that begins with {", where=_WHERE)
    return header, memoryview(data)[8 + size :]


def _array(entry: _Entry, part: memoryview, where: str) -> AnyArray:
    """Return one array after the checks on dtype, shape and numbers."""
    dtype = _DTYPES.get(entry.dtype)
    if dtype is None:
        raise BundleError(f"dtype={entry.dtype[:20]!r}", allowed=", ".join(_DTYPES), where=where)
    shape = entry.shape
    if len(shape) > MAX_DIMENSIONS or any(side < 0 for side in shape):
        allowed = f"at most {MAX_DIMENSIONS} sides, each >= 0"
        raise BundleError(f"shape={str(shape)[:80]}", allowed=allowed, where=where)
    # Plain Python integers: a product that would overflow 64 bits cannot pass for a small one.
    if math.prod(shape) * dtype.itemsize != len(part):
        received = f"shape={shape} of {entry.dtype} in {len(part)} bytes"
        raise BundleError(received, allowed=f"{math.prod(shape) * dtype.itemsize} bytes", where=where)
    try:
        array: AnyArray = np.frombuffer(part, dtype).reshape(shape)
    except ValueError as error:
        raise BundleError(f"shape={shape}", allowed="a shape that numpy can hold", where=where) from error
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise BundleError("a number that is not finite", allowed="finite weights", where=where)
    if dtype.kind == "b" and (np.frombuffer(part, np.uint8) > 1).any():
        raise BundleError("a boolean that is neither 0 nor 1", allowed="0 and 1", where=where)
    native: AnyArray = array.astype(dtype.newbyteorder("="), copy=False)
    native.flags.writeable = False
    return native
