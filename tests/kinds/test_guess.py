import datetime as dt

import pyarrow as pa
import pytest

from justright.kinds.guess import guess

DAY = dt.date(2024, 1, 31)


@pytest.mark.parametrize(
    ("array", "kind", "form"),
    [
        (pa.array([True, False, None]), "boolean", "boolean"),
        (pa.array([True, True]), "constant", "boolean"),
        (pa.array([DAY, DAY + dt.timedelta(1)]), "datetime", "datetime"),
        (pa.array([DAY, DAY]), "constant", "datetime"),
        (pa.array([1_001, 2_002_002], pa.timestamp("ns", "UTC")), "datetime", "datetime"),
        (pa.array([1, 2, 3], pa.uint8()), "numeric", "number"),
        (pa.array([1.5, 2.5], pa.float16()), "numeric", "number"),
        (pa.array(["1.50", "2.25"]).cast(pa.decimal128(5, 2)), "numeric", "number"),
        (pa.array(["a", "b"]).dictionary_encode(), "categorical", "text"),
        (pa.array([[1], [2]]), "categorical", "text"),
        (pa.array([3, 4], pa.time32("s")), "categorical", "text"),
        (pa.array([1_000, 2_000_000], pa.duration("ns")), "numeric", "number"),
        (pa.array([float("inf"), 1.0, 2.0]), "numeric", "number"),
        (pa.array([b"\xff", b"a"]), "categorical", "text"),
        (pa.array(["a", "b"]).cast(pa.string_view()).dictionary_encode(), "categorical", "text"),
        (pa.nulls(3), "constant", "text"),
        (pa.array(["", " ", "NA", None]), "constant", "text"),
        (pa.array([float("nan"), None]), "constant", "text"),
    ],
)
def test_every_type(seen, array, kind, form):
    found = guess(seen(array))
    assert (found.kind, found.form) == (kind, form)
    assert found.reason


def test_the_zone_of_a_type_is_kept(seen):
    assert guess(seen(pa.array([1, 2], pa.timestamp("us", "Europe/Rome")))).zone == "Europe/Rome"


def test_a_column_without_a_value_says_so(seen):
    assert guess(seen(["NA", None])).reason == "no value in any row"
