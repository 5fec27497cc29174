"""Calendar parts and cycles against Python's own calendar."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.features.plan import canonical
from justright.features.time import CALENDAR, CYCLES, calendar, cyclic
from justright.schema import Column

EPOCH = dt.datetime(1970, 1, 1)
MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23))


@given(st.lists(MOMENTS, min_size=1, max_size=10))
def test_parts_are_those_of_the_calendar(moments):
    seconds = np.array([(m - EPOCH).total_seconds() for m in moments])
    for part, texts in CALENDAR.items():
        read = {"hour": lambda m: m.hour, "weekday": lambda m: m.weekday(), "month": lambda m: m.month - 1}
        assert calendar(seconds, part).tolist() == [read[part](m) for m in moments]
        assert max(calendar(seconds, part)) < len(texts)


@given(st.lists(MOMENTS, min_size=1, max_size=10))
def test_waves_lie_on_the_circle(moments):
    seconds = np.array([(m - EPOCH).total_seconds() for m in moments])
    for name, length in CYCLES.items():
        sine, cosine = cyclic(seconds, f"{name}-sin"), cyclic(seconds, f"{name}-cos")
        np.testing.assert_allclose(sine**2 + cosine**2, 1.0, rtol=1e-12)
        angle = [2 * math.pi * math.fmod(s, length) / length for s in seconds]
        np.testing.assert_allclose(sine, np.sin(angle), atol=1e-9)
        np.testing.assert_allclose(cosine, np.cos(angle), atol=1e-9)


def test_missing_stays_missing():
    gone = np.array([np.nan, 0.0])
    assert np.isnan(cyclic(gone, "trend")[0])
    assert np.isnan(cyclic(gone, "year-cos")[0])
    assert calendar(gone, "hour").tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("zone", "text", "hour", "weekday"),
    [
        ("", "2024-03-10T23:30:00", 23, "sun"),
        ("UTC", "2024-03-10T23:30:00", 23, "sun"),
        ("Europe/Paris", "2024-03-10T00:30:00", 23, "sat"),
        ("Asia/Tokyo", "2024-03-10T08:00:00", 23, "sat"),
        ("+05:30", "2024-03-10T05:30:00", 0, "sun"),
        ("", "2024-03-10T23:30:00-02:00", 1, "mon"),
    ],
)
def test_a_zone_moves_the_moment_to_utc(zone, text, hour, weekday):
    column = Column("t", "datetime", "datetime", zone=zone)
    moment = canonical([text], column).numbers
    assert calendar(moment, "hour").tolist() == [hour]
    assert CALENDAR["weekday"][calendar(moment, "weekday")[0]] == weekday
