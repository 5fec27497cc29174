import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import ColumnError
from justright.schema import Column
from justright.values import MARKS, Unreadable, canonical_text, is_infinite, moment, number

NUMBER = Column("n", "numeric", "number")
COMMA = Column("n", "numeric", "number", decimal=",")
TEXT = Column("t", "categorical", "text", missing=("?",))
TRUTH = Column("b", "boolean", "boolean")
DATE = Column("d", "datetime", "datetime")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1", "1"), (1, "1"), (1.0, "1"), ("1.0", "1"), ("01", "1"), (True, "1"), (" 1 ", "1"), ("+1", "1"),
        (np.int8(1), "1"), (np.float32(1), "1"), (np.bool_(True), "1"), (Decimal("1.00"), "1"), ("1e0", "1"),
        (0.1, "0.1"), (np.float32(0.1), "0.1"), ("0.10", "0.1"), (-0.0, "0"), ("-0", "0"), ("-0.0", "0"),
        (2**53 + 1, "9007199254740993"), ("9007199254740993", "9007199254740993"), (1e300, "1e+300"),
        (2**64, "1.8446744073709552e+19"), (str(2**64), "1.8446744073709552e+19"),
        (None, None), ("", None), ("  ", None), (math.nan, None), ("NaN", None), ("nAn", None), ("?", None),
        ("NA", None), (np.datetime64("NaT"), None), ("word", "word"), (" word ", "word"), ("inf", "inf"),
        ("Infinity", "inf"), (" -INF ", "-inf"), ("1e400", "inf"), ("-1e400", "-inf"), (math.inf, "inf"),
        (-math.inf, "-inf"), (10**400, "inf"), (np.float32("-inf"), "-inf"),
    ],
)  # fmt: skip
def test_canonical_text_of_numbers(value, text):
    assert canonical_text(value, NUMBER) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a b ", "a b"), ("", None), ("?", None), ("NA", "NA"), (None, None), (True, "true"), (False,
        "false"),
        (1, "1"), (1.0, "1"), (0.5, "0.5"), (Decimal("2.50"), "2.5"), ("01", "01"), ("\u00e9", "\u00e9"),
        (date(2024, 1, 31), "2024-01-31"), (datetime(2024, 1, 31, 8), "2024-01-31T08:00:00"), (b"ab", "ab"),
    ],
)  # fmt: skip
def test_canonical_text_of_texts(value, text):
    assert canonical_text(value, TEXT) == text


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "1.0", "true", " TRUE ", "t", "Yes", "y", "on"])
def test_canonical_text_of_truth(value):
    assert canonical_text(value, TRUTH) == "true"
    assert number(value, TRUTH) == 1.0


@pytest.mark.parametrize("value", [False, 0, 0.0, "0", "false", "F", "no", "N", "off", np.bool_(False)])
def test_canonical_text_of_falsehood(value):
    assert canonical_text(value, TRUTH) == "false"
    assert number(value, TRUTH) == 0.0


def test_truth_that_is_none():
    assert canonical_text("maybe", TRUTH) == "maybe"
    with pytest.raises(Unreadable, match=r"b='maybe'; allowed: true or false"):
        number("maybe", TRUTH)
    with pytest.raises(Unreadable):
        number(2, TRUTH)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-01-31", "2024-01-31"), (date(2024, 1, 31), "2024-01-31"), ("2024-01-31 00:00:00",
        "2024-01-31"),
        ("2024-01-31T08:30", "2024-01-31T08:30:00"), ("2024-01-31 08:30:00.5", "2024-01-31T08:30:00.500000"),
        (np.datetime64("2024-01-31T08:30", "ns"), "2024-01-31T08:30:00"),
        ("2024-01-31T08:30Z", "2024-01-31T08:30:00Z"), ("2024-01-31T08:30+01:00", "2024-01-31T07:30:00Z"),
        (datetime(2024, 1, 31, 8, 30, tzinfo=timezone(timedelta(hours=1))), "2024-01-31T07:30:00Z"),
        ("", None), (None, None), ("NaT", None), ("soon", "soon"),
    ],
)  # fmt: skip
def test_canonical_text_of_moments(value, text):
    assert canonical_text(value, DATE) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1.5", 1.5), (" -2e3 ", -2000.0), (".5", 0.5), ("5.", 5.0), (True, 1.0), (timedelta(minutes=1), 60.0)],
)
def test_number_reads(value, expected):
    assert number(value, NUMBER) == expected


@pytest.mark.parametrize(
    "value", ["1,5", "1_000", "0x10", "\u0663", "1 000", "12%", "inf", "-Infinity", math.inf, -math.inf,
    "1e999",
              10**400, Decimal("Infinity"), date(2024, 1, 1), [1], "1.2.3", "- 5", "5e"],
)  # fmt: skip
def test_number_refuses(value):
    with pytest.raises(Unreadable) as caught:
        number(value, NUMBER)
    assert caught.value.value is value
    assert caught.value.column is NUMBER
    assert "n=" in str(caught.value)


def test_number_with_decimal_comma():
    assert number("1,5", COMMA) == 1.5
    assert number(",5", COMMA) == 0.5
    assert number(1.5, COMMA) == 1.5
    assert canonical_text("1,50", COMMA) == "1.5"
    with pytest.raises(Unreadable, match="with a decimal comma"):
        number("1.5", COMMA)


@pytest.mark.parametrize("mark", MARKS)
def test_standard_marks_are_missing_in_numbers_only(mark):
    assert math.isnan(number(mark, NUMBER))
    assert canonical_text(mark, Column("t", "categorical", "text")) == mark


def test_marks_of_the_column_are_missing():
    column = Column("n", "numeric", "number", missing=("-999", "gone"))
    assert math.isnan(number("-999", column))
    assert math.isnan(number("gone", column))
    assert canonical_text("-999", column) is None


def test_moment_known_answers():
    assert moment("1970-01-01", DATE) == 0.0
    assert moment(date(1969, 12, 31), DATE) == -86400.0
    assert moment("2024-02-29T12:00:00.000001", DATE) == 1709208000.000001
    assert moment("2024-02-29T12:00:00.123456789", DATE) == moment("2024-02-29T12:00:00.123456", DATE)
    assert math.isnan(moment("", DATE))


def test_moment_in_a_zone():
    berlin = Column("d", "datetime", "datetime", zone="Europe/Berlin")
    noon = datetime(2024, 7, 1, 10, tzinfo=UTC).timestamp()
    assert moment("2024-07-01 12:00", berlin) == noon
    assert moment("2024-07-01 12:00+00:00", berlin) == noon + 7200
    assert moment(datetime(2024, 7, 1, 12), berlin) == noon
    assert canonical_text("2024-07-01 12:00", berlin) == "2024-07-01T10:00:00Z"
    east = Column("d", "datetime", "datetime", zone="+02:00")
    assert moment("2024-07-01 12:00", east) == noon
    with pytest.raises(ColumnError, match="zone='Mars/North'"):
        moment("2024-07-01", Column("d", "datetime", "datetime", zone="Mars/North"))


def test_a_zone_may_move_a_moment_out_of_the_calendar():
    berlin = Column("d", "datetime", "datetime", zone="Europe/Berlin")
    assert canonical_text("0001-01-01", berlin) == "0001-01-01"
    assert canonical_text(date(1, 1, 1), berlin) == "0001-01-01"
    assert moment("0001-01-01", berlin) < moment("1900-01-01", berlin)


def test_moment_in_a_format():
    column = Column("d", "datetime", "datetime", format="%d/%m/%Y")
    assert moment("31/01/2024", column) == moment("2024-01-31", DATE)
    digits = Column("d", "datetime", "datetime", format="%Y%m%d")
    assert moment(20240131, digits) == moment("20240131", digits) == moment("2024-01-31", DATE)
    with pytest.raises(Unreadable, match="format %d/%m/%Y"):
        moment("2024-01-31", column)


@pytest.mark.parametrize(
    "value", ["2024-02-30", "20240131", 5, 5.0, True, "2024-1-1", "24-01-01", "2024-01-01T25:00"]
)
def test_moment_refuses(value):
    with pytest.raises(Unreadable):
        moment(value, DATE)


def test_number_of_a_column_of_dates_is_its_moment():
    assert number("1970-01-02", DATE) == 86400.0


def test_foreign_missing_values():
    pandas = pytest.importorskip("pandas")
    for value in (pandas.NA, pandas.NaT):
        assert math.isnan(number(value, NUMBER))
        assert canonical_text(value, TEXT) is None
        assert math.isnan(moment(value, DATE))


def test_long_values_are_cut_in_messages():
    with pytest.raises(Unreadable) as caught:
        number("x" * 10_000, NUMBER)
    assert len(str(caught.value)) < 200


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_text_reads_back_equal(value):
    text = canonical_text(value, NUMBER)
    assert number(text, NUMBER) == value
    assert canonical_text(text, NUMBER) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_keep_every_digit(value):
    assert canonical_text(value, NUMBER) == canonical_text(str(value), NUMBER) == str(value)


@given(st.datetimes())
def test_moments_read_back_to_the_microsecond(value):
    text = canonical_text(value, DATE)
    assert canonical_text(text, DATE) == text
    assert moment(text, DATE) == moment(value, DATE)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.binary(), st.dates()))
def test_canonical_text_never_raises_and_is_stable(value):
    for column in (NUMBER, TEXT, TRUTH, DATE, COMMA):
        text = canonical_text(value, column)
        assert text is None or (text == text.strip() and text)


@pytest.mark.parametrize(
    ("value", "infinite"),
    [
        ("inf", True), ("-inf", True), ("+INF", True), (" Infinity ", True), ("-infinity", True),
        ("1e400", True), ("-1e999", True), ("9" * 400, True), (math.inf, True), (-math.inf, True),
        (np.float32("inf"), True), (Decimal("-Infinity"), True), (10**400, True),
        ("info", False), ("infinite", False), ("1e308", False), ("1e4", False), ("nan", False), ("", False),
        ("1,5e400", False), (1.5, False), (7, False), (True, False), (None, False), (math.nan, False),
        (Decimal("1.5"), False), (date(2024, 1, 31), False), ("2024-01-31", False),
    ],
)  # fmt: skip
def test_infinities_are_told_from_words_and_from_numbers(value, infinite):
    assert is_infinite(value, NUMBER) is infinite
    if infinite:
        with pytest.raises(Unreadable):
            number(value, NUMBER)


def test_an_infinity_with_a_decimal_comma():
    assert is_infinite("1,5e400", COMMA) and is_infinite("inf", COMMA) and not is_infinite("1.5e400", COMMA)
