"""Fixed 64-bit hashes: FarmHash Fingerprint64 of texts, and the splitmix64 finaliser of words.

    fingerprint64(bytes) = Hash64 of farmhashna        mix64(x) = a bijection of 64-bit words

Invariant: the compiled kernel and the numpy twin give the same bits for every input, and neither ever
changes: splits, buckets of tokens and keys of rows are stored by these values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from justright.errors import TableError

__all__ = ["COMPILED_FROM", "LOADED_FROM", "fingerprint64", "fingerprint64_numpy", "mix64"]

Words: TypeAlias = npt.NDArray[np.uint64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Sizes: TypeAlias = npt.NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)
Branch: TypeAlias = Callable[[Bytes, Words, Words, Sizes, Sizes], Words]

COMPILED_FROM: Final = 1 << 26
"""Rows of one call from which the compiled kernel is worth loading: 0.7 s, 3 s where it must be compiled.

Measured on 16-byte keys: numpy 60 million a second, compiled 300 million (`benchmarks/split`).
"""

LOADED_FROM: Final = 1 << 12
"""Rows of one call from which the compiled kernel is taken once it has been loaded."""

# Rows of the numpy twin at a time: its dozen temporaries of 128 kB each stay in the second-level cache.
_CHUNK: Final = 1 << 14

_K0: Final = np.uint64(0xC3A5C85C97CB3127)
_K1: Final = np.uint64(0xB492B66FBE98F273)
_K2: Final = np.uint64(0x9AE16A3B2F90404F)


def fingerprint64(
    buffer: Bytes,
    offsets: Sizes | npt.NDArray[np.int32],
    *,
    gap: int = 0,
    compiled: bool | None = None,
) -> Words:
    """Return the FarmHash Fingerprint64 of each text of a buffer.

    Parameters
    ----------
    buffer : uint8 (bytes,)
        The texts in UTF-8, end to end.
    offsets : int64 or int32 (rows + 1,)
        Text `i` is `buffer[offsets[i]:offsets[i + 1] - gap]`; within the buffer.
    gap : int, default 0
        Bytes between one text and the next, for texts that were joined by a mark.
    compiled : bool or None, default None
        None takes whichever is sooner done (see `COMPILED_FROM`), False never imports numba, True
        always takes the compiled kernel.

    Returns
    -------
    uint64 (rows,)
        The same bits either way.

    Raises
    ------
    TableError
        The offsets fall or leave the buffer.
    ImportError
        `compiled=True` without numba.

    Notes
    -----
    One pass; memory beyond the result is constant but for a copy of int32 offsets. Source: FarmHash,
    G. Pike, Google 2014, `farmhashna::Hash64`.

    Examples
    --------
    >>> import numpy as np
    >>> text = np.frombuffer(b"alphabeta", np.uint8)
    >>> fingerprint64(text, np.array([0, 8, 9])).view(np.int64).tolist()
    [-2427165924636348523, -5528939962900187677]
    """
    _check(buffer, offsets, gap)
    rows = offsets.shape[0] - 1
    if compiled is None:
        compiled = _worth_compiling(rows)
    if not compiled:
        return fingerprint64_numpy(buffer, offsets, gap)
    from justright.kernels.compiled_hashing import fingerprint64_compiled

    out = np.empty(rows, np.uint64)
    # One set of types, so one compilation: Arrow lends read-only memory, with offsets of either width.
    fingerprint64_compiled(_lent(buffer), _lent(offsets.astype(np.int64, copy=False)), gap, out)
    return out


def fingerprint64_numpy(buffer: Bytes, offsets: Sizes | npt.NDArray[np.int32], gap: int = 0) -> Words:
    """Return the FarmHash Fingerprint64 of each text with numpy alone: the twin of the compiled kernel.

    Parameters
    ----------
    buffer, offsets, gap
        As in `fingerprint64`.

    Returns
    -------
    uint64 (rows,)

    Notes
    -----
    Rows are grouped by the five branches of the algorithm (0-16, 17-32, 33-64, more bytes) and each
    group is hashed as whole arrays; texts above 64 bytes advance block by block together.

    Examples
    --------
    >>> import numpy as np
    >>> int(fingerprint64_numpy(np.frombuffer(b"1footrue", np.uint8), np.array([0, 8]))[0].view(np.int64))
    -1541654101129638711
    """
    out = np.empty(offsets.shape[0] - 1, np.uint64)
    words = _windows(buffer, "<u8")
    halves = _windows(buffer, "<u4")
    for first in range(0, out.shape[0], _CHUNK):
        part = slice(first, first + _CHUNK)
        at = offsets[:-1][part].astype(np.int64)
        size = offsets[1:][part].astype(np.int64) - gap - at
        out[part] = _chunk(buffer, words, halves, at, size)
    return out


def mix64(words: Words) -> Words:
    """Mix each 64-bit word so that every bit of the input moves about half the bits of the output.

    Parameters
    ----------
    words : uint64 array of any shape

    Returns
    -------
    uint64 array of the same shape
        A bijection: different words stay different; 0 goes to 0.

    Notes
    -----
    The finaliser of splitmix64: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014, doi 10.1145/2660193.2660195, with the constants of D. Stafford's mix 13.

    Examples
    --------
    >>> import numpy as np
    >>> hex(int(mix64(np.array([0x9E3779B97F4A7C15], np.uint64))[0]))
    '0xe220a8397b1dcdaf'
    """
    z = words ^ (words >> np.uint64(30))
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def _check(buffer: Bytes, offsets: Sizes | npt.NDArray[np.int32], gap: int) -> None:
    """Refuse offsets that would read outside the buffer: the kernels do not look again."""
    if offsets.shape[0] == 0:
        raise TableError("offsets of length 0", allowed="rows + 1 offsets")
    inside = offsets[0] >= 0 and offsets[-1] - gap <= buffer.shape[0]
    if gap < 0 or not inside or bool(np.any(offsets[1:] - offsets[:-1] < gap)):
        raise TableError(
            f"offsets from {offsets[0]} to {offsets[-1]}, gap {gap}, for {buffer.shape[0]} bytes",
            allowed="offsets that never fall and stay within the buffer",
        )


def _worth_compiling(rows: int) -> bool:
    """Tell whether the compiled kernel is sooner done, its import included."""
    loaded = sys.modules.get("justright.kernels.compiled_hashing")
    if loaded is not None:
        # Without `py_func` the JIT is switched off, and the loop would run as plain Python.
        return rows >= LOADED_FROM and hasattr(loaded.fingerprint64_compiled, "py_func")
    return rows >= COMPILED_FROM and find_spec("numba") is not None


def _lent(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """Return a read-only contiguous view (a copy only where the array has gaps)."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _windows(buffer: Bytes, dtype: str) -> Words:
    """View the buffer as overlapping little-endian words, one starting at each byte."""
    width = np.dtype(dtype).itemsize
    count = max(buffer.shape[0] - width + 1, 0)
    return np.ndarray((count,), dtype, np.ascontiguousarray(buffer), 0, (1,))


def _chunk(buffer: Bytes, words: Words, halves: Words, at: Sizes, size: Sizes) -> Words:
    """Hash the texts that start at `at`, branch by branch."""
    out = np.full(at.shape[0], _K2, np.uint64)
    for low, high, branch in _BRANCHES:
        rows = np.flatnonzero((size >= low) & (size <= high))
        if rows.shape[0] == at.shape[0]:
            return branch(buffer, words, halves, at, size)
        if rows.shape[0]:
            out[rows] = branch(buffer, words, halves, at[rows], size[rows])
    return out


def _rotate(value: Words, by: int) -> Words:
    """Rotate to the right by 1..63 bits."""
    return (value >> np.uint64(by)) | (value << np.uint64(64 - by))


def _shift_mix(value: Words) -> Words:
    """Fold the high bits into the low ones."""
    return value ^ (value >> np.uint64(47))


def _pair(u: Words, v: Words, mul: Words) -> Words:
    """Hash two words into one."""
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul


def _times(size: Sizes) -> Words:
    """Return the multiplier that depends on the length."""
    return _K2 + (size.astype(np.uint64) << np.uint64(1))


def _from_1(buffer: Bytes, words: Words, halves: Words, at: Sizes, size: Sizes) -> Words:
    """Hash texts of 1 to 3 bytes."""
    first, middle = buffer[at].astype(np.uint64), buffer[at + (size >> 1)].astype(np.uint64)
    last = buffer[at + size - 1].astype(np.uint64)
    y = first + (middle << np.uint64(8))
    z = size.astype(np.uint64) + (last << np.uint64(2))
    return _shift_mix(y * _K2 ^ z * _K0) * _K2


def _from_4(buffer: Bytes, words: Words, halves: Words, at: Sizes, size: Sizes) -> Words:
    """Hash texts of 4 to 7 bytes."""
    first = halves[at].astype(np.uint64) << np.uint64(3)
    return _pair(size.astype(np.uint64) + first, halves[at + size - 4].astype(np.uint64), _times(size))


def _from_8(buffer: Bytes, words: Words, halves: Words, at: Sizes, size: Sizes) -> Words:
    """Hash texts of 8 to 16 bytes."""
    mul = _times(size)
    a = words[at] + _K2
    b = words[at + size - 8]
    return _pair(_rotate(b, 37) * mul + a, (_rotate(a, 25) + b) * mul, mul)


def _from_17(buffer: Bytes, words: Words, halves: Words, at: Sizes, size: Sizes) -> Words:
    """Hash texts of 17 to 32 bytes."""
    mul, end = _times(size), at + size
    a, b = words[at] * _K1, words[at + 8]
    c, d = words[end - 8] * mul, words[end - 16] * _K2
    return _pair(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, mul)


def _from_33(buffer: Bytes, words: Words, halves: Words, at: Sizes, size: Sizes) -> Words:
    """Hash texts of 33 to 64 bytes."""
    mul, end = _times(size), at + size
    a, b = words[at] * _K2, words[at + 8]
    c, d = words[end - 8] * mul, words[end - 16] * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _pair(y, a + _rotate(b + _K2, 18) + c, mul)
    e, f = words[at + 16] * mul, words[at + 24]
    g, h = (y + words[end - 32]) * mul, (z + words[end - 24]) * mul
    return _pair(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)


def _weak(words: Words, at: Sizes, a: Words, b: Words) -> tuple[Words, Words]:
    """Stir 32 bytes into two seeds."""
    last = words[at + 24]
    a = a + words[at]
    b = _rotate(b + a + last, 21)
    c = a
    a = a + words[at + 8] + words[at + 16]
    return a + last, b + _rotate(a, 44) + c


def _round(words: Words, at: Sizes, state: Words, mul: Words, times: int) -> Words:
    """Stir 64 bytes into the seven words (x, y, z, v0, v1, w0, w1) of `state`, shape (7, rows)."""
    x, y, z, v0, v1, w0, w1 = state
    by = np.uint64(times)
    x = _rotate(x + y + v0 + words[at + 8], 37) * mul ^ w1 * by
    y = _rotate(y + v1 + words[at + 48], 42) * mul + v0 * by + words[at + 40]
    z = _rotate(z + w0, 33) * mul
    v0, v1 = _weak(words, at, v1 * mul, x + w0)
    w0, w1 = _weak(words, at + 32, z + w1, y + words[at + 16])
    return np.stack([z, y, x, v0, v1, w0, w1])


def _from_65(buffer: Bytes, words: Words, halves: Words, at: Sizes, size: Sizes) -> Words:
    """Hash texts of more than 64 bytes: blocks of 64, then the last 64 once more."""
    order = np.argsort(-size, kind="stable")
    at, size = at[order], size[order]
    state = np.zeros((7, at.shape[0]), np.uint64)
    # Arrays of one, since numpy warns when a lone word overflows and is silent in arrays.
    seed = np.array([81], np.uint64)
    state[0] = seed * _K2 + words[at]
    state[1] = seed * _K1 + np.uint64(113)
    state[2] = _shift_mix(state[1] * _K2 + np.uint64(113)) * _K2
    blocks = (size - 1) >> 6
    for block in range(int(blocks[0])):
        # Longest first: those that still have a block are a prefix.
        live = int(np.searchsorted(-blocks, -block, side="left"))
        state[:, :live] = _round(words, at[:live] + 64 * block, state[:, :live], np.array([_K1]), 1)
    rest = ((size - 1) & 63).astype(np.uint64)
    mul = _K1 + ((state[2] & np.uint64(255)) << np.uint64(1))
    state[5] += rest
    state[3] += state[5]
    state[5] += state[3]
    x, y, z, v0, v1, w0, w1 = _round(words, at + size - 64, state, mul, 9)
    out: Words = np.empty_like(x)
    out[order] = _pair(_pair(v0, w0, mul) + _shift_mix(y) * _K0 + z, _pair(v1, w1, mul) + x, mul)
    return out


_BRANCHES: Final[tuple[tuple[int, int, Branch], ...]] = (
    (1, 3, _from_1),
    (4, 7, _from_4),
    (8, 16, _from_8),
    (17, 32, _from_17),
    (33, 64, _from_33),
    (65, (1 << 63) - 1, _from_65),
)
