"""The compiled fingerprint is the numpy one to the bit, from threads too."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.kernels.hashing import fingerprint64, fingerprint64_numpy

pytest.importorskip("numba")


def pack(texts):
    return np.frombuffer(b"".join(texts), np.uint8), np.cumsum([0] + [len(t) for t in texts])


def compiled(texts):
    # A lone word that overflows warns in Python, which is what runs when the JIT is switched off.
    with np.errstate(over="ignore"):
        return fingerprint64(*pack(texts), compiled=True)


def test_published_vectors(vectors):
    out = compiled([t.encode() for t in vectors]).view(np.int64)
    assert dict(zip(vectors, out.tolist(), strict=True)) == vectors


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=20), st.binary(max_size=400)), max_size=40))
def test_equal_to_numpy_on_any_bytes(texts):
    assert np.array_equal(compiled(texts), fingerprint64_numpy(*pack(texts)))


def test_equal_to_numpy_at_every_length():
    rng = np.random.default_rng(1)
    texts = [rng.bytes(n) for n in range(400)]
    assert np.array_equal(compiled(texts), fingerprint64_numpy(*pack(texts)))


def test_read_only_memory_and_narrow_offsets():
    buffer, offsets = pack([b"alphabet", b"", b"y" * 99])
    buffer.flags.writeable = False
    with np.errstate(over="ignore"):
        out = fingerprint64(buffer, offsets.astype(np.int32), compiled=True)
    assert np.array_equal(out, fingerprint64_numpy(buffer, offsets))


def test_threads_agree():
    rng = np.random.default_rng(2)
    texts = [rng.bytes(int(n)) for n in rng.integers(0, 90, 2000)]
    with ThreadPoolExecutor(4) as pool:
        every = list(pool.map(compiled, [texts] * 8))
    assert all(np.array_equal(one, every[0]) for one in every)
