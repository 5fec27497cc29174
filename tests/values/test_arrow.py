"""The short cuts over Arrow arrays give what the scalar functions give, value by value."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.schema import Column
from justright.values import canonical_text, is_infinite, to_codes, to_moments, to_numbers
from justright.values.arrow import infinite_of

COLUMNS = [
    Column("c", "numeric", "number"),
    Column("c", "numeric", "number", missing=("-999", "7")),
    Column("c", "numeric", "number", decimal=","),
    Column("c", "categorical", "text", missing=("?",)),
    Column("c", "boolean", "boolean"),
    Column("c", "datetime", "datetime"),
    Column("c", "datetime", "datetime", format="%d/%m/%Y"),
    Column("c", "datetime", "datetime", zone="Europe/Berlin"),
]
# Texts on both sides of every rule.
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "1", "01", " 1", "1.0", "-0", "1,5", "1.5", "nan", "-nan", "inf", "-Infinity", "1e999",
         "NA", "?",
        "-999", "7",
         "true", "no", "2024-01-31", "2024-01-31 08:30", "2024-01-31T08:30:00Z", "2024-01-31T08",
         "2024-02-30",
         "31/01/2024", "1_0", "0x1", "5e", ".", "+5", "1 2", "2024-01-31T08:30:00.1234567", "nan(1)",
         "1970-01-01"]
    ),
    st.text(max_size=6),
    st.floats().map(repr),
    st.integers().map(str),
    st.from_regex(r"[+-]?[0-9]{0,3}[.,]?[0-9]{0,3}(e[+-]?[0-9]{1,2})?", fullmatch=True),
)  # fmt: skip
PLAIN = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(date(1800, 1, 1), date(2200, 1, 1)),
    pa.timestamp("us"): st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)),
    pa.decimal128(20, 4): st.decimals(-(10**12), 10**12, places=4),
}


def assert_agree(array, values):
    for column in COLUMNS:
        for read in (to_numbers, to_moments):
            ours, unreadable = read(array, column)
            expected, bad = read(values, column)
            assert ours.dtype == np.float64
            np.testing.assert_array_equal(ours, expected)
            np.testing.assert_array_equal(
                np.zeros(len(values), bool) if unreadable is None else unreadable,
                np.zeros(len(values), bool) if bad is None else bad,
            )
        codes, texts = to_codes(array, column)
        assert codes.dtype == np.int32
        assert texts == list(dict.fromkeys(canonical_text(value, column) for value in values))
        assert [texts[code] for code in codes] == [canonical_text(value, column) for value in values]


@given(st.lists(TEXTS, max_size=12))
def test_texts(values):
    assert_agree(pa.array(values, pa.string()), values)


@given(st.lists(TEXTS, min_size=1, max_size=8), st.sampled_from([pa.large_string(), pa.string_view()]))
def test_other_kinds_of_text(values, type_):
    assert_agree(pa.array(values, pa.string()).cast(type_), values)


@given(st.data(), st.sampled_from(list(PLAIN)))
def test_plain_types(data, type_):
    values = data.draw(st.lists(st.one_of(st.none(), PLAIN[type_]), max_size=8))
    assert_agree(pa.array(values, type_), values)


@given(st.lists(TEXTS, min_size=3, max_size=10))
def test_dictionaries_slices_and_chunks(values):
    array = pa.array(values, pa.string())
    assert_agree(array.dictionary_encode(), values)
    assert_agree(array.dictionary_encode().slice(1), values[1:])
    assert_agree(array.slice(1, 2), values[1:3])
    assert_agree(pa.chunked_array([array.slice(0, 2), array.slice(2)]), values)


def test_dictionary_with_doubled_unused_and_null_entries():
    array = pa.DictionaryArray.from_arrays(
        pa.array([3, 1, None, 0, 2]), pa.array(["a", "b", None, "b", "z", "y"])
    )
    values = ["b", "b", None, "a", None]
    assert_agree(array, values)


def test_zoned_timestamps_and_nanoseconds():
    at = datetime(2024, 7, 1, 10, tzinfo=UTC)
    array = pa.array([at, None], pa.timestamp("ns", "America/New_York"))
    for column in COLUMNS[5:]:
        assert to_moments(array, column)[0][0] == at.timestamp()
    assert to_codes(array, COLUMNS[5])[1] == ["2024-07-01T10:00:00Z", None]


def test_float32_keeps_the_text_it_shows():
    array = pa.array([0.1, 3.0, None], pa.float32())
    assert to_codes(array, COLUMNS[0])[1] == ["0.1", "3", None]
    assert to_numbers(array, COLUMNS[0])[0][0] == float(np.float32(0.1))


def test_nulls_only_and_nothing():
    for column in COLUMNS:
        assert np.isnan(to_numbers(pa.nulls(3), column)[0]).all()
        assert to_codes(pa.nulls(3), column)[1] == [None]
        assert to_codes(pa.nulls(0), column)[1] == []


def test_nested_values_are_categories_of_their_text():
    array = pa.array([[1, 2], None, [1, 2]])
    codes, texts = to_codes(array, COLUMNS[3])
    assert codes.tolist() == [0, 1, 0]
    assert texts == ["[1, 2]", None]
    assert to_numbers(array, COLUMNS[0])[1].tolist() == [True, False, True]


def test_bytes_are_read_as_utf8():
    assert to_codes(pa.array([b"a", b"b"]), COLUMNS[3])[1] == ["a", "b"]
    assert_agree(pa.array([b"a", None, b"\xff", b"12"]), [b"a", None, b"\xff", b"12"])


def test_durations_times_and_other_types():
    assert_agree(pa.array([timedelta(seconds=90), None]), [timedelta(seconds=90), None])
    assert_agree(pa.array([1_500_000_000], pa.duration("ns")), [timedelta(seconds=1.5)])
    assert_agree(pa.array([time(8, 30), None]), [time(8, 30), None])
    assert_agree(pa.array([{"a": 1}, None]), [{"a": 1}, None])
    named = uuid.UUID(int=5)
    assert_agree(pa.array([named.bytes], pa.uuid()), [named])


def test_dictionaries_of_any_index_and_value():
    array = pa.DictionaryArray.from_arrays(
        pa.array([1, 0, None, 1], pa.uint8()), pa.array(["b", "a"]).cast(pa.string_view())
    )
    assert_agree(array, ["a", "b", None, "a"])
    moments = pa.DictionaryArray.from_arrays(
        pa.array([0, 0], pa.int64()), pa.array([5_000], pa.timestamp("ns"))
    )
    assert_agree(moments, [datetime(1970, 1, 1, 0, 0, 0, 5)] * 2)


def test_decimals_are_rounded_once():
    value = Decimal("0.1234567890123456789")
    assert to_numbers(pa.array([value], pa.decimal128(30, 20)), COLUMNS[0])[0][0] == float(value)


@pytest.mark.parametrize("rows", [1, 65_536])
def test_a_single_bad_text_does_not_spoil_the_rest(rows):
    texts = [str(i) for i in range(rows)] + ["word"]
    numbers, unreadable = to_numbers(pa.array(texts), COLUMNS[0])
    np.testing.assert_array_equal(numbers[:-1], np.arange(rows))
    assert unreadable is not None
    assert unreadable.nonzero()[0].tolist() == [rows]


@given(st.lists(TEXTS, min_size=1, max_size=20), st.sampled_from(COLUMNS[:3]))
def test_infinities_are_those_of_the_scalar_rule(values, column):
    array = pa.array(values, pa.string())
    unreadable = to_numbers(array, column)[1]
    if unreadable is not None:
        wanted = [bad and is_infinite(v, column) for v, bad in zip(values, unreadable, strict=True)]
        assert infinite_of(array, column, unreadable).tolist() == wanted
