"""FarmHash Fingerprint64 as a compiled loop: the fast twin of `hashing.fingerprint64_numpy`.

Imported on first use by `hashing`. Every constant is a uint64, because numba turns a sum of uint64 and
int64 into a float64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.kernels.jit import kernel

__all__ = ["fingerprint64_compiled"]

U = np.uint64
K0 = U(0xC3A5C85C97CB3127)
K1 = U(0xB492B66FBE98F273)
K2 = U(0x9AE16A3B2F90404F)


@kernel
def _word(buffer: npt.NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Read eight bytes, lowest first; LLVM merges the eight loads into one."""
    return (
        U(buffer[at])
        | U(buffer[at + U(1)]) << U(8)
        | U(buffer[at + U(2)]) << U(16)
        | U(buffer[at + U(3)]) << U(24)
        | U(buffer[at + U(4)]) << U(32)
        | U(buffer[at + U(5)]) << U(40)
        | U(buffer[at + U(6)]) << U(48)
        | U(buffer[at + U(7)]) << U(56)
    )


@kernel
def _half(buffer: npt.NDArray[np.uint8], at: np.uint64) -> np.uint64:
    """Read four bytes, lowest first."""
    return (
        U(buffer[at])
        | U(buffer[at + U(1)]) << U(8)
        | U(buffer[at + U(2)]) << U(16)
        | U(buffer[at + U(3)]) << U(24)
    )


@kernel
def _rotate(value: np.uint64, by: np.uint64) -> np.uint64:
    """Rotate to the right by 1..63 bits."""
    return (value >> by) | (value << (U(64) - by))


@kernel
def _shift_mix(value: np.uint64) -> np.uint64:
    """Fold the high bits into the low ones."""
    return value ^ (value >> U(47))


@kernel
def _pair(u: np.uint64, v: np.uint64, mul: np.uint64) -> np.uint64:
    """Hash two words into one."""
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul


@kernel
def _to_16(buffer: npt.NDArray[np.uint8], at: np.uint64, n: np.uint64) -> np.uint64:
    """Hash 0 to 16 bytes."""
    mul = K2 + n * U(2)
    if n >= U(8):
        a = _word(buffer, at) + K2
        b = _word(buffer, at + n - U(8))
        return _pair(_rotate(b, U(37)) * mul + a, (_rotate(a, U(25)) + b) * mul, mul)
    if n >= U(4):
        return _pair(n + (_half(buffer, at) << U(3)), _half(buffer, at + n - U(4)), mul)
    if n > U(0):
        y = U(buffer[at]) + (U(buffer[at + (n >> U(1))]) << U(8))
        z = n + (U(buffer[at + n - U(1)]) << U(2))
        return _shift_mix(y * K2 ^ z * K0) * K2
    return K2


@kernel
def _to_32(buffer: npt.NDArray[np.uint8], at: np.uint64, n: np.uint64) -> np.uint64:
    """Hash 17 to 32 bytes."""
    mul = K2 + n * U(2)
    a = _word(buffer, at) * K1
    b = _word(buffer, at + U(8))
    c = _word(buffer, at + n - U(8)) * mul
    d = _word(buffer, at + n - U(16)) * K2
    return _pair(_rotate(a + b, U(43)) + _rotate(c, U(30)) + d, a + _rotate(b + K2, U(18)) + c, mul)


@kernel
def _to_64(buffer: npt.NDArray[np.uint8], at: np.uint64, n: np.uint64) -> np.uint64:
    """Hash 33 to 64 bytes."""
    mul = K2 + n * U(2)
    a = _word(buffer, at) * K2
    b = _word(buffer, at + U(8))
    c = _word(buffer, at + n - U(8)) * mul
    d = _word(buffer, at + n - U(16)) * K2
    y = _rotate(a + b, U(43)) + _rotate(c, U(30)) + d
    z = _pair(y, a + _rotate(b + K2, U(18)) + c, mul)
    e = _word(buffer, at + U(16)) * mul
    f = _word(buffer, at + U(24))
    g = (y + _word(buffer, at + n - U(32))) * mul
    h = (z + _word(buffer, at + n - U(24))) * mul
    return _pair(_rotate(e + f, U(43)) + _rotate(g, U(30)) + h, e + _rotate(f + a, U(18)) + g, mul)


@kernel
def _weak(
    buffer: npt.NDArray[np.uint8], at: np.uint64, a: np.uint64, b: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Stir 32 bytes into two seeds."""
    last = _word(buffer, at + U(24))
    a = a + _word(buffer, at)
    b = _rotate(b + a + last, U(21))
    c = a
    a = a + _word(buffer, at + U(8)) + _word(buffer, at + U(16))
    return a + last, b + _rotate(a, U(44)) + c


@kernel
def _over_64(buffer: npt.NDArray[np.uint8], at: np.uint64, n: np.uint64) -> np.uint64:
    """Hash more than 64 bytes: blocks of 64, then the last 64 once more."""
    x, y = U(81) * K2 + _word(buffer, at), U(81) * K1 + U(113)
    z = _shift_mix(y * K2 + U(113)) * K2
    v0, v1, w0, w1 = U(0), U(0), U(0), U(0)
    end = at + (n - U(1)) // U(64) * U(64)
    rest = (n - U(1)) & U(63)
    while at < end:
        x = _rotate(x + y + v0 + _word(buffer, at + U(8)), U(37)) * K1 ^ w1
        y = _rotate(y + v1 + _word(buffer, at + U(48)), U(42)) * K1 + v0 + _word(buffer, at + U(40))
        z = _rotate(z + w0, U(33)) * K1
        v0, v1 = _weak(buffer, at, v1 * K1, x + w0)
        w0, w1 = _weak(buffer, at + U(32), z + w1, y + _word(buffer, at + U(16)))
        x, z = z, x
        at = at + U(64)
    at = end + rest - U(63)
    mul = K1 + ((z & U(255)) << U(1))
    w0 = w0 + rest
    v0 = v0 + w0
    w0 = w0 + v0
    x = _rotate(x + y + v0 + _word(buffer, at + U(8)), U(37)) * mul ^ w1 * U(9)
    y = _rotate(y + v1 + _word(buffer, at + U(48)), U(42)) * mul + v0 * U(9) + _word(buffer, at + U(40))
    z = _rotate(z + w0, U(33)) * mul
    v0, v1 = _weak(buffer, at, v1 * mul, x + w0)
    w0, w1 = _weak(buffer, at + U(32), z + w1, y + _word(buffer, at + U(16)))
    first = _pair(v0, w0, mul) + _shift_mix(y) * K0 + x
    return _pair(first, _pair(v1, w1, mul) + z, mul)


@kernel
def fingerprint64_compiled(
    buffer: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], gap: int, out: npt.NDArray[np.uint64]
) -> None:
    """Write into `out[i]` the fingerprint of `buffer[offsets[i]:offsets[i + 1] - gap]`."""
    for i in range(out.shape[0]):
        at = U(offsets[i])
        n = U(offsets[i + 1] - gap) - at
        if n <= U(16):
            out[i] = _to_16(buffer, at, n)
        elif n <= U(32):
            out[i] = _to_32(buffer, at, n)
        elif n <= U(64):
            out[i] = _to_64(buffer, at, n)
        else:
            out[i] = _over_64(buffer, at, n)
