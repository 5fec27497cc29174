"""Numbers and names as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.report.wording import count, listed, number, percent, plain, sentence, short


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "\u2013"),
        (math.nan, "\u2013"),
        (0.0, "0"),
        (9999.5, "10,000"),
        (12345.6, "12,350"),
        (1e-9, "1e-09"),
    ],
)
def test_number(value: float | None, written: str) -> None:
    assert number(value) == written


@given(st.floats(min_value=1000.0, max_value=1e9))
def test_short_keeps_three_digits_and_writes_no_exponent(value: float) -> None:
    written = short(value)
    assert "e" not in written
    assert float(written.replace(",", "")) == pytest.approx(value, rel=0.0051)


@given(st.floats(min_value=1e-6, max_value=1.0))
def test_percent_is_near_and_never_zero(share: float) -> None:
    written = float(percent(share).removesuffix(" %"))
    assert written == pytest.approx(100 * share, rel=0.5)
    assert written > 0


@given(st.text(max_size=200))
def test_plain_is_one_printable_line_within_its_limit(text: str) -> None:
    clean = plain(text, limit=20)
    assert len(clean) <= 20
    assert len(clean.splitlines()) <= 1
    assert not any(mark in clean for mark in "\x00\x1b\u202e\u2066")


def test_plain_survives_a_lone_surrogate() -> None:
    assert plain("a\ud800b") == "a?b"


def test_sentence_writes_large_numbers_out_and_leaves_small_ones() -> None:
    assert sentence("about -1.5e+06 and 2e-05 of 3.77e+04") == "about -1,500,000 and 2e-05 of 37,700"


def test_listed() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(range(4), limit=2) == "0, 1 and 2 more"


def test_count() -> None:
    assert count(1234567.0) == "1,234,567"
