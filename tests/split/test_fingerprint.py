"""farm_fingerprint: known values whatever the container, slices, missing values, errors."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import ColumnError
from justright.split import farm_fingerprint

KNOWN = {
    "1footrue": -1541654101129638711,
    "2applefalse": 2794438866806483259,
    "3true": -4880158226897771312,
    "alphabet": -2427165924636348523,
    "Amazon Redshift": 8085098817162212970,
    "": -7286425919675154353,
    "\u65e5\u672c\u8a9e": -2765511847642875833,
    "customer_42|2026-11-21": 6635676151011468492,
    "abcdefghijklmnopqrstuvwxyz" * 3 + "abcdefghijklmnopqrstuv": -3110835528467311390,
}
TEXTS = list(KNOWN)
CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "bytes": lambda texts: [t.encode() for t in texts],
    "mixed": lambda texts: [t if i % 2 else t.encode() for i, t in enumerate(texts)],
    "numpy str": np.array,
    "numpy bytes": lambda texts: np.array([t.encode() for t in texts]),
    "numpy object": lambda texts: np.array(texts, object),
    "string": lambda texts: pa.array(texts, pa.string()),
    "large string": lambda texts: pa.array(texts, pa.large_string()),
    "string view": lambda texts: pa.array(texts, pa.string_view()),
    "binary": lambda texts: pa.array([t.encode() for t in texts], pa.binary()),
    "large binary": lambda texts: pa.array(texts, pa.large_binary()),
    "dictionary": lambda texts: pa.array(texts + texts).dictionary_encode()[len(texts) :],
    "slice": lambda texts: pa.array(["x", "yy", *texts, "z"])[2:-1],
    "chunks": lambda texts: pa.chunked_array([texts[:2], [], texts[2:]], pa.string()),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_known_values(container):
    out = farm_fingerprint(CONTAINERS[container](TEXTS))
    assert out.dtype == np.int64
    assert out.tolist() == list(KNOWN.values())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_series_of_data_frame_libraries(library):
    series = pytest.importorskip(library).Series(TEXTS)
    assert farm_fingerprint(series).tolist() == list(KNOWN.values())


@pytest.mark.parametrize("container", CONTAINERS)
def test_no_rows(container):
    if container.startswith("numpy"):
        values = np.array([], "U4")
    elif container == "chunks":
        values = pa.chunked_array([], pa.string())
    else:
        values = CONTAINERS[container]([])
    assert farm_fingerprint(values).shape == (0,)


@pytest.mark.parametrize("texts", [["\0"], ["a\0b", "c"], ["", "\0\0"], [""], ["", ""]])
def test_texts_with_zero_bytes(texts):
    reference = farm_fingerprint(pa.array(texts, pa.string())).tolist()
    assert farm_fingerprint(texts).tolist() == reference
    assert farm_fingerprint(np.array(texts, object)).tolist() == reference


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=90), max_size=30))
def test_containers_agree_on_any_text(texts):
    reference = farm_fingerprint(pa.array(texts, pa.large_string())).tolist()
    assert farm_fingerprint(texts).tolist() == reference
    assert farm_fingerprint(np.array(texts, dtype=str)).tolist() == reference
    assert farm_fingerprint(np.array([t.encode() for t in texts], dtype=bytes)).tolist() == reference


def test_numpy_arrays_in_other_layouts():
    array = np.array(["aa", "b", "\u00e9", "dd"])
    assert np.array_equal(farm_fingerprint(array[::2]), farm_fingerprint(["aa", "\u00e9"]))
    swapped = np.array(["aa", "b"]).astype(">U2")
    assert np.array_equal(farm_fingerprint(swapped), farm_fingerprint(["aa", "b"]))
    with pytest.raises(ColumnError, match="one dimension"):
        farm_fingerprint(np.array([["a"]]))


def test_bytes_that_are_no_utf8():
    raw = [b"\xff\xfe", b"ok"]
    assert np.array_equal(farm_fingerprint(raw), farm_fingerprint(pa.array(raw, pa.binary())))


@pytest.mark.parametrize(
    "values",
    [
        ["a", None],
        np.array(["a", None], object),
        np.array(["a", float("nan")], object),
        pa.array(["a", None]),
        pa.array(["a", None]).dictionary_encode(),
        pa.array(["a", None]).dictionary_encode(null_encoding="encode"),
        pa.chunked_array([["a"], [None]], pa.string()),
    ],
    ids=str,
)
def test_missing_values_are_refused_or_take_the_given_text(values):
    with pytest.raises(ColumnError, match="1 missing"):
        farm_fingerprint(values)
    assert np.array_equal(farm_fingerprint(values, null="NA"), farm_fingerprint(["a", "NA"]))


def test_a_column_of_nothing_but_missing_values():
    assert farm_fingerprint(pa.nulls(2), null="").tolist() == [KNOWN[""]] * 2
    assert farm_fingerprint(pa.array([None], pa.string()), null="").tolist() == [KNOWN[""]]


@pytest.mark.parametrize(
    "values", ["abc", b"abc", 5, [1, 2], [["a"]], np.arange(3), pa.array([1]), ["\ud800"], pa.array([1.5])]
)
def test_what_is_no_text_is_refused(values):
    with pytest.raises(ColumnError, match="text"):
        farm_fingerprint(values)


def test_arrow_memory_is_not_written():
    values = pa.array(["a", None, "c"])
    farm_fingerprint(values, null="z")
    assert values.to_pylist() == ["a", None, "c"]


def test_the_package_imports_nothing_heavy():
    heavy = "{'pyarrow', 'numba', 'pandas', 'polars', 'scipy', 'sklearn', 'duckdb'}"
    code = f"import sys, justright.split; assert not {heavy} & set(sys.modules), sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hashing_needs_no_data_frame_library_and_no_compiler():
    code = (
        "import sys; from justright.split import farm_fingerprint; farm_fingerprint(['a', 'b'] * 50_000);"
        "assert not {'pyarrow', 'numba', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
