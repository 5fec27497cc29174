"""Tensors: equal to the safetensors library in both directions, and safe on any bytes."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load as library_load
from safetensors.numpy import save as library_save

from justright.bundle.tensors import MAX_HEADER, pack, unpack
from justright.errors import BundleError

DTYPES = st.sampled_from(["f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ">f8", ">i4"])
ARRAYS = st.dictionaries(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8),
    DTYPES.flatmap(
        lambda dtype: hnp.arrays(
            np.dtype(dtype),
            hnp.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4),
            elements={"allow_nan": False, "allow_infinity": False} if "f" in dtype else None,
        )
    ),
    max_size=4,
)


@given(ARRAYS)
def test_round_trip_and_library_agree(arrays):
    data = pack(arrays)
    for back in (unpack(data), library_load(data)):
        assert set(back) == set(arrays)
        for name, array in arrays.items():
            assert back[name].shape == array.shape
            assert back[name].dtype == array.dtype.newbyteorder("=")
            np.testing.assert_array_equal(back[name], array)


@given(ARRAYS)
def test_files_of_the_library_are_read(arrays):
    native = {name: np.asarray(a, a.dtype.newbyteorder("=")) for name, a in arrays.items()}
    back = unpack(library_save(native))
    assert set(back) == set(native)
    assert all(np.array_equal(back[name], native[name]) for name in native)


def test_bytes_do_not_depend_on_order_or_memory_layout():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(4, dtype=np.int8)
    assert pack({"a": a, "b": b}) == pack({"b": b[::1], "a": np.asfortranarray(a)})


def test_arrays_are_read_only_and_aligned():
    array = unpack(pack({"a": np.ones(3, np.int8), "b": np.ones(3)}))["b"]
    assert array.flags.aligned
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


@pytest.mark.parametrize("bad", [np.array([1.0, np.nan]), np.array([np.inf], np.float32)])
def test_numbers_that_are_not_finite_are_refused(bad):
    with pytest.raises(BundleError, match="not finite"):
        pack({"a": bad})
    with pytest.raises(BundleError, match="not finite"):
        unpack(library_save({"a": bad}))


@pytest.mark.parametrize("bad", [np.array([1j]), np.array(["a"]), np.array([None]), np.ones(1, np.float16)])
def test_other_dtypes_are_refused(bad):
    with pytest.raises(BundleError, match="dtype"):
        pack({"a": bad})


def craft(header, buffer=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + buffer


def one(dtype="F64", shape=(1,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a header of 0 bytes"),
        (b"\x02\x00\x00", "a header of 2 bytes"),
        (craft({}, size=2**63), "a header of"),
        (craft(b" " * 10), "begins with"),
        (craft(b"{" + b" " * MAX_HEADER + b"}"), f"a header of {MAX_HEADER + 2}"),
        (craft({"a": one()}, b"\0" * 7), "data_offsets"),
        (craft({"a": one()}, b"\0" * 9), "1 bytes that no tensor claims"),
        (craft({"a": one(offsets=(8, 16))}, b"\0" * 16), "data_offsets"),
        (craft({"a": one(), "b": one(offsets=(4, 12))}, b"\0" * 12), "data_offsets"),
        (craft({"a": one(), "b": one(offsets=(16, 24))}, b"\0" * 24), "data_offsets"),
        (craft({"a": one(), "b": one()}, b"\0" * 8), "data_offsets"),
        (craft({"a": one(offsets=(8, 0))}, b"\0" * 8), "data_offsets"),
        (craft({"a": one(offsets=(-8, 0))}, b"\0" * 8), "data_offsets"),
        (craft({"a": one(shape=(-1, -1))}, b"\0" * 8), "shape"),
        (craft({"a": one(shape=(2,))}, b"\0" * 8), "shape"),
        (craft({"a": one(shape=(2**61, 8))}, b"\0" * 8), "shape"),
        (craft({"a": one(shape=(1,) * 9)}, b"\0" * 8), "at most 8"),
        (craft({"a": one(shape=(0, 2**62, 2**62), offsets=(0, 0))}), "shape"),
        (craft({"a": one(shape=(1.0,))}, b"\0" * 8), "does not parse"),
        (craft({"a": one(dtype="BF16")}, b"\0" * 8), "dtype='BF16'"),
        (craft({"a": one("BOOL", (8,))}, b"\2" * 8), "neither 0 nor 1"),
        (craft({"a": one() | {"code": "x"}}, b"\0" * 8), "unknown field"),
        (craft({"__metadata__": {"a": "b"}}), "does not parse"),
        (craft(b'{"a":%b,"a":%b}' % ((json.dumps(one()).encode(),) * 2), b"\0" * 8), "the key 'a' twice"),
        (craft(b'{"a":' + b"[" * 10**6), "nested"),
        (craft({f"t{i}": one("U8", (0,), (0, 0)) for i in range(20_000)}), "20000 tensors"),
        (craft({f"t{i}": one("U8", (0,), (0, 0)) for i in range(100_000)}), "a header of"),
    ],
)
def test_hostile_files_are_refused(data, message):
    with pytest.raises(BundleError, match=message):
        unpack(data)


@settings(max_examples=150)
@given(st.data())
def test_damaged_files_never_do_more_than_raise(data):
    whole = bytearray(pack({"weights": np.arange(6.0), "bias": np.ones(1, np.float32)}))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        arrays = unpack(bytes(whole[:cut]))
    except BundleError:
        return
    assert all(np.isfinite(array).all() for array in arrays.values())


@given(st.binary(max_size=200))
def test_any_bytes_never_do_more_than_raise(data):
    with pytest.raises(BundleError):
        unpack(data)
