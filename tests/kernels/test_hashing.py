"""Fingerprints: published vectors, a plain-Python oracle, compiled = numpy to the bit; the mixer."""

import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import TableError
from justright.kernels import hashing
from justright.kernels.hashing import fingerprint64, fingerprint64_numpy, mix64

NEEDS_NUMBA = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")


def pack(texts, before=b"", after=b""):
    buffer = np.frombuffer(before + b"".join(texts) + after, np.uint8)
    return buffer, len(before) + np.cumsum([0] + [len(t) for t in texts])


def test_numpy_gives_the_published_vectors(vectors):
    out = fingerprint64_numpy(*pack([t.encode() for t in vectors])).view(np.int64)
    assert dict(zip(vectors, out.tolist(), strict=True)) == vectors


def test_oracle_gives_the_published_vectors(vectors, oracle):
    assert [oracle(t.encode()) for t in vectors] == [v % 2**64 for v in vectors.values()]


def test_numpy_equals_the_oracle_at_every_length(oracle):
    rng = np.random.default_rng(7)
    texts = [rng.bytes(n) for n in range(300)] + [rng.bytes(n) for n in range(300)]
    assert fingerprint64_numpy(*pack(texts)).tolist() == [oracle(t) for t in texts]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=20), st.binary(max_size=400)), max_size=40), st.binary(max_size=9)
)
def test_numpy_equals_the_oracle_on_any_bytes(oracle, texts, edge):
    assert fingerprint64_numpy(*pack(texts, edge, edge)).tolist() == [oracle(t) for t in texts]


def test_a_text_does_not_depend_on_its_neighbours_or_on_chunks(monkeypatch):
    rng = np.random.default_rng(3)
    texts = [rng.bytes(int(n)) for n in rng.integers(0, 200, 500)]
    whole = fingerprint64_numpy(*pack(texts))
    monkeypatch.setattr(hashing, "_CHUNK", 7)
    assert np.array_equal(fingerprint64_numpy(*pack(texts)), whole)
    assert np.array_equal(fingerprint64_numpy(*pack(texts[::-1])), whole[::-1])


def test_both_widths_of_offsets_and_no_rows():
    buffer, offsets = pack([b"a", b"alphabet", b""])
    narrow = fingerprint64(buffer, offsets.astype(np.int32))
    assert np.array_equal(narrow, fingerprint64(buffer, offsets))
    assert fingerprint64(buffer, np.array([3])).shape == (0,)
    assert fingerprint64(np.empty(0, np.uint8), np.array([0, 0])).tolist() == [0x9AE16A3B2F90404F]


def test_buffer_with_gaps_between_elements():
    buffer, offsets = pack([b"alphabet", b"x" * 70])
    assert np.array_equal(fingerprint64(np.repeat(buffer, 2)[::2], offsets), fingerprint64(buffer, offsets))


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=NEEDS_NUMBA)])
def test_texts_joined_by_a_mark(oracle, compiled):
    texts = [b"alphabet", b"", b"z" * 90, b"a"]
    buffer, offsets = pack([t + b"//" for t in texts])
    with np.errstate(over="ignore"):
        out = fingerprint64(buffer, offsets, gap=2, compiled=compiled)
        # The last text needs no mark behind it.
        assert np.array_equal(fingerprint64(buffer[:-2], offsets, gap=2, compiled=compiled), out)
    assert out.tolist() == [oracle(t) for t in texts]
    with pytest.raises(TableError, match="gap 3"):
        fingerprint64(buffer, offsets, gap=3)


@pytest.mark.parametrize("offsets", [[0, 9], [-1, 3], [4, 2], [0, 5, 3, 8], []])
def test_offsets_outside_the_buffer_are_refused(offsets):
    with pytest.raises(TableError, match="offsets"):
        fingerprint64(np.zeros(8, np.uint8), np.array(offsets, np.int64))


def test_small_calls_do_not_import_numba():
    code = (
        "import sys, numpy as np; from justright.kernels.hashing import fingerprint64;"
        "fingerprint64(np.zeros(3_000_000, np.uint8), np.arange(3_000_000));"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_dispatcher_takes_the_compiled_kernel_only_when_it_pays(monkeypatch):
    monkeypatch.delitem(sys.modules, "justright.kernels.compiled_hashing", raising=False)
    assert not hashing._worth_compiling(hashing.COMPILED_FROM - 1)
    assert hashing._worth_compiling(hashing.COMPILED_FROM)
    monkeypatch.setattr(hashing, "find_spec", lambda name: None)
    assert not hashing._worth_compiling(hashing.COMPILED_FROM)
    compiled = SimpleNamespace(fingerprint64_compiled=SimpleNamespace(py_func=len))
    monkeypatch.setitem(sys.modules, "justright.kernels.compiled_hashing", compiled)
    assert hashing._worth_compiling(hashing.LOADED_FROM)
    assert not hashing._worth_compiling(hashing.LOADED_FROM - 1)
    compiled.fingerprint64_compiled = len  # the JIT is switched off
    assert not hashing._worth_compiling(hashing.LOADED_FROM)


def plain_mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_mix64_equals_plain_integers_and_leaves_its_input(words):
    array = np.array(words, np.uint64)
    assert mix64(array).tolist() == [plain_mix(w) for w in words]
    assert array.tolist() == words


def test_mix64_gives_the_published_splitmix64_stream():
    # The first outputs of splitmix64 seeded with 0: mix64 of 1, 2, 3 times the golden gamma.
    gamma = np.uint64(0x9E3779B97F4A7C15)
    first = mix64(np.arange(1, 4, dtype=np.uint64) * gamma).tolist()
    assert first == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_mix64_moves_half_the_bits_and_stays_one_to_one():
    words = np.arange(200_000, dtype=np.uint64)
    mixed = mix64(words)
    assert np.unique(mixed).shape == mixed.shape
    moved = np.bitwise_count(mixed ^ mix64(words ^ np.uint64(1))).mean()
    assert abs(moved - 32) < 0.1
