"""A pool gives a column the texts that `to_codes` gives it, whatever the cuts and dictionaries it is in."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.schema import Column
from justright.values import TextPool, to_codes
from justright.values import pool as pool_module

TEXT = Column("c", "categorical", "text", missing=("none", "?"))
WORDS = st.sampled_from(
    [
        None,
        "a",
        "b ",
        " b",
        "",
        " ",
        "none",
        "?",
        "\u00a0c",
        "caf\u00e9",
        "1",
        "01",
        "1.0",
        "yes",
        "NA",
        "inf",
    ]
)
NUMBERS = st.one_of(
    st.none(), st.sampled_from([0.0, -0.0, float("nan"), float("inf"), 1.0, 0.1]), st.floats(width=32)
)
MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1))
TYPES = {
    "string": (pa.string(), WORDS),
    "large_string": (pa.large_string(), WORDS),
    "string_view": (pa.string_view(), WORDS),
    "binary": (pa.binary(), st.one_of(st.none(), st.binary(max_size=3))),
    "bool": (pa.bool_(), st.one_of(st.none(), st.booleans())),
    "int8": (pa.int8(), st.one_of(st.none(), st.integers(-3, 3))),
    "uint64": (pa.uint64(), st.one_of(st.none(), st.integers(2**64 - 3, 2**64 - 1))),
    "float32": (pa.float32(), NUMBERS),
    "float64": (pa.float64(), NUMBERS),
    "decimal": (
        pa.decimal128(5, 2),
        st.one_of(st.none(), st.sampled_from([Decimal("1.00"), Decimal("0.10")])),
    ),
    "date": (pa.date32(), st.one_of(st.none(), st.dates(dt.date(1960, 1, 1), dt.date(1960, 1, 4)))),
    "moment": (pa.timestamp("ns"), st.one_of(st.none(), MOMENTS)),
    "time": (pa.time64("us"), st.one_of(st.none(), st.just(dt.time(1, 2)))),
    "list": (pa.list_(pa.int64()), st.one_of(st.none(), st.lists(st.integers(0, 1), max_size=2))),
    "null": (pa.null(), st.none()),
}
FORMS = ("text", "number", "boolean", "datetime")


def texts_of(pool: TextPool, array: object) -> list[str | None]:
    return [pool[code] for code in pool.codes(array).tolist()]


def expected(array: object, column: Column) -> list[str | None]:
    codes, texts = to_codes(array, column)
    return [texts[code] for code in codes.tolist()]


@given(st.data())
def test_random_columns_of_every_type_are_what_to_codes_makes_of_them(data: st.DataObject) -> None:
    kind, values = TYPES[data.draw(st.sampled_from(sorted(TYPES)))]
    column = Column("c", "categorical", data.draw(st.sampled_from(FORMS)), missing=("none", "?"))
    pool = TextPool(column)
    numbers: dict[str | None, int] = {}
    for _ in range(data.draw(st.integers(1, 4))):
        array = pa.array(data.draw(st.lists(values, max_size=8)), kind)
        array = array.slice(data.draw(st.integers(0, len(array))))
        plain = not (pa.types.is_nested(kind) or pa.types.is_null(kind) or kind == pa.string_view())
        if plain and data.draw(st.booleans()):
            array = array.dictionary_encode(null_encoding=data.draw(st.sampled_from(["mask", "encode"])))
            array = array.slice(data.draw(st.integers(0, len(array))))  # with entries that it does not use
        given_array = pa.chunked_array([array, array]) if data.draw(st.booleans()) else array
        codes = pool.codes(given_array)
        assert codes.dtype == np.int32
        assert [pool[code] for code in codes.tolist()] == expected(given_array, column)
        for text, code in zip(texts_of(pool, given_array), codes.tolist(), strict=True):
            assert numbers.setdefault(text, code) == code  # one number a text for ever
    assert len(set(pool)) == len(pool)


def test_a_dictionary_that_grows_is_looked_up_from_where_it_grew(monkeypatch: pytest.MonkeyPatch) -> None:
    from justright.values import arrow

    looked_up: list[list[str]] = []
    inner = arrow.texts_of_entries

    def counted(entries: object, column: Column) -> list[str | None]:
        looked_up.append(entries.to_pylist())  # type: ignore[attr-defined]
        return inner(entries, column)

    monkeypatch.setattr(arrow, "texts_of_entries", counted)
    pool = TextPool(TEXT)
    words = ["x", "y ", "none", "z", "y"]
    for size in (2, 2, 3, 5):
        entries = pa.array(words[:size])
        indices = pa.array([*range(size), None], pa.int32())
        array = pa.DictionaryArray.from_arrays(indices, entries)
        assert texts_of(pool, array) == [{"y ": "y", "none": None}.get(w, w) for w in words[:size]] + [None]
    assert looked_up == [["x", "y "], [], ["none"], ["z", "y"]]
    assert list(pool) == ["x", "y", None, "z"]


@pytest.mark.parametrize(
    "second",
    [
        pa.array(["b", "a"]),  # as long, in another order
        pa.array(["a"]),  # shorter
        pa.array(["a", "c", "b"]),  # longer, but not a continuation
        pa.array([1, 2]),  # of another type
        pa.array([], pa.string()),
    ],
)
def test_a_dictionary_that_does_not_continue_the_last_is_read_anew(second: pa.Array) -> None:
    pool = TextPool(TEXT)
    for entries in (pa.array(["a", "b"]), second, pa.array(["a", "b"])):
        array = pa.DictionaryArray.from_arrays(pa.array(np.arange(len(entries), dtype=np.int8)), entries)
        assert texts_of(pool, array) == [str(value) for value in entries.to_pylist()]


def test_slices_and_entries_that_are_not_used_keep_their_places() -> None:
    entries = pa.array(["unused", "a", "none", "b", "unused too"])
    array = pa.DictionaryArray.from_arrays(pa.array([1, 2, None, 3, 1]), entries)
    pool = TextPool(TEXT)
    assert texts_of(pool, array) == ["a", None, None, "b", "a"]
    assert texts_of(pool, array.slice(1, 2)) == [None, None]
    assert texts_of(pool, array.slice(3)) == ["b", "a"]
    sliced = pa.DictionaryArray.from_arrays(pa.array([0, 1]), entries.slice(3))
    assert texts_of(pool, sliced) == ["b", "unused too"]


def test_a_dictionary_that_holds_a_null_among_its_entries() -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None]), pa.array(["a", None, "b"]))
    assert texts_of(TextPool(TEXT), array) == ["a", None, "b", None]


@pytest.mark.parametrize("text", ["a ", "\ta", "a\n", "\u00a0a", "a\u2003"])
def test_blanks_at_the_ends_are_no_part_of_a_text(text: str) -> None:
    pool = TextPool(TEXT)
    assert pool.codes(pa.array(["a", text, "a"])).tolist() == [0, 0, 0]
    assert list(pool) == ["a", None]  # the missing value has its number from the first batch on


def test_marks_of_missing_blanks_and_nulls_are_one_missing_value() -> None:
    pool = TextPool(TEXT)
    assert pool.codes(pa.array(["none", None, "", " ", "?", "a"])).tolist() == [0, 0, 0, 0, 0, 1]
    assert list(pool) == [None, "a"]


def test_zeros_of_either_sign_are_one_number() -> None:
    pool = TextPool(Column("n", "categorical", "number"))
    for values in ([0.0], [-0.0], [-0.0, 1.0], [0.0, 1.0]):
        assert texts_of(pool, pa.array(values)) == ["0", "1"][: len(values)]


def test_what_is_derived_is_asked_for_once_a_text() -> None:
    pool, asked = TextPool(TEXT), []

    def size(texts: list[str | None]) -> np.ndarray:
        asked.extend(texts)
        return np.asarray([len(text or "") for text in texts])

    for words in (["aa", "b"], ["b", "aa"], ["ccc", None], [None]):
        codes = pool.codes(pa.array(words, pa.string()))
        assert pool.derived("size", size)[codes].tolist() == [len(word or "") for word in words]
    assert asked == ["aa", "b", None, "ccc"]
    pool.derived("again", size)
    assert asked == ["aa", "b", None, "ccc"] * 2  # another key, another function


def test_it_says_when_a_new_one_should_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_LIMIT", 3)
    pool = TextPool(TEXT)
    pool.codes(pa.array(["a", "b"]))
    assert not pool.full
    pool.codes(pa.array(["d"]))
    assert pool.full
    assert pool[1:3] == ["b", None] and len(pool) == 4


def test_chunks_of_a_dictionary_that_holds_a_null() -> None:
    chunks = [
        pa.array([None, "a"]).dictionary_encode(null_encoding="encode"),
        pa.array(["b"]).dictionary_encode(),
    ]
    pool, column = TextPool(Column("c", "categorical", "text")), pa.chunked_array(chunks)
    codes = pool.codes(column)
    assert codes[0] != codes[1] != codes[2]
    assert (
        codes.tolist()
        == TextPool(Column("c", "categorical", "text")).codes(pa.array([None, "a", "b"])).tolist()
    )
