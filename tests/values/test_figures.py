"""Figures as people read them: known texts, and what holds for all numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.schema import Value
from justright.values import figure, figures_in, interval, interval_known


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (math.nan, "-"), (math.inf, "-"), (-math.inf, "-"), (0.0, "0"), (-0.0, "0"), (2.0, "2"),
        (37712.4, "37,710"), (-12345.6, "-12,350"), (9999.4, "9999"), (9999.6, "10,000"), (1985.0, "1985"),
        (1234567.8, "1,235,000"), (1e9, "1,000,000,000"), (1.2345e9, "1.234e+09"), (-3e12, "-3e+12"),
        (0.123456, "0.1235"), (0.5, "0.5"), (0.0001, "0.0001"), (0.000123456, "0.0001235"), (1e-7, "1e-07"),
        (99.996, "100"), (7, "7"), (123456, "123,500"),
    ],
)  # fmt: skip
def test_figures_of_four_digits(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(37712.4, 3, "37,700"), (37712.4, 2, "38,000"), (1234.0, 3, "1230"), (19254.84, 6, "19,254.8"),
     (0.12345, 3, "0.123"), (999.96, 3, "1000"), (1e9 + 1, 3, "1,000,000,000")],
)  # fmt: skip
def test_other_numbers_of_digits(value, digits, text):
    assert figure(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(99999.0, "99,999"), (-99999, "-99,999"), (99999.5, "100,000"), (2e10, "2e+10")]
)
def test_values_of_the_table_stay_whole(value, text):
    assert figure(value, whole=True) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 8))
def test_a_figure_reads_back_as_the_rounded_number(value, digits):
    text = figure(value, digits)
    assert float(text.replace(",", "")) == float(f"{value:.{digits - 1}e}")
    if 1e-4 <= abs(float(f"{value:.{digits - 1}e}")) <= 1e9:
        assert "e" not in text
        assert all(len(group) == 3 for group in text.split(".")[0].lstrip("-").split(",")[1:])


@given(st.floats(1, 9e8), st.integers(2, 4))
def test_a_sentence_is_rewritten_as_the_number_would_be(value, digits):
    told = figures_in(f"off by {value:.{digits}g} ({value:.{digits}g}).")
    assert told == f"off by {figure(value, digits)} ({figure(value, digits)})."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("off by 3.77e+04 (3.7e+04 to 3.95e+04)", "off by 37,700 (37,000 to 39,500)"),
        ("at -1.5e+06.", "at -1,500,000."),
        ("x = 1.23457e+06 or more", "x = 1,234,570 or more"),
        ("2e+12 rows and 1e-05", "2e+12 rows and 1e-05"),
        ("file 1e+05.csv, x1e+05, v1.2e+04a", "file 1e+05.csv, x1e+05, v1.2e+04a"),
    ],
)
def test_sentences(text, told):
    assert figures_in(text) == told


def test_intervals():
    assert interval(Value(1.0, -0.12345, 20000.0)) == "-0.1235 to 20,000"
    assert interval(Value(1.0, -0.12345, 20000.0), 2) == "-0.1235 to 20,000"


@pytest.mark.parametrize(
    ("ends", "rows", "known"),
    [
        ((3.5, 3.5), 2, False), ((3.5, 3.5 + 1e-12), 29, False), ((3.5, 3.5), 30, True),
        ((3.4, 3.6), 2, True),
        ((math.nan, math.nan), 500, False), ((3.5, math.inf), 500, False),
    ],
)  # fmt: skip
def test_few_rows_that_agree_are_no_certainty(ends, rows, known):
    value = Value(3.5, *ends)
    assert interval_known(value, rows) is known
    assert (interval(value, rows) == "unknown") is not known


def test_equal_ends_in_a_sentence():
    text = "off by at most 3.5 (3.5 to 3.5), more than 4e+04 (4e+04 to 4e+04), or 2 (1 to 2)."
    assert figures_in(text, 29) == (
        "off by at most 3.5 (interval unknown), more than 40,000 (interval unknown), or 2 (1 to 2)."
    )
    assert figures_in(text, 30) == figures_in(text) == text.replace("4e+04", "40,000")


def test_a_figure_of_nothing_is_no_certainty_either():
    assert not interval_known(Value(0.0, 0.0, 0.0), 5)
