"""What the kernel tests share: published vectors and a slow oracle in plain Python integers."""

import pytest

MASK = (1 << 64) - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F

ALPHABET = "abcdefghijklmnopqrstuvwxyz" * 40

# The documented examples of BigQuery and Redshift, then one vector for every branch and border of length.
WORDS = {
    "1footrue": -1541654101129638711,
    "2applefalse": 2794438866806483259,
    "3true": -4880158226897771312,
    "alphabet": -2427165924636348523,
    "Amazon Redshift": 8085098817162212970,
    "foo1true": -6568512389430766144,
    "": -7286425919675154353,
    "a": -5528939962900187677,
    "0": -3247774798456978881,
    "1": -9142586270102516767,
    "\u00e9": 693143013273849025,
    "\u03a9": 764863503766802960,
    "\u65e5\u672c\u8a9e": -2765511847642875833,
    "2026-11-21": 6947043737239298739,
    "customer_42|2026-11-21": 6635676151011468492,
}
BY_LENGTH = {
    2: -6157143815960550114,
    3: 2640714258260161385,
    4: 1897425971756105985,
    7: 4341691227789030229,
    8: -78300442537744119,
    9: 3687479239766293058,
    15: 7529451393577069597,
    16: 6080716761534418621,
    17: -7052348088954416216,
    24: -7120367177115365641,
    31: 7218681076654535888,
    32: -29633327639612006,
    33: 2004761416539416594,
    48: -8634321268404017543,
    63: -3086238402502648930,
    64: -7184832003244844038,
    65: 2608948203458330154,
    100: -3110835528467311390,
    127: 7796145376145211299,
    128: -4385295067663546550,
    129: -7269759402498002988,
    192: 7243316733957882487,
    1000: 4310402935697217687,
}


def word(s, at):
    return int.from_bytes(s[at : at + 8], "little")


def rot(v, n):
    return ((v >> n) | (v << (64 - n))) & MASK


def smix(v):
    return v ^ (v >> 47)


def len16(u, v, mul):
    a = smix(((u ^ v) * mul) & MASK)
    return (smix(((v ^ a) * mul) & MASK) * mul) & MASK


def weak(s, at, a, b):
    w, x, y, z = (word(s, at + 8 * i) for i in range(4))
    a = (a + w) & MASK
    b = rot((b + a + z) & MASK, 21)
    c = a
    a = (a + x + y) & MASK
    b = (b + rot(a, 44)) & MASK
    return (a + z) & MASK, (b + c) & MASK


def short(s):
    n = len(s)
    mul = (K2 + 2 * n) & MASK
    if n >= 8:
        a, b = (word(s, 0) + K2) & MASK, word(s, n - 8)
        return len16((rot(b, 37) * mul + a) & MASK, ((rot(a, 25) + b) * mul) & MASK, mul)
    if n >= 4:
        low, high = int.from_bytes(s[:4], "little"), int.from_bytes(s[-4:], "little")
        return len16((n + (low << 3)) & MASK, high, mul)
    if n:
        y, z = s[0] + (s[n >> 1] << 8), n + (s[-1] << 2)
        return (smix((y * K2 ^ z * K0) & MASK) * K2) & MASK
    return K2


def middle(s):
    n = len(s)
    mul = (K2 + 2 * n) & MASK
    first = K1 if n <= 32 else K2
    a, b = (word(s, 0) * first) & MASK, word(s, 8)
    c, d = (word(s, n - 8) * mul) & MASK, (word(s, n - 16) * K2) & MASK
    y = (rot((a + b) & MASK, 43) + rot(c, 30) + d) & MASK
    z = len16(y, (a + rot((b + K2) & MASK, 18) + c) & MASK, mul)
    if n <= 32:
        return z
    e, f = (word(s, 16) * mul) & MASK, word(s, 24)
    g, h = ((y + word(s, n - 32)) * mul) & MASK, ((z + word(s, n - 24)) * mul) & MASK
    left = (rot((e + f) & MASK, 43) + rot(g, 30) + h) & MASK
    return len16(left, (e + rot((f + a) & MASK, 18) + g) & MASK, mul)


def stir(s, at, x, y, z, v, w, mul, by):
    x = (rot((x + y + v[0] + word(s, at + 8)) & MASK, 37) * mul) & MASK ^ (w[1] * by) & MASK
    y = (rot((y + v[1] + word(s, at + 48)) & MASK, 42) * mul + v[0] * by + word(s, at + 40)) & MASK
    z = (rot((z + w[0]) & MASK, 33) * mul) & MASK
    v = weak(s, at, (v[1] * mul) & MASK, (x + w[0]) & MASK)
    w = weak(s, at + 32, (z + w[1]) & MASK, (y + word(s, at + 16)) & MASK)
    return z, y, x, v, w


def long(s):
    n = len(s)
    x, y = (81 * K2 + word(s, 0)) & MASK, (81 * K1 + 113) & MASK
    z = (smix((y * K2 + 113) & MASK) * K2) & MASK
    v = w = (0, 0)
    for at in range(0, (n - 1) // 64 * 64, 64):
        x, y, z, v, w = stir(s, at, x, y, z, v, w, K1, 1)
    mul = (K1 + ((z & 255) << 1)) & MASK
    w = ((w[0] + ((n - 1) & 63)) & MASK, w[1])
    v = ((v[0] + w[0]) & MASK, v[1])
    w = ((w[0] + v[0]) & MASK, w[1])
    x, y, z, v, w = stir(s, n - 64, x, y, z, v, w, mul, 9)
    left = (len16(v[0], w[0], mul) + smix(y) * K0 + z) & MASK
    return len16(left, (len16(v[1], w[1], mul) + x) & MASK, mul)


def fingerprint(s):
    """FarmHash Fingerprint64 of bytes, one text at a time."""
    return short(s) if len(s) <= 16 else middle(s) if len(s) <= 64 else long(s)


@pytest.fixture(scope="session")
def oracle():
    return fingerprint


@pytest.fixture(scope="session")
def vectors():
    """Published texts with their signed fingerprints."""
    return WORDS | {ALPHABET[:n]: value for n, value in BY_LENGTH.items()}
