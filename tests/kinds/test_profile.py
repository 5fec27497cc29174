import json

import msgspec
import numpy as np
import pytest

from justright.kinds import Profile, infer_schema
from justright.source import open_source


@pytest.fixture
def profile():
    table = {
        "x": [*np.arange(101.0), None],
        "t": ["a", "b", "a", *["NA"] * 99],
        "d": ["2024-01-31", *["2024-02-01 08:30"] * 101],
        "b": [True, *[False] * 101],
    }
    return infer_schema(open_source(table))[1]


def test_numbers(profile):
    x = profile.column("x")
    assert (x.rows, x.missing, x.unreadable, x.distinct, x.distinct_exact) == (102, 1, 0, 101, True)
    assert (x.minimum, x.maximum, x.mean) == (0.0, 100.0, 50.0)
    assert x.deviation == pytest.approx(np.std(np.arange(101)))
    assert x.quantiles == (5.0, 25.0, 50.0, 75.0, 95.0)


def test_categories_and_dates(profile):
    t = profile.column("t")
    assert t.top == (("a", 2), ("b", 1))
    assert t.missing == 99
    assert t.notes == ("marks of missing: 'NA' (99)",)
    d = profile.column("d")
    assert (d.first, d.last) == ("2024-01-31", "2024-02-01T08:30:00")
    assert profile.column("b").top == (("false", 101), ("true", 1))


def test_it_is_json(profile):
    data = msgspec.json.encode(profile)
    assert msgspec.json.decode(data, type=Profile) == profile
    json.loads(data, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def test_unknown_columns(profile):
    with pytest.raises(KeyError, match="nope"):
        profile.column("nope")
